"""The rule of the ladder: flag, SIGINT, SIGTERM, SIGKILL, each once, each after its grace."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ladder import Graces, Ladder, Step


def taken(ladder: Ladder, now: float) -> tuple[Ladder, list[Step]]:
    """Return the ladder after all that is due at *now*, and that."""
    steps: list[Step] = []
    while True:
        ladder, step = ladder.advance(now)
        if step is None:
            return ladder, steps
        steps.append(step)


def test_each_step_comes_after_its_grace_and_not_before() -> None:
    """The flag at once; then nothing until the grace is over to the last moment."""
    ladder, steps = taken(Ladder(Graces(flag=1, interrupt=2, terminate=4), 100.0), 100.0)
    assert steps == [Step.FLAG]
    for just_before, at, step in [
        (100.9, 101.0, Step.INTERRUPT),
        (102.9, 103.0, Step.TERMINATE),
        (106.9, 107.0, Step.KILL),
    ]:
        assert taken(ladder, just_before) == (ladder, [])
        ladder, steps = taken(ladder, at)
        assert steps == [step]
    assert (ladder.next, taken(ladder, math.inf)[1]) == (None, [])


def test_a_step_that_is_late_leaves_the_next_grace_whole() -> None:
    """Whoever comes late to the interrupt gives the code its full time to clean up."""
    ladder, _ = taken(Ladder(Graces(flag=1, interrupt=2, terminate=4), 0.0), 0.0)

    ladder, steps = taken(ladder, 50.0)

    assert (steps, ladder.due_at) == ([Step.INTERRUPT], 52.0)


@pytest.mark.parametrize(
    ("graces", "expected"),
    [
        (Graces(flag=0, interrupt=0, terminate=0), [Step.FLAG, Step.KILL]),
        (Graces(flag=0, interrupt=1, terminate=0), [Step.FLAG, Step.INTERRUPT]),
        (Graces(flag=0, interrupt=0, terminate=1), [Step.FLAG, Step.TERMINATE]),
    ],
)
def test_a_signal_without_grace_is_not_sent(graces: Graces, expected: list[Step]) -> None:
    """What nobody may wait for has no use; the flag comes always, since SIGINT needs it."""
    assert taken(Ladder(graces, 0.0), 0.0)[1] == expected


def test_after_sigterm_nothing_lives_on() -> None:
    """Until then an interpreter may serve again."""
    ladder = Ladder(Graces(flag=1, interrupt=1, terminate=1), 0.0)
    fatal = []
    for now in (0.0, 1.0, 2.0, 3.0):
        ladder, steps = taken(ladder, now)
        fatal.append((steps, ladder.is_fatal))

    assert fatal == [
        ([Step.FLAG], False),
        ([Step.INTERRUPT], False),
        ([Step.TERMINATE], True),
        ([Step.KILL], True),
    ]


@given(
    st.tuples(*[st.floats(0, 100)] * 3),
    st.lists(st.floats(0, 50), max_size=50),
)
def test_any_times(graces: tuple[float, ...], gaps: list[float]) -> None:
    """However it is asked: each step at most once, in order, never before the graces ahead of it are over; then a kill."""
    ladder = Ladder(Graces(flag=graces[0], interrupt=graces[1], terminate=graces[2]), 0.0)
    now, found = 0.0, []
    for gap in [*gaps, 101.0, 101.0, 101.0, 101.0]:
        now += gap
        ladder, steps = taken(ladder, now)
        found += [(step, now) for step in steps]

    steps = [step for step, _ in found]
    assert steps == [step for step in Step if step in steps]
    assert steps[-1] is Step.KILL
    earliest = dict(zip(Step, (0.0, graces[0], sum(graces[:2]), sum(graces)), strict=True))
    assert all(at >= earliest[step] - 1e-9 for step, at in found)


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "1", None, True])
@pytest.mark.parametrize("name", ["flag", "interrupt", "terminate"])
def test_a_grace_is_finite(name: str, value: Any) -> None:
    """Else a call would not end in time."""
    with pytest.raises(ValueError, match=rf"{name}=.*seconds >= 0"):
        Graces(**{name: value})


def test_the_total_is_what_a_call_can_take_longer() -> None:
    """The defaults are bounded by a little more than a second."""
    assert Graces(flag=1, interrupt=2, terminate=4).total == 7
    assert Graces().total <= 1.5
