"""What callbacks may return besides nothing: Reply, Continue, Timeout, Stop, Started; gen_server's rules for each."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, Starter, TrappingProbe, boom, crash, do, joined, spec

from supervision import (
    KILLED,
    NOREPLY,
    NORMAL,
    SHUTDOWN,
    TIMEOUT,
    Continue,
    Exit,
    Ref,
    Reply,
    Started,
    Stop,
    Timeout,
    Tree,
    VirtualClock,
    crashed,
)
from supervision.errors import ActorExited, CallTimeout, StartError
from supervision.exit_reason import Crashed
from supervision.ref import cell_of


def returning(result: Any) -> Callable[..., Any]:
    """Return a function that returns *result*, whoever runs it."""
    return lambda *_: result


# Continue


class Going(TrappingProbe):
    """Continues after an exit signal."""

    def handle_info(self, message: Any) -> Any:
        return Continue("one") if isinstance(message, Exit) else super().handle_info(message)


@pytest.mark.parametrize("by", ["call", "cast", "info", "continue", "exit"])
def test_any_callback_may_continue(start: Starter, by: str) -> None:
    """handle_continue runs before any message that waits, as often as it is asked for."""
    journal, held = Journal(), Gate()
    ref, other = start("a", Going, journal), start("other")

    def go_on(*_: Any) -> Any:
        held.pass_through()
        return Continue(returning(Continue("two"))) if by == "continue" else Continue("one")

    match by:
        case "call":
            ref.send_request(go_on)
        case "cast" | "continue":
            ref.cast(go_on)
        case "info":
            ref.send(go_on)
        case "exit":
            ref.cast(lambda _: held.pass_through())
            ref.exit(crashed("x"), sender=other)
    ref.cast("waits")
    held.set()
    do(ref)

    assert journal.notes == ["two" if by == "continue" else "one", "waits"]


def test_a_call_that_continues_is_answered_later(start: Starter) -> None:
    """Continue returned by handle_call is no reply: OTP's ``{noreply, State, {continue, Term}}``."""
    ref, journal = start(), Journal()

    def put_off(actor: Any, from_: Any) -> Any:
        journal("called")
        return Continue(lambda _: journal("continued") or (from_.reply("late") and None))

    assert ref.call(put_off) == "late"
    assert journal.notes == ["called", "continued"]


def test_reply_answers_first_and_then_continues(start: Starter) -> None:
    """``Reply(value, Continue(term))``: the caller does not wait for handle_continue; that comes before other messages."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)
    later = Continue(lambda _: held.pass_through() or journal("continued"))

    assert ref.call(returning(Reply("at once", later))) == "at once"
    ref.cast("waits")
    held.set()
    do(ref)

    assert journal.notes == ["continued", "waits"]
    assert ref.call(returning(Reply("plain"))) == "plain"


def test_a_kill_or_a_signal_comes_before_what_continues(start: Starter) -> None:
    """Who does not trap exits dies between two callbacks, too; who traps handles the signal as a message, after it."""
    journal, held = Journal(), Gate()
    plain, trapping = start("plain", Probe, journal), start("trapping", TrappingProbe, journal)

    def hold(actor: Any) -> Continue:
        journal("busy")
        held.pass_through()
        return Continue(f"continued {actor.ref.name[-8:]}")

    for ref in (plain, trapping):
        ref.cast(hold)
    journal.wait_until(lambda notes: notes.count("busy") == 2)
    for ref in (plain, trapping):
        ref.exit(crashed("x"), sender=trapping)
    held.set()
    assert joined(plain) == crashed("x")
    do(trapping)

    assert journal.notes[2:] == ["continued trapping", Exit(trapping, crashed("x"))]


# Stop


@pytest.mark.parametrize("answer", [Stop(NORMAL, "bye"), Reply("bye", Stop(NORMAL))], ids=["stop", "reply"])
def test_a_reply_with_a_stop_comes_after_terminate(start: Starter, answer: Any) -> None:
    """gen_server runs terminate first and then replies; the reply comes, although the actor is ending."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    pending = ref.send_request(returning(answer))
    journal.wait(("terminate", "a", NORMAL))

    assert not pending.check()
    held.set()

    assert pending.wait() == "bye"
    assert joined(ref) == NORMAL


def test_a_reply_with_a_stop_comes_though_terminate_fails(start: Starter) -> None:
    """As in gen_server, where it stands in an ``after``; the reason tells of the failure."""
    ref = start("a", Probe, None, None, boom)

    assert ref.call(returning(Stop(NORMAL, "bye"))) == "bye"
    assert isinstance(joined(ref), Crashed)


