"""Looking into actors and holding them still: OTP's sys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pykka
import pytest
from scripted import Boom, Gate, Journal, Probe, Starter, TrappingProbe, boom, crash, do, joined

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    TIMEOUT,
    Actor,
    Exit,
    Ref,
    Timeout,
    Tree,
    VirtualClock,
    crashed,
    sys,
)
from supervision.errors import ActorExited, CallSelf, CallTimeout, NoProcess, TakesNoMessages
from supervision.ref import cell_of
from supervision.requests import Suspend, SystemCall
from supervision.supervisor import terminate_child
from supervision.task import stopping


class Counter(Actor):
    """Has a state."""

    def init(self, count: int = 0, secret: str = "secret") -> None:
        self.count = count
        self.secret = secret

    def handle_call(self, request: Any, from_: Any) -> Any:
        self.count += request
        return self.count

    def format_status(self, status: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"state": {**status["state"], "secret": "***"}}


# State


def test_the_state_is_what_the_class_gave_the_instance(start: Starter) -> None:
    """Its attributes, without those of the framework; a dict that is the caller's own."""
    ref = start("a", Counter, 3)
    ref.call(4)

    state = sys.get_state(ref)
    assert state == {"count": 7, "secret": "secret"}
    state["count"] = 100

    assert ref.call(0) == 7


def test_the_state_can_be_replaced(start: Starter) -> None:
    """The function runs in the actor's thread; attributes that are missing from its result are taken away."""
    ref = start("a", Counter, 3)

    new = sys.replace_state(ref, lambda state: {"count": state["count"] + 1, "fresh": True})

    assert new == sys.get_state(ref) == {"count": 4, "fresh": True}
    assert ref.call(1) == 5


def test_a_function_that_fails_replaces_nothing(start: Starter) -> None:
    """Its exception is raised in the caller; the actor goes on as it was (sys:replace_state's callback_failed)."""
    ref = start("a", Counter, 3)

    for failing in (boom, lambda state: state.clear() or boom()):
        with pytest.raises(Boom):
            sys.replace_state(ref, failing)

    assert ref.call(0) == 3


def test_an_actor_may_say_what_its_state_is(start: Starter) -> None:
    """system_get_state and system_replace_state, as a special process in OTP has them."""

    class Own(Counter):
        def system_get_state(self) -> int:
            return self.count

        def system_replace_state(self, state: int) -> None:
            self.count = state

    ref = start("a", Own, 3)

    assert sys.get_state(ref) == 3
    assert sys.replace_state(ref, lambda count: count * 2) == 6
    assert ref.call(0) == 6


def test_a_status_shows_the_actor_and_its_surroundings(tree: Tree, start: Starter) -> None:
    """Class, parent, links, monitors, trap_exit, the messages that wait, and what format_status shows of the state."""
    ref, other = start("a", Counter, 3), start("other")
    ref.monitor(other)
    other.monitor(ref)
    other.link(ref)

    status = sys.get_status(ref)

    assert (status.ref, status.parent, status.trap_exit, status.sys_state) == (
        ref,
        tree.root,
        False,
        "running",
    )
    assert status.actor == "Counter"
    assert status.links == (tree.root, other)
    assert status.monitors == status.monitored_by == (other,)
    assert status.message_queue_len == 0
    assert status.status == {"state": {"count": 3, "secret": "***"}}
    assert sys.get_status(start("t", TrappingProbe)).trap_exit is True


def test_a_format_status_that_fails_is_said(start: Starter) -> None:
    """Being looked at ends nobody, and shows no secret instead."""

    class Shy(Counter):
        def format_status(self, status: Mapping[str, Any]) -> Mapping[str, Any]:
            raise Boom

    ref = start("a", Shy)

    assert sys.get_status(ref).status == {"state": "Shy.format_status failed: Boom()"}
    assert ref.call(1) == 1


