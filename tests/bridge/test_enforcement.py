"""The steps of a call's ending, taken by several threads, at the edge of the call's end; scripted, on a virtual clock."""

from __future__ import annotations

from bridge.certificate import Verdict
from bridge.enforcement import CANCELLED, OVERRAN, Enforcement
from bridge.ladder import Graces
from supervision.clock import VirtualClock


class Target:
    """Takes down what is done to it."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def flag(self, call_id: int) -> None:
        self.steps.append(f"flag {call_id}")

    def interrupt(self, call_id: int, why: str, verdict: Verdict) -> None:
        self.steps.append(f"interrupt {call_id}")

    def terminate(self, why: str, verdict: Verdict, call_id: int) -> None:
        self.steps.append(f"terminate: {why}")

    def kill(self, why: str, verdict: Verdict, call_id: int) -> None:
        self.steps.append(f"kill: {verdict.value}")


def an_enforcement() -> tuple[Enforcement, Target, VirtualClock]:
    """Return one with graces of a second each."""
    target, clock = Target(), VirtualClock()
    return Enforcement(target, Graces(flag=1, interrupt=1, terminate=1), clock), target, clock


def test_two_who_wait_for_the_same_step_take_it_once() -> None:
    """The second comes from the same pause: what it waited for is done, and says nothing of the next grace."""
    enforcement, target, _ = an_enforcement()
    enforcement.begin(1, CANCELLED, lambda: True)
    first = enforcement.advance(1)
    assert first is not None

    pauses = [enforcement.advance(1, first.until) for _ in range(3)]

    assert target.steps == ["flag 1", "interrupt 1"]
    assert [pause.seconds for pause in pauses if pause is not None] == [1.0, 1.0, 1.0]


def test_a_clock_that_stands_still_does_not_hold_it_up() -> None:
    """What was waited for counts, so the last step comes after three pauses."""
    enforcement, target, _ = an_enforcement()
    enforcement.begin(1, OVERRAN, lambda: True)
    pause = enforcement.advance(1)
    pauses = 0
    while pause is not None:
        pauses += 1
        pause = enforcement.advance(1, pause.until)

    assert (pauses, target.steps) == (
        3,
        ["flag 1", "interrupt 1", "terminate: its call was not done in time", "kill: deadline"],
    )


def test_nothing_is_done_to_a_call_that_is_over() -> None:
    """Not before the first step, and not between two: the next call is in the interpreter by then."""
    enforcement, target, clock = an_enforcement()
    assert not enforcement.begin(1, CANCELLED, lambda: False)
    assert (target.steps, enforcement.is_active) == ([], False)

    enforcement.begin(2, CANCELLED, lambda: True)
    assert enforcement.is_active
    assert enforcement.finish(2) == (CANCELLED, False)
    clock.advance(100)
    assert enforcement.advance(2) is None
    enforcement.begin(3, OVERRAN, lambda: True)
    assert enforcement.advance(2, 1000.0) is None
    assert target.steps == ["flag 2", "flag 3"]


def test_the_first_cause_stays() -> None:
    """A deadline that passes while a call is being cancelled goes on with the same ladder."""
    enforcement, target, clock = an_enforcement()
    enforcement.begin(1, CANCELLED, lambda: True)
    clock.advance(1)
    enforcement.advance(1)
    enforcement.begin(1, OVERRAN, lambda: True)
    clock.advance(1)
    enforcement.advance(1)

    assert target.steps == ["flag 1", "interrupt 1", "flag 1", "terminate: its call was cancelled"]
    assert enforcement.is_doomed(1)
    assert enforcement.finish(1) == (CANCELLED, True)
    assert enforcement.is_doomed(1)
    assert not enforcement.is_doomed(2)
