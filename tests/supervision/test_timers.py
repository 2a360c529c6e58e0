"""Messages that are sent later and again and again, on the tree's clock."""

from __future__ import annotations

import math

import pytest
from scripted import Journal, Probe, do, spec

from supervision import Ref, Restart, Tree, VirtualClock
from supervision.timers import SendAfter, SendInterval


@pytest.fixture
def journal() -> Journal:
    """What the actor hears."""
    return Journal()


@pytest.fixture
def ref(tree: Tree, journal: Journal) -> Ref:
    """A probe."""
    started = tree.start_child(spec("a", Probe, journal, restart=Restart.TEMPORARY))
    assert started is not None
    return started


def test_cancel_tells_what_was_left(ref: Ref, clock: VirtualClock) -> None:
    """erlang:cancel_timer and read_timer: the time left, or that it is too late."""
    timer = do(ref, lambda actor: actor.send_after(5.0, "later"))
    clock.advance(2.0)

    assert timer.read() == 3.0
    assert timer.cancel() == 3.0
    assert timer.cancel() is None
    assert timer.read() is None


def test_cancel_after_the_message_was_sent_is_too_late(
    ref: Ref, clock: VirtualClock, journal: Journal
) -> None:
    """The twin: it is in the mailbox, or handled."""
    timer = do(ref, lambda actor: actor.send_after(5.0, "later"))
    clock.advance(5.0)

    assert timer.read() is None
    assert timer.cancel() is None
    do(ref)
    assert journal.notes == ["later"]


def test_a_timer_may_be_for_another_actor(
    tree: Tree, ref: Ref, clock: VirtualClock, journal: Journal
) -> None:
    """``to``: erlang:send_after(Time, Dest, Msg)."""
    other = tree.start_child(spec("b"))
    assert other is not None
    do(
        other,
        lambda actor: (actor.send_after(1.0, "once", to=ref), actor.send_interval(2.0, "often", to=ref)),
    )

    clock.advance(4.0)
    do(ref)

    assert journal.notes == ["once", "often", "often"]


def test_an_interval_sends_until_it_is_cancelled(ref: Ref, clock: VirtualClock, journal: Journal) -> None:
    """Every so many seconds from when it was made, without drift; cancel tells whether it was running."""
    interval = do(ref, lambda actor: actor.send_interval(2.0, "tick"))

    clock.advance(1.9)
    do(ref)
    assert journal.notes == []
    clock.advance(4.2)
    do(ref)
    assert journal.notes == ["tick"] * 3
    assert interval.cancel() is True
    assert not interval._timer.is_pending()
    assert interval.cancel() is False
    clock.advance(100.0)
    do(ref)
    assert journal.notes == ["tick"] * 3


def test_an_interval_does_not_drift(ref: Ref) -> None:
    """A clock that is late with one message is not late with all that follow."""
    clock = VirtualClock()
    now = clock.now
    vars(clock)["now"] = lambda: now() + 0.25  # later than it was to be
    interval = SendInterval(clock, 2.0, "tick", ref)
    (first,) = [timer.deadline for *_, timer in clock._agenda._heap]
    clock.advance(10.0)

    assert (interval._timer.deadline - first) % 2.0 == 0


def test_an_interval_ends_with_its_receiver(ref: Ref, clock: VirtualClock) -> None:
    """Nothing is left on the clock of who has ended."""
    interval = do(ref, lambda actor: actor.send_interval(2.0, "tick"))
    ref.stop()
    clock.advance(2.0)

    assert not interval._timer.is_pending()
    assert interval.cancel() is False


@pytest.mark.parametrize("period", [0, -1.0, math.inf, math.nan])
def test_an_interval_has_a_length(ref: Ref, clock: VirtualClock, period: float) -> None:
    """None would send without end at once; refused where it is asked for."""
    with pytest.raises(ValueError, match="expected seconds > 0"):
        SendInterval(clock, period, "tick", ref)


@pytest.mark.parametrize("delay", [-1.0, math.nan])
def test_a_delay_is_not_negative(ref: Ref, clock: VirtualClock, delay: float) -> None:
    """As in Erlang; a NaN would never be due, nor let others be. 0 is at once, and inf never."""
    with pytest.raises(ValueError, match="expected seconds >= 0"):
        SendAfter(clock, delay, "later", ref)
    assert SendAfter(clock, math.inf, "never", ref).read() == math.inf
