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
    ],
)
def test_who_shares_the_fate(strategy: Strategy, failed: str, expected: list[str]) -> None:
    """one_for_one: itself; rest_for_one: itself and those started after it, in start order."""
    assert list(affected(strategy, ("a", "b", "c"), failed)) == expected


def test_one_for_one_does_not_look_at_the_siblings() -> None:
    """A restart costs no more among ten thousand siblings than among two."""

    def siblings() -> Iterator[str]:
        raise AssertionError("looked at")
        yield

    assert list(affected(Strategy.ONE_FOR_ONE, siblings(), "b")) == ["b"]