def test_whoever_is_killed_in_terminate_replies_no_more(start: Starter) -> None:
    """The caller learns that the actor was killed, at once."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    pending = ref.send_request(returning(Stop(NORMAL, "bye")))
    journal.wait(("terminate", "a", NORMAL))

    ref.exit(KILLED)

    with pytest.raises(ActorExited, match="killed"):
        pending.wait()
    held.set()


@pytest.mark.parametrize("by", ["wait", "self"])
def test_who_stops_twice_or_from_inside_ends_once(start: Starter, by: str) -> None:
    """Stops from outside and inside at the same time: terminate runs once, with the first reason."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    if by == "self":
        ref.cast(lambda actor: actor.ref.send_request("never") and Stop(SHUTDOWN))
    else:
        ref.stop(timeout=0)
    journal.wait(("terminate", "a", SHUTDOWN))

    assert not ref.stop(NORMAL, timeout=0)
    held.set()

    assert joined(ref) == SHUTDOWN
    assert journal.notes == [("terminate", "a", SHUTDOWN)]


@pytest.mark.parametrize("rubbish", [Reply(1, "rubbish"), Reply(1, NOREPLY)], ids=repr)  # type: ignore[arg-type]
def test_a_reply_with_rubbish_to_follow_crashes(start: Starter, rubbish: Reply) -> None:
    """What follows a reply is what any handler may return."""
    ref = start()

    with pytest.raises(ActorExited, match="expected Continue, Timeout, Stop or None as its then"):
        ref.call(returning(rubbish))


# Timeout


@pytest.mark.parametrize("by", ["init", "call", "reply", "cast", "info", "continue"])
def test_a_timeout_is_a_message_when_no_other_comes(
    start: Starter, clock: VirtualClock, timers: Journal, by: str
) -> None:
    """From any callback; handle_info(TIMEOUT) after so many seconds and not before."""
    journal = Journal()
    ref = start("a", Probe, journal, returning(Timeout(5.0)) if by == "init" else None)
    match by:
        case "call":
            ref.send_request(returning(Timeout(5.0)))
        case "reply":
            assert ref.call(returning(Reply(1, Timeout(5.0)))) == 1
        case "cast":
            ref.cast(returning(Timeout(5.0)))
        case "info":
            ref.send(returning(Timeout(5.0)))
        case "continue":
            ref.cast(returning(Continue(returning(Timeout(5.0)))))
    timers.wait(5.0)

    clock.advance(4.9)
    assert journal.notes == []
    clock.advance(0.1)
    journal.wait_for(1)

    assert journal.notes == [TIMEOUT]
    clock.advance(100.0)
    do(ref)
    assert journal.notes == [TIMEOUT]


@pytest.mark.parametrize("message", ["cast", "info", "call", "exit", "down"])
def test_any_message_ends_a_timeout(
    start: Starter, clock: VirtualClock, timers: Journal, message: str
) -> None:
    """Whatever becomes of it, the timeout is over, unless its handler returns another."""
    journal = Journal()
    other, ref = start("other"), start("a", TrappingProbe, journal)
    if message == "down":
        other.monitor(ref)
    ref.cast(returning(Timeout(5.0)))
    timers.wait(5.0)
    match message:
        case "cast":
            ref.cast("x")
        case "info":
            ref.send("x")
        case "call":
            ref.call("x")
        case "exit":
            ref.exit(crashed("x"), sender=other)
        case "down":
            crash(other)
    if message != "call":
        journal.wait_for(1)

    clock.advance(100.0)
    do(ref)

    assert TIMEOUT not in journal.notes


