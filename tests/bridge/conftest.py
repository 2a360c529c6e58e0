"""A house for each test: its own hub, and no leak at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bridge_house import House, Life


@pytest.fixture
def house(no_leaks: None) -> Iterator[House]:
    """A hub; everything that it launched is buried at the end, and nothing is left open."""
    house = House()
    yield house
    house.close()


@pytest.fixture
def life(house: House) -> Life:
    """An interpreter that has shaken hands."""
    return house.ready()
