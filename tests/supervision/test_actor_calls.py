"""Calls that fail: to a dead actor, to itself, too late, and to one that dies."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    Starter,
    do,
    in_thread,
)

from supervision import (
    NOREPLY,
    VirtualClock,
)
from supervision.errors import ActorExited, CallSelf, CallTimeout, NoProcess
from supervision.ref import cell_of
from supervision.requests import From


def test_a_call_to_an_actor_that_is_down_raises_at_once(start: Starter) -> None:
    """NoProcess: it was not delivered. Casts and sends are dropped."""
    ref = start()
    ref.stop()

    with pytest.raises(NoProcess, match="is not running"):
        ref.call("x", timeout=math.inf)
    ref.cast("x")
    ref.send("x")


def test_a_call_from_a_thread_with_the_number_of_a_dead_actors_is_no_call_to_itself(start: Starter) -> None:
    """Thread numbers are used again; a dead actor's must not make another thread's call a CallSelf."""
    ref = start()
    ref.stop()
    cell_of(ref).ident = threading.get_ident()

    with pytest.raises(NoProcess):
        ref.call("x")


@pytest.mark.parametrize("where", ["handler", "init"])
def test_an_actor_that_calls_itself_is_told(start: Starter, where: str) -> None:
    """It would wait for ever; stop() likewise. Also in ``init``, which runs as soon as the thread does."""
    journal = Journal()

    def call_self(actor: Any) -> None:
        with pytest.raises(CallSelf) as called:
            actor.ref.call("x", timeout=math.inf)
        with pytest.raises(CallSelf) as stopped:
            actor.ref.stop(timeout=math.inf)
        journal(str(called.value))
        journal(str(stopped.value))

    ref = start("a", Probe, None, call_self if where == "init" else None)
    if where == "handler":
        do(ref, call_self)

    assert len(journal.notes) == 2
    assert "use cast()" in journal.notes[0]


def test_a_call_times_out_on_the_trees_clock(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """At its deadline and not before; the actor goes on, and its late answer goes nowhere."""
    ref, journal, held = start(), Journal(), Gate()
    caller = in_thread(lambda: ref.call(lambda *_: held.pass_through(), timeout=5.0), journal)
    timers.wait(5.0)

    clock.advance(4.9)
    assert journal.notes == []
    clock.advance(0.1)
    caller.join()
    held.set()

    assert [str(error) for error in journal.of(CallTimeout)] == [str(CallTimeout(ref.name, 5.0))]
    assert do(ref, lambda _: "lives") == "lives"


def test_an_expired_request_is_not_handled(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """Its deadline travels with it: one that expired in the mailbox has no effect; one in time has."""
    journal, held, outcomes = Journal(), Gate(), Journal()
    ref = start("a", Probe, journal)
    ref.cast(lambda _: held.pass_through())
    expiring = in_thread(lambda: ref.call(lambda *_: journal("expired"), timeout=5.0), outcomes)
    timers.wait(5.0)
    patient = in_thread(lambda: ref.call(lambda *_: journal("in time"), timeout=6.0), outcomes)
    timers.wait(6.0)

    clock.advance(5.5)
    held.set()
    expiring.join()
    patient.join()

    assert journal.notes == ["in time"]
    assert len(outcomes.of(CallTimeout)) == 1


def test_an_answer_in_the_moment_of_the_timeout_is_an_answer(start: Starter, clock: VirtualClock) -> None:
    """The caller is told False by the clock, finds the answer there, and takes it; the replier is not harmed."""
    ref = start()
    acquire = clock.acquire

    def at_the_last_moment(gate: threading.Lock, timeout: float) -> bool:
        acquire(gate, math.inf)  # the answer is there
        gate.release()
        return False

    vars(clock)["acquire"] = at_the_last_moment
    try:
        assert ref.call("x") == "x"
    finally:
        del vars(clock)["acquire"]
    assert do(ref, lambda _: "lives") == "lives"


def test_every_caller_of_a_dying_actor_is_told(start: Starter) -> None:
    """The one being served, one that waits for a late reply, and those still in the mailbox: ActorExited with the reason."""
    ref, asked, outcomes = start(), Journal(), Journal()
    held = Gate()

    def later(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    def hold_and_fail(*_: Any) -> Any:
        asked("serving")
        held.pass_through()
        raise Boom

    callers = [in_thread(lambda: ref.call(later, timeout=math.inf), outcomes)]
    asked.wait_until(bool)
    callers.append(in_thread(lambda: ref.call(hold_and_fail, timeout=math.inf), outcomes))
    asked.wait("serving")
    cell: Any = cell_of(ref)
    put = cell._put
    cell._put = lambda item: asked(("put", put(item)))
    callers.append(in_thread(lambda: ref.call("in the mailbox", timeout=math.inf), outcomes))
    asked.wait(("put", None))
    held.set()
    for caller in callers:
        caller.join()

    assert len(outcomes.of(ActorExited)) == 3
    assert {type(error.reason.error) for error in outcomes.notes} == {Boom}
