"""How long a restart waits: one pure function, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest

from supervision import Actor, Backoff, ChildSpec
from supervision.errors import InvalidSpec


def test_the_wait_grows_by_the_factor_to_the_limit() -> None:
    """Counted from one; without jitter exactly."""
    backoff = Backoff(first=0.1, factor=3.0, limit=2.0, jitter=0.0)

    assert [backoff.delay(nth, 0.9) for nth in (1, 2, 3, 4)] == [0.1, 0.1 * 3.0, 0.1 * 9.0, 2.0]


def test_a_factor_of_one_keeps_it() -> None:
    """The twin: nothing grows."""
    assert [Backoff(first=0.5, factor=1, jitter=0).delay(nth, 0.0) for nth in (1, 9)] == [0.5, 0.5]


@pytest.mark.parametrize(("jitter", "chance", "part"), [(0.5, 0.0, 1.0), (0.5, 0.5, 0.75), (1.0, 0.75, 0.25)])
def test_chance_takes_its_part(jitter: float, chance: float, part: float) -> None:
    """The jitter is the part that chance may take away; the limit stays the longest."""
    assert Backoff(first=4.0, limit=4.0, jitter=jitter).delay(5, chance) == 4.0 * part


def test_a_row_without_end_stays_at_the_limit() -> None:
    """However large the power becomes."""
    assert Backoff(jitter=0.0, limit=30.0).delay(10_000, 0.0) == 30.0


def test_the_defaults() -> None:
    """A tenth of a second, doubled up to half a minute, half of it left to chance; a minute ends the row."""
    assert Backoff() == Backoff(first=0.1, factor=2.0, limit=30.0, jitter=0.5, reset_after=60.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *(({field: bad}, "finite seconds > 0") for field in ("first", "limit", "reset_after")
          for bad in (0, -1.0, math.inf, math.nan, True, "1", None)),
        *(({"factor": bad}, "a finite number >= 1") for bad in (0.5, 0, math.inf, math.nan, True, "2", None)),
        *(({"jitter": bad}, "a number from 0 to 1") for bad in (-0.1, 1.1, math.nan, True, False, "1", None)),
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_value_is_refused(given: dict[str, Any], expected: str) -> None:
    """It is named with what was expected."""
    with pytest.raises(InvalidSpec, match=expected) as raised:
        Backoff(**given)

    ((field, value),) = given.items()
    assert (raised.value.field, raised.value.expected) == (field, expected)
    assert raised.value.given is value


@pytest.mark.parametrize(
    "given", [{"jitter": 0}, {"jitter": 1}, {"factor": 1}, {"first": 1e-9}, {"limit": 1}]
)
def test_the_limits_themselves_are_taken(given: dict[str, Any]) -> None:
    """The twin."""
    backoff = Backoff(**given)

    assert {field: getattr(backoff, field) for field in given} == given


@pytest.mark.parametrize("bad", [1.0, True, "backoff", Backoff])
def test_a_spec_takes_a_backoff_or_none(bad: Any) -> None:
    """A number would be ambiguous."""
    with pytest.raises(InvalidSpec, match=r"backoff .* expected a Backoff, or None"):
        ChildSpec(id="a", start=Actor, backoff=bad)

    assert ChildSpec(id="a", start=Actor, backoff=Backoff()).backoff == Backoff()
