"""Who shares a fate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervision.child_spec import Strategy
from supervision.strategy import affected


@pytest.mark.parametrize(
    ("strategy", "failed", "expected"),
    [
        (Strategy.ONE_FOR_ONE, "a", ["a"]),
        (Strategy.ONE_FOR_ONE, "c", ["c"]),
        (Strategy.REST_FOR_ONE, "a", ["a", "b", "c"]),
        (Strategy.REST_FOR_ONE, "b", ["b", "c"]),
        (Strategy.REST_FOR_ONE, "c", ["c"]),
        (Strategy.ONE_FOR_ALL, "a", ["a", "b", "c"]),
        (Strategy.ONE_FOR_ALL, "c", ["a", "b", "c"]),
        (Strategy.SIMPLE_ONE_FOR_ONE, "b", ["b"]),
    ],
)
def test_who_shares_the_fate(strategy: Strategy, failed: str, expected: list[str]) -> None:
    """One_for_one: itself; rest_for_one: itself and those started after it; one_for_all: all; in start order."""
    assert list(affected(strategy, ("a", "b", "c"), failed)) == expected


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.SIMPLE_ONE_FOR_ONE])
def test_one_for_one_does_not_look_at_the_siblings(strategy: Strategy) -> None:
    """A restart costs no more among ten thousand siblings than among two."""

    def siblings() -> Iterator[str]:
        raise AssertionError("looked at")
        yield

    assert list(affected(strategy, siblings(), "b")) == ["b"]
