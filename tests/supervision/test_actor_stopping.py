"""Stops from outside, and waiting for an end."""

from __future__ import annotations

import functools
import math

from scripted import (
    Gate,
    Journal,
    Probe,
    Starter,
    in_thread,
    joined,
)

from supervision import (
    NORMAL,
    SHUTDOWN,
    Stop,
    VirtualClock,
    shutdown,
)


def test_stop_from_outside_runs_terminate_behind_what_waits(start: Starter) -> None:
    """As gen_server:stop: what was sent before is handled; twice, or when it is down, is fine."""
    journal = Journal()
    ref = start("a", Probe, journal)
    ref.cast("before")

    assert ref.stop(shutdown("enough"))
    assert ref.stop()

    assert journal.notes == ["before", ("terminate", "a", shutdown("enough"))]
    assert joined(ref) == shutdown("enough")


def test_a_stop_waits_as_long_as_it_is_told(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """0 asks and does not wait; else False at the deadline on the tree's clock, and the request stands."""
    held, outcome = Gate(), Journal()
    ref = start("a", Probe, None, None, lambda _: held.pass_through())

    assert not ref.stop(timeout=0)
    stopper = in_thread(lambda: ref.stop(timeout=5.0), outcome)
    timers.wait(5.0)
    clock.advance(5.0)
    stopper.join()
    held.set()

    assert outcome.notes == [False]
    assert joined(ref) == SHUTDOWN


def test_join_gives_the_reason_or_none_in_time(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """It waits on the tree's clock, from any number of threads, and afterwards answers at once."""
    ref, outcome = start(), Journal()
    impatient = in_thread(lambda: ref.join(timeout=1.0), outcome)
    timers.wait(1.0)
    patient = in_thread(lambda: ref.join(timeout=9.0), outcome)
    timers.wait(9.0)

    clock.advance(1.0)
    impatient.join()
    assert outcome.notes == [None]
    ref.stop()
    patient.join()

    assert outcome.notes == [None, SHUTDOWN]
    assert ref.join(timeout=0) == SHUTDOWN


def test_joining_in_the_moment_of_the_end_finds_it(start: Starter) -> None:
    """Many ends and joins at the same time: each join returns the reason, none is forgotten."""
    for turn in range(30):
        ref, outcome = start(f"a{turn}"), Journal()
        waiting = [in_thread(functools.partial(ref.join, timeout=math.inf), outcome) for _ in range(3)]
        ref.cast(lambda _: Stop(NORMAL))
        for thread in waiting:
            thread.join()
        assert outcome.notes == [NORMAL] * 3
