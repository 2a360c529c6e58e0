"""Restarts that wait: opt-in, in virtual time; what is done at once, what waits, what counts, what is obsolete."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import CRASH, Bench, kinds

from supervision import Actor, Backoff, ChildSpec, Restart, Strategy, SupFlags, administration, decisions
from supervision.commands import Report, RetryLater, Start
from supervision.errors import AlreadyPresent, ChildRestarting
from supervision.events import ChildRestarted, ChildRestartFailed

WAITS = Backoff(first=1.0, factor=2.0, limit=5.0, jitter=0.0, reset_after=10.0)


def bench(strategy: Strategy = Strategy.ONE_FOR_ONE, intensity: int = 10, **children: Any) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    made = Bench(
        SupFlags(strategy=strategy, intensity=intensity, period=1000.0),
        [ChildSpec(id=id, start=Actor, **options) for id, options in children.items()],
    )
    made.log.clear()
    return made


def test_a_restart_waits_and_then_happens() -> None:
    """The child is shown as restarting in between; the start is reported when it happened."""
    sup = bench(a={"backoff": WAITS}, b={})

    assert sup.crash("a") == [RetryLater("a", number=1, delay=1.0)]
    assert sup.log == []
    assert sup.row("a").restarting
    assert sup.running() == ["b"]
    sup.now = 1.0
    assert sup.due() == [Report(ChildRestarted(supervisor="sup", child="a", restarts=1))]
    assert sup.log == ["start a"]
    assert not sup.row("a").restarting


def test_without_a_backoff_nothing_waits() -> None:
    """The twin, and OTP's way: off by default."""
    sup = bench(a={}, b={"backoff": WAITS})

    assert sup.row("a").spec.backoff is None
    assert isinstance(sup.exits("a")[0], Start)


def test_waits_grow_with_each_restart_in_a_row() -> None:
    """By the factor, up to the limit."""
    sup = bench(a={"backoff": WAITS})

    delays = []
    for _ in range(5):
        (retry,) = sup.crash("a")
        assert isinstance(retry, RetryLater)
        delays.append(retry.delay)
        sup.due()

    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.parametrize(("pause", "delay"), [(9.0, 2.0), (10.0, 2.0), (10.1, 1.0)])
def test_a_child_that_has_run_for_long_begins_anew(pause: float, delay: float) -> None:
    """The row of restarts is over when two ends are further apart than reset_after."""
    sup = bench(a={"backoff": WAITS})
    sup.now = 100.0
    sup.crash("a")
    sup.due()

    sup.now = 100.0 + pause
    (retry,) = sup.crash("a")

    assert retry == RetryLater("a", number=2, delay=delay)


def test_the_siblings_count_their_own_rows() -> None:
    """A child's waits grow with its own restarts."""
    sup = bench(a={"backoff": WAITS}, b={"backoff": WAITS})
    sup.crash("a")
    sup.due()

    assert sup.crash("a") == [RetryLater("a", number=2, delay=2.0)]
    assert sup.crash("b") == [RetryLater("b", number=3, delay=1.0)]


def test_chance_shortens_a_wait() -> None:
    """The jitter's part of it is left to the supervisor's chance, which is asked once for each wait."""
    chances = iter([0.0, 0.5])
    spec = ChildSpec(id="a", start=Actor, backoff=Backoff(first=1.0, factor=1.0, jitter=0.5))
    sup = Bench(specs=[spec], chance=lambda: next(chances))

    delays = []
    for _ in range(2):
        (retry,) = sup.crash("a")
        assert isinstance(retry, RetryLater)
        delays.append(retry.delay)
        sup.due()

    assert delays == [1.0, 0.75]


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
def test_who_shares_the_fate_is_stopped_at_once_and_waits_too(strategy: Strategy) -> None:
    """They stand on the child that ended, so they must not run while it does not; a temporary one is dropped."""
    sup = bench(strategy, a={"backoff": WAITS}, b={}, c={"restart": Restart.TEMPORARY}, d={})

    assert kinds(sup.crash("a")) == ["RetryLater a"]
    assert sup.log == ["stop d", "stop c", "stop b"]
    assert sup.running() == []
    sup.due()
    assert sup.log == ["start a", "start b", "start d"]
    assert sup.ids() == ["a", "b", "d"]