def test_every_request_has_its_timeout_and_its_errors(start: Starter) -> None:
    """As calls: CallTimeout while a handler runs, NoProcess when it is down, CallSelf from within."""
    journal, held = Journal(), Gate()
    ref = start()
    ref.cast(lambda _: journal("busy") or held.pass_through())
    journal.wait("busy")

    with pytest.raises(CallTimeout):
        sys.get_state(ref, timeout=0)
    held.set()
    assert do(ref, lambda actor: isinstance(raised(lambda: sys.suspend(actor.ref)), CallSelf))
    ref.stop()
    with pytest.raises(NoProcess):
        sys.get_status(ref)


def raised(function: Callable[[], Any]) -> Exception | None:
    """Return what *function* raises."""
    try:
        function()
    except Exception as error:
        return error
    return None


def test_what_is_no_actor_of_ours_says_so(start: Starter) -> None:
    """A function has no state, a plain pykka actor cannot be held still; its attributes can be seen."""

    class Plain(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.colour = "red"

    plain, function = start("plain", Plain), start("function", stopping, 1e9)

    assert sys.get_state(plain) == {"colour": "red"}
    for refused in (
        lambda: sys.suspend(plain),
        lambda: sys.get_state(function),
        lambda: sys.get_status(function),
    ):
        with pytest.raises(TakesNoMessages, match="make it an Actor"):
            refused()


# Suspended


def test_a_suspended_actor_holds_its_messages_in_order(start: Starter) -> None:
    """None is handled until it is resumed, then all, before those that come later; twice is fine, for both."""
    journal = Journal()
    ref = start("a", Probe, journal)
    sys.suspend(ref)
    sys.suspend(ref)
    for number in range(3):
        ref.cast(number)
    pending = ref.send_request("called")

    assert sys.get_status(ref).sys_state == "suspended"
    assert sys.get_status(ref).message_queue_len == 4
    assert journal.notes == []
    sys.resume(ref)
    sys.resume(ref)
    ref.cast("after")
    assert pending.wait() == "called"
    do(ref)

    assert journal.notes == [0, 1, 2, "after"]
    assert sys.get_status(ref).sys_state == "running"


def test_an_actor_suspended_again_goes_on_where_it_was(start: Starter) -> None:
    """What was put aside the first time and not yet handled stays before what came later."""
    journal, held = Journal(), Gate()
    ref = start("a", Probe, journal)
    sys.suspend(ref)
    ref.cast(lambda _: journal("busy") or held.pass_through())
    ref.cast("second")
    sys.resume(ref)
    journal.wait("busy")
    ref.cast("third")
    inbox: Any = cell_of(ref).inbox
    inbox._aside.appendleft(inbox_message())  # as if it had been sent in front of "second"
    held.set()
    ref.cast("fourth")
    do_resume_when(ref, journal)
    do(ref)

    assert journal.notes == ["busy", "second", "third", "fourth"]


def inbox_message() -> Any:
    """Return a request to be suspended, as it lies in a mailbox."""
    return SystemCall(Suspend(), 1e9)


def do_resume_when(ref: Ref, journal: Journal) -> None:
    """Resume *ref* once it answers that it is suspended."""
    while sys.get_status(ref).sys_state != "suspended":
        pass
    assert journal.notes == ["busy"]
    sys.resume(ref)


def test_the_state_of_a_suspended_actor_can_be_replaced(tree: Tree, start: Starter) -> None:
    """What suspension is for: to change it with nothing in between. The tree says that it is suspended."""
    ref = start("a", Counter, 3)
    sys.suspend(ref)
    pending = ref.send_request(1)

    sys.replace_state(ref, lambda state: {**state, "count": 10})

    assert "suspended=True" in tree.as_text()
    sys.resume(ref)
    assert pending.wait() == 11
    assert "suspended=True" not in tree.as_text()


@pytest.mark.parametrize("how", ["stop", "terminate", "parent"])
def test_a_suspended_actor_stops_when_it_is_to(tree: Tree, start: Starter, how: str) -> None:
    """gen_server:stop, sys:terminate, and its supervisor's shutdown: terminate runs; who waits is told."""
    journal = Journal()
    ref = start("a", TrappingProbe, journal)
    sys.suspend(ref)
    pending = ref.send_request("never")
    match how:
        case "stop":
            assert ref.stop(SHUTDOWN)
        case "terminate":
            assert sys.terminate(ref, SHUTDOWN)
        case "parent":
            terminate_child(tree.root, "a")

    assert joined(ref) == SHUTDOWN
    assert journal.notes == [("terminate", "a", SHUTDOWN)]
    with pytest.raises(ActorExited):
        pending.wait()


def test_sys_terminate_ends_with_normal(start: Starter) -> None:
    """Unless another reason is given."""
    ref = start()

    assert sys.terminate(ref)

    assert joined(ref) == NORMAL


def test_a_suspended_actor_obeys_signals(start: Starter) -> None:
    """Who does not trap dies, ``normal`` is ignored; who traps gets its Exit when it is resumed, before the messages."""
    journal = Journal()
    plain, trapping, sender = start("plain"), start("trapping", TrappingProbe, journal), start("sender")
    for ref in (plain, trapping):
        sys.suspend(ref)

    plain.exit(NORMAL, sender=sender)
    assert sys.get_status(plain).sys_state == "suspended"
    plain.exit(crashed("x"), sender=sender)
    assert joined(plain) == crashed("x")
    trapping.cast("cast")
    trapping.exit(crashed("x"), sender=sender)
    assert sys.get_status(trapping).sys_state == "suspended"
    assert journal.notes == []
    sys.resume(trapping)
    do(trapping)

    assert journal.notes == [Exit(sender, crashed("x")), "cast"]


def test_a_trapped_exit_wakes_who_is_resumed_with_nothing_else(start: Starter) -> None:
    """It is handled although no message comes."""
    journal = Journal()
    ref, sender = start("a", TrappingProbe, journal), start("sender")
    sys.suspend(ref)
    sender.link(ref)
    reason = crash(sender)
    sys.get_status(ref)

    sys.resume(ref)
    journal.wait_for(1)

    assert journal.notes == [Exit(sender, reason)]


def test_a_suspended_actor_that_is_killed_answers_everyone(start: Starter) -> None:
    """Also those whose messages it had put aside."""
    ref = start()
    sys.suspend(ref)
    pending = ref.send_request("x")
    sys.get_status(ref)  # behind it: it has been put aside

    ref.exit(KILLED)

    with pytest.raises(ActorExited, match="killed"):
        pending.wait()
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()


def test_a_timeout_begins_anew_when_the_actor_is_resumed(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """A system request restarts it, as in gen_server; while suspended it does not run."""
    journal = Journal()
    ref = start("a", Probe, journal)
    ref.cast(lambda _: Timeout(5.0))
    timers.wait(5.0)
    sys.suspend(ref)
    clock.advance(100.0)
    sys.get_state(ref)
    assert journal.notes == []
    sys.resume(ref)
    timers.wait(105.0)
    clock.advance(3.0)
    sys.get_state(ref)
    timers.wait(108.0)

    clock.advance(4.9)
    assert journal.notes == []
    clock.advance(0.1)
    journal.wait_for(1)

    assert journal.notes == [TIMEOUT]


@pytest.mark.parametrize(
    "function", [lambda _: 5, lambda _: None, "no function", None], ids=["5", "None", "a str", "nothing"]
)
def test_a_replacement_that_is_no_state_is_refused(start: Starter, function: Any) -> None:
    """Named, with what was expected; the actor goes on with the state that it had."""
    ref = start()
    before = sys.get_state(ref)

    with pytest.raises(TypeError, match="expected a"):
        sys.replace_state(ref, function)

    assert sys.get_state(ref) == before