def test_a_timeout_that_its_message_renews_goes_on(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """The handler of a message returns another; its seconds count from then."""
    journal = Journal()
    ref = start("a", Probe, journal)
    ref.cast(returning(Timeout(5.0)))
    timers.wait(5.0)
    clock.advance(3.0)
    ref.cast(returning(Timeout(5.0)))
    timers.wait(8.0)

    clock.advance(4.9)
    do_not_wait = list(journal.notes)
    clock.advance(0.1)
    journal.wait_for(1)

    assert do_not_wait == []
    assert journal.notes == [TIMEOUT]


def test_a_message_that_was_there_first_wins(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """Sent before the timeout fell due, handled after: OTP looks into the mailbox first. No TIMEOUT comes late."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)
    inbox: Any = cell_of(ref).inbox
    get = inbox.get

    def held_get(*args: Any, **kwargs: Any) -> Any:
        item = get(*args, **kwargs)
        journal("taken")
        held.pass_through()
        return item

    ref.cast(lambda _: vars(inbox).update(get=held_get) or Timeout(5.0))
    timers.wait(5.0)
    ref.cast("x")
    journal.wait("taken")
    clock.advance(100.0)
    held.set()
    do(ref)
    do(ref)

    assert [note for note in journal.notes if note != "taken"] == ["x"]


def test_a_timeout_that_came_too_late_ends_no_other(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """It fell due behind a message whose handler returned the next: that one still has all its time."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)
    inbox: Any = cell_of(ref).inbox
    get = inbox.get

    def held_get(*args: Any, **kwargs: Any) -> Any:
        item = get(*args, **kwargs)
        journal("taken")
        held.pass_through()
        return item

    ref.cast(lambda _: vars(inbox).update(get=held_get) or Timeout(5.0))
    timers.wait(5.0)
    ref.cast(returning(Timeout(7.0)))
    journal.wait("taken")
    clock.advance(5.0)
    held.set()
    timers.wait(12.0)
    clock.advance(6.9)
    assert TIMEOUT not in journal.notes
    clock.advance(0.1)
    journal.wait(TIMEOUT)

    assert journal.notes.count(TIMEOUT) == 1


def test_a_message_takes_the_timeout_off_the_clock(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """Nothing is left there of a wait that is over."""
    ref = start()
    ref.cast(returning(Timeout(5.0)))
    timers.wait(5.0)
    do(ref)

    assert not [timer for *_, timer in clock._agenda._heap if timer.is_pending() and timer.deadline == 5.0]


def test_a_timeout_of_zero_looks_whether_something_waits(start: Starter) -> None:
    """With a message in the mailbox that comes first; with none TIMEOUT is handled at once, without a clock."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)

    ref.cast(lambda _: held.pass_through() or Timeout(0))
    ref.cast("waits")
    held.set()
    do(ref)
    ref.cast(returning(Timeout(0)))
    journal.wait_for(2)

    assert journal.notes == ["waits", TIMEOUT]


def test_an_endless_timeout_is_none(start: Starter, clock: VirtualClock) -> None:
    """``math.inf`` waits as without one."""
    journal = Journal()
    ref = start("a", Probe, journal)
    do(ref)
    ref.cast(returning(Timeout(math.inf)))
    do(ref)
    clock.advance(1e9)
    do(ref)

    assert journal.notes == []


def test_what_is_no_message_ends_no_timeout(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """A signal that is ignored, and a request that nobody handles as it has expired."""
    journal, held, outcome = Journal(), Gate(), Journal()
    ref, other = start("a", Probe, journal), start("other")

    def hold(_: Any) -> Timeout:
        held.pass_through()
        return Timeout(50.0)

    ref.cast(hold)

    def call() -> None:
        try:
            ref.call("expires", timeout=5.0)
        except CallTimeout as error:
            outcome(error)

    caller = threading.Thread(target=call)
    caller.start()
    timers.wait(5.0)
    clock.advance(6.0)
    caller.join()
    held.set()
    timers.wait(56.0)
    ref.exit(NORMAL, sender=other)
    clock.advance(50.0)
    journal.wait_for(1)

    assert journal.notes == [TIMEOUT]
    assert len(outcome.notes) == 1


@pytest.mark.parametrize("seconds", [-1, math.nan, True, "5"])
def test_a_timeout_is_a_number_of_seconds(seconds: Any) -> None:
    """Refused where it is made, with what was given."""
    with pytest.raises(ValueError, match="expected seconds >= 0"):
        Timeout(seconds)


# Started


def test_init_may_give_its_starter_some_information(tree: Tree) -> None:
    """``Started(info)``: OTP's ``{ok, Pid, Info}``, there when the start returns; without it there is none."""
    informed = tree.start_child(spec("a", Probe, None, returning(Started({"port": 4000}))))
    plain = tree.start_child(spec("b"))

    assert informed is not None
    assert informed.info == {"port": 4000}
    assert plain is not None
    assert plain.info is None
    assert Ref("a copy", 1).info is None


def test_init_may_inform_and_go_on(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """``Started(info, then)`` does what init would have asked for otherwise."""
    journal = Journal()
    start("a", Probe, journal, returning(Started(1, Continue("continued"))))
    start("b", Probe, journal, returning(Started(1, Timeout(5.0))))
    timers.wait(5.0)
    clock.advance(5.0)
    journal.wait_for(2)

    assert journal.notes == ["continued", TIMEOUT]


def test_init_that_informs_cannot_also_stop(tree: Tree) -> None:
    """A start is a success or not."""
    both: Any = Started(1, Stop(NORMAL))  # type: ignore[arg-type]

    with pytest.raises(StartError, match="expected None, Continue"):
        tree.start_child(spec("a", Probe, None, returning(both)))


def test_an_actor_may_stop_in_init_without_terminate(tree: Tree) -> None:
    """What init did not set up terminate cannot clean; OTP's rule."""
    journal = Journal()

    with pytest.raises(StartError):
        tree.start_child(spec("a", Probe, journal, returning(Stop(crashed(Boom())))))

    assert journal.notes == []
