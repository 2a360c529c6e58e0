"""Time: virtual in every detail; real as far as needs no waiting."""

from __future__ import annotations

import math
import threading

import pytest
from scripted import Gate, Journal, timers_of

from supervision import MonotonicClock, VirtualClock
from supervision.clock import open_gate


def shut() -> threading.Lock:
    """Return a gate that is shut."""
    gate = threading.Lock()
    gate.acquire()
    return gate


def noting(journal: Journal, clock: VirtualClock, note: str) -> None:
    """Set down *note* with the present."""
    journal((clock.now(), note))


def test_virtual_timers_fire_in_order_each_at_its_own_moment() -> None:
    """By deadline, first come first among equals; now() is the timer's deadline while it runs."""
    clock, journal = VirtualClock(100.0), Journal()
    for deadline, name in ((103.0, "c"), (101.0, "a"), (102.0, "b1"), (102.0, "b2"), (110.0, "late")):
        clock.call_at(deadline, lambda name=name: noting(journal, clock, name))  # type: ignore[misc]

    clock.advance(5.0)

    assert journal.notes == [(101.0, "a"), (102.0, "b1"), (102.0, "b2"), (103.0, "c")]
    assert clock.now() == 105.0


def test_a_timer_made_inside_a_timer_fires_in_the_same_advance() -> None:
    """If it falls due in it; one that is due later waits for later."""
    clock, journal = VirtualClock(), Journal()

    def tick() -> None:
        noting(journal, clock, "tick")
        clock.call_at(clock.now() + 2.0, tick)

    clock.call_at(1.0, tick)
    clock.advance(6.0)

    assert journal.notes == [(1.0, "tick"), (3.0, "tick"), (5.0, "tick")]


def test_a_cancelled_timer_does_not_fire() -> None:
    """cancel() says whether it was still to come, once; the timer's twin fires."""
    clock, journal = VirtualClock(), Journal()
    cancelled = clock.call_at(1.0, lambda: journal("cancelled"))
    fired = clock.call_at(1.0, lambda: journal("fired"))

    assert cancelled.cancel()
    assert not cancelled.cancel()
    clock.advance(1.0)

    assert journal.notes == ["fired"]
    assert not fired.cancel()


def test_virtual_time_stands_still_and_never_goes_back() -> None:
    """Nothing happens until a test moves it; what is due in the past fires at the next advance, in the present."""
    clock, journal = VirtualClock(10.0), Journal()
    clock.call_at(3.0, lambda: noting(journal, clock, "past"))
    clock.call_at(math.inf, lambda: journal("never"))
    assert journal.notes == []

    clock.advance(0)

    assert journal.notes == [(10.0, "past")]
    with pytest.raises(ValueError, match="time does not go back"):
        clock.advance(-1)


@pytest.mark.parametrize("make", [VirtualClock, MonotonicClock])
def test_acquire_takes_an_open_gate_whatever_the_time(
    make: type[VirtualClock] | type[MonotonicClock],
) -> None:
    """With any timeout, 0 and infinity included; a shut one with timeout 0 is refused at once."""
    clock = make()
    for timeout in (-1.0, 0.0, 5.0, math.inf):
        assert clock.acquire(threading.Lock(), timeout)
        if timeout <= 0:
            assert not clock.acquire(shut(), timeout)
    clock.close()


def test_acquire_gives_up_when_virtual_time_passed() -> None:
    """The waiter goes on at its deadline, not before, and is told False."""
    clock, journal, gate = VirtualClock(), Journal(), shut()
    timers = timers_of(clock)
    thread = threading.Thread(target=lambda: journal((clock.acquire(gate, 5.0), clock.now())))
    thread.start()
    timers.wait(5.0)
    clock.advance(4.9)
    assert journal.notes == []
    clock.advance(0.1)
    thread.join()

    assert journal.notes == [(False, 5.0)]


def test_acquire_succeeds_when_the_gate_is_opened_in_time() -> None:
    """The twin: opened before the deadline, it is acquired, and the timer that is left opens nothing."""
    clock, journal, gate = VirtualClock(), Journal(), shut()
    thread = threading.Thread(target=lambda: journal(clock.acquire(gate, 5.0)))
    thread.start()

    open_gate(gate)
    thread.join()
    clock.advance(10.0)

    assert journal.notes == [True]
    assert gate.locked()


def test_opening_a_gate_whose_time_ran_out_is_fine() -> None:
    """The clock may have opened it in the same moment; whoever answers must not fail for that."""
    gate = shut()

    open_gate(gate)
    open_gate(gate)

    assert not gate.locked()


def test_real_timers_fire_in_order_and_cancelled_ones_do_not() -> None:
    """In a thread of the clock, by deadline; a deadline in the past is due at once, yet not inside call_at."""
    clock, journal, held = MonotonicClock("test"), Journal(), Gate()
    now = clock.now()
    clock.call_at(now - 3.0, held.pass_through)  # holds the clock's thread while the others are made
    for late, name in ((-0.5, "second"), (-1.0, "first"), (0.01, "third")):
        clock.call_at(now + late, lambda name=name: journal((name, threading.current_thread().name)))  # type: ignore[misc]
    clock.call_at(now - 0.7, lambda: journal("cancelled")).cancel()
    assert journal.notes == []

    held.set()
    journal.wait(("third", "test/timers"))
    clock.close()

    assert [name for name, _ in journal.notes] == ["first", "second", "third"]


def test_an_earlier_timer_wakes_the_clock_that_waits_for_a_later_one() -> None:
    """The thread waits for the next deadline, which a new timer may bring forward; one at infinity never comes."""
    clock, journal = MonotonicClock(), Journal()
    clock.call_at(math.inf, lambda: journal("never"))
    clock.call_at(clock.now() + 3600, lambda: journal("in an hour"))

    clock.call_at(clock.now(), lambda: journal("now"))
    journal.wait("now")
    clock.close()

    assert journal.notes == ["now"]


def test_a_real_clock_has_no_thread_until_needed_and_none_after_close() -> None:
    """close() ends the thread, is idempotent, and timers that are left, or made later, never fire."""
    clock, journal = MonotonicClock("idle"), Journal()
    assert not [thread for thread in threading.enumerate() if thread.name == "idle/timers"]
    left = clock.call_at(clock.now() + 3600, lambda: journal("left"))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "idle/timers"]

    clock.close()
    clock.close()

    assert not thread.is_alive()
    assert not clock.call_at(clock.now() - 1, lambda: journal("late")).cancel()
    assert left.cancel()
    assert journal.notes == []


def test_a_timer_may_close_its_clock() -> None:
    """From the clock's own thread close() does not wait for itself."""
    clock, journal = MonotonicClock(), Journal()

    def end() -> None:
        clock.close()
        journal("closed")

    clock.call_at(clock.now(), end)

    journal.wait("closed")


def test_real_time_bounds_a_wait() -> None:
    """A shut gate is given up after the timeout."""
    clock = MonotonicClock()

    assert not clock.acquire(shut(), 0.001)