def test_a_sibling_without_a_backoff_takes_a_waiting_child_along() -> None:
    """A restart of one before it does not wait, and starts it too; its own is obsolete."""
    sup = bench(Strategy.REST_FOR_ONE, first={}, a={"backoff": WAITS})
    sup.crash("a")

    sup.crash("first")

    assert sup.log == ["start first", "start a"]
    assert sup.due() == []
    assert sup.log == []


def test_a_waiting_restart_counts_once() -> None:
    """It is counted when the child ended, and not again when it starts."""
    sup = bench(a={"backoff": WAITS})

    sup.crash("a")
    assert len(sup.state.window) == 1
    sup.due()
    assert len(sup.state.window) == 1


def test_waiting_restarts_count_towards_the_intensity() -> None:
    """One too many ends the supervisor at once: it does not wait before it gives up."""
    sup = bench(intensity=1, a={"backoff": WAITS})
    sup.crash("a")
    sup.due()

    report, end = kinds(sup.crash("a"))
    assert report == "Report"
    assert end.startswith("ExitSelf shutdown, because 'sup' gave up")


def test_a_restart_that_fails_after_its_wait_waits_longer_and_counts() -> None:
    """The next try is one more restart, counted when it is made."""
    sup = bench(a={"backoff": WAITS})
    sup.failing = {"a"}
    sup.crash("a")

    assert sup.due() == [
        Report(ChildRestartFailed(supervisor="sup", child="a", error="no disk")),
        RetryLater("a", number=2, delay=2.0),
    ]
    assert len(sup.state.window) == 1
    sup.failing = set()
    sup.due()
    assert len(sup.state.window) == 2
    assert sup.running() == ["a"]


def test_a_failed_try_does_not_begin_a_new_row() -> None:
    """However long ago the child last ended."""
    sup = bench(a={"backoff": WAITS})
    sup.failing = {"a"}
    sup.crash("a")
    sup.now = 500.0

    assert sup.due()[-1] == RetryLater("a", number=2, delay=2.0)


def test_a_waiting_child_can_be_terminated_and_not_deleted() -> None:
    """As one whose restart failed; its restart is then obsolete."""
    sup = bench(a={"backoff": WAITS})
    sup.crash("a")

    with pytest.raises(ChildRestarting):
        administration.delete(sup.state, "a")
    with pytest.raises(ChildRestarting):
        administration.restart_one(sup.state, "a")
    with pytest.raises(AlreadyPresent):
        administration.add(sup.state, sup.row("a").spec)
    sup.run(administration.stop_one(sup.state, "a"))

    assert sup.due() == []
    assert sup.row("a").ref is None
    assert not sup.row("a").restarting


def test_an_old_wait_does_not_shorten_a_new_one() -> None:
    """It waits, and comes with its sibling's restart; it ends again and waits anew: the first moment is no longer its."""
    sup = bench(Strategy.REST_FOR_ONE, first={}, a={"backoff": WAITS})
    sup.crash("a")
    old = sup.later.pop()
    sup.crash("first")
    sup.crash("a")

    assert decisions.retry_due(sup.state, old, CRASH, 1.0) == []
    assert sup.row("a").restarting
    sup.due()
    assert sup.log == ["start a"]


def test_a_restart_that_is_counted_already_is_not_taken_for_one_that_is_not() -> None:
    """It waits for its counted restart; its sibling's takes it along and fails at it: the next try counts."""
    sup = bench(Strategy.REST_FOR_ONE, first={}, a={"backoff": WAITS})
    sup.crash("a")
    sup.failing = {"a"}
    sup.crash("first")
    assert len(sup.state.window) == 2

    sup.failing = set()
    sup.due(sup.later[-1])

    assert len(sup.state.window) == 3
    assert sup.log == ["start a"]
