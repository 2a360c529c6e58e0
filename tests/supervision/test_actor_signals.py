"""Exit signals and kills: who traps them, and what an actor that is killed still does."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from scripted import (
    Gate,
    Journal,
    Probe,
    Starter,
    TrappingProbe,
    boom,
    do,
    in_thread,
    joined,
)

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Exit,
    Stop,
    Tree,
    VirtualClock,
    crashed,
)
from supervision.errors import ActorExited, NoProcess
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.supervisor import terminate_child


def test_a_supervisors_stop_runs_terminate_only_for_who_traps_exits(tree: Tree, start: Starter) -> None:
    """OTP's rule: without trap_exit the shutdown signal ends the actor there and then."""
    journal = Journal()
    trapping, plain = start("trapping", TrappingProbe, journal), start("plain", Probe, journal)

    terminate_child(tree.root, "trapping")
    terminate_child(tree.root, "plain")

    assert journal.notes == [("terminate", "trapping", SHUTDOWN)]
    assert joined(trapping) == joined(plain) == SHUTDOWN


@pytest.mark.parametrize("reason", [SHUTDOWN, crashed("x")], ids=str)
def test_an_exit_signal_ends_who_does_not_trap_it(start: Starter, reason: Any) -> None:
    """Without ``terminate``, before the messages that wait; ``normal`` is ignored."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)
    ref.exit(NORMAL)
    do(ref)
    ref.cast(lambda _: held.pass_through())
    ref.cast("waits")

    ref.exit(reason)
    held.set()

    assert joined(ref) == reason
    assert journal.notes == []


def test_an_exit_signal_is_a_message_to_who_traps_it(start: Starter) -> None:
    """With who sent it and why; the actor lives on."""
    journal = Journal()
    sender, ref = start("sender"), start("a", TrappingProbe, journal)

    ref.exit(crashed("x"), sender=sender)
    do(ref)

    assert journal.notes == [Exit(sender, crashed("x"))]


def test_a_kill_cannot_be_trapped(tree: Tree, start: Starter) -> None:
    """It is down when exit() returns; its thread, which waited for a message, ends by itself."""
    journal = Journal()
    ref = start("a", TrappingProbe, journal)
    thread = cell_of(ref).thread
    assert thread is not None

    ref.exit(KILLED)

    assert not ref.is_alive()
    assert joined(ref) == KILLED
    thread.join()
    assert journal.notes == []
    assert tree.unstopped() == ()


def test_an_actor_killed_inside_a_handler_does_nothing_more(tree: Tree, start: Starter) -> None:
    """Its callers are told at once, its late answer goes nowhere, the tree names it until the handler returns."""
    journal, outcomes, held = Journal(), Journal(), Gate()
    ref = start("a", TrappingProbe, journal)

    def busy(*_: Any) -> str:
        journal("busy")
        held.pass_through()
        return "late"

    callers = [in_thread(lambda: ref.call(busy, timeout=math.inf), outcomes)]
    journal.wait("busy")
    callers.append(in_thread(lambda: ref.call("queued", timeout=math.inf), outcomes))
    ref.cast("never")

    ref.exit(KILLED)

    for caller in callers:
        caller.join()
    assert {type(outcome) for outcome in outcomes.notes} <= {ActorExited, NoProcess}
    assert [ref.name for ref in tree.unstopped()] == [ref.name]
    thread = cell_of(ref).thread
    assert thread is not None
    held.set()
    thread.join()
    assert journal.notes == ["busy"]
    assert tree.unstopped() == ()


def test_a_call_in_hand_when_the_actor_is_killed_is_answered(start: Starter, clock: VirtualClock) -> None:
    """The narrowest place: taken from the mailbox, not yet given to the handler."""
    ref, held, taken, outcomes = start(), Gate(), Gate(), Journal()
    now = clock.now

    def held_now() -> float:  # asked by the actor for the request's deadline, with the request in hand
        if threading.current_thread() is cell_of(ref).thread:
            taken.set()
            held.pass_through()
        return now()

    vars(clock)["now"] = held_now
    ref_thread = cell_of(ref).thread
    assert ref_thread is not None
    try:
        # The loop has looked up clock.now at its start; a second actor takes the patched one.
        ref = start("b")
        caller = in_thread(lambda: ref.call("x", timeout=math.inf), outcomes)
        taken.pass_through()
        ref.exit(KILLED)
        held.set()
        caller.join()
    finally:
        del vars(clock)["now"]

    assert [type(outcome) for outcome in outcomes.notes] == [ActorExited]


def test_killing_during_terminate_is_told_as_killed(start: Starter) -> None:
    """Who kills decides the reason if the end was not told yet; the thread's own end comes too late to say more."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    ref.cast(lambda _: Stop(NORMAL))
    journal.wait(("terminate", "a", NORMAL))

    ref.exit(KILLED)
    held.set()

    assert joined(ref) == KILLED


def test_a_kill_that_comes_second_finds_the_name_free(tree: Tree, start: Starter) -> None:
    """The first end has only begun to be told: who killed can already start the next incarnation."""
    ref, telling, held = start(), Gate(), Gate()
    inbox: Any = cell_of(ref).inbox
    close = inbox.close

    def held_close(refuse: Any) -> None:
        telling.set()
        held.pass_through()
        close(refuse)

    inbox.close = held_close
    ref.cast(boom)
    telling.pass_through()

    ref.exit(KILLED)

    assert ref.is_alive(), "not everybody was told"
    assert tree.registry.whereis(ref.name) is None
    held.set()
    assert isinstance(joined(ref), Crashed)
