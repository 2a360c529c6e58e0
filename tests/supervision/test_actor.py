"""The actor: what its handlers may return, and what becomes of it, of its callers and of those who watch it."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from scripted import Boom, Gate, Journal, Probe, TrappingProbe, boom, crash, do, in_thread, joined, spec

from supervision import (
    IGNORE,
    KILLED,
    NOREPLY,
    NORMAL,
    SHUTDOWN,
    Actor,
    ChildSpec,
    Continue,
    Down,
    Exit,
    Ref,
    Restart,
    Stop,
    Tree,
    VirtualClock,
    crashed,
    shutdown,
    sys,
)
from supervision.errors import ActorExited, CallSelf, CallTimeout, ChildExists, NoProcess, StartError
from supervision.events import ActorStopped
from supervision.exit_reason import NOPROC, Crashed
from supervision.ref import cell_of
from supervision.requests import From
from supervision.starting import start_child
from supervision.supervisor import terminate_child, which_children

Starter = Callable[..., Ref]


@pytest.fixture
def start(tree: Tree) -> Starter:
    """Start a temporary child of the tree: ``start("a", TrappingProbe, journal)``."""

    def started(id: str = "a", kind: type[Actor] = Probe, *args: Any, **options: Any) -> Ref:
        ref = tree.start_child(spec(id, kind, *args, **{"restart": Restart.TEMPORARY, **options}))
        assert ref is not None
        return ref

    return started


# Messages


def test_call_cast_and_info_are_handled_in_order_in_the_actors_thread(start: Starter) -> None:
    """One at a time, in the order sent, none in the sender's thread."""
    journal = Journal()
    ref = start("a", Probe, journal)

    ref.cast("first")
    ref.send("second")
    ref.cast(lambda _: journal(threading.current_thread().name))
    answer = ref.call("third")

    assert answer == "third"
    assert journal.notes == ["first", "second", ref.name]


def test_continue_runs_before_any_message_and_after_the_starter_was_answered(start: Starter) -> None:
    """``init`` returning Continue(term): handle_continue(term) comes first, though messages wait already."""
    journal, opened = Journal(), Gate()

    def init(actor: Any) -> Continue:
        actor.ref.send("sent by init")
        return Continue("continued")

    def waiting(actor: Any) -> Continue:
        return Continue(lambda _: opened.pass_through())

    do(start("a", Probe, journal, init))
    late = start("b", Probe, None, waiting)  # returned: its start does not wait for handle_continue
    opened.set()
    do(late)

    assert journal.notes == ["continued", "sent by init"]


def test_a_reply_may_come_later_from_another_thread(start: Starter) -> None:
    """NOREPLY leaves the caller waiting and the actor free; the first answer counts, a later one changes nothing."""
    ref, journal, asked = start(), Journal(), Journal()

    def later(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    caller = in_thread(lambda: ref.call(later), journal)
    asked.wait_until(bool)
    assert do(ref, lambda _: "free") == "free"

    assert asked.notes[0].reply("answer")
    assert not asked.notes[0].reply("second")
    assert not asked.notes[0].fail(Boom())
    caller.join()
    assert journal.notes == ["answer"]


def test_from_can_fail_the_caller_and_the_actor_lives_on(start: Starter) -> None:
    """The caller's own mistake is raised in the caller."""
    ref = start()

    def refuse(_: Any, from_: From) -> Any:
        from_.fail(Boom("your fault"))
        return NOREPLY

    with pytest.raises(Boom, match="your fault"):
        ref.call(refuse)
    assert ref.is_alive()


def test_nothing_is_kept_of_a_call_that_was_answered(start: Starter) -> None:
    """An actor's books hold open calls only, however they are answered, or given up."""
    ref, asked = start(), Journal()

    def later(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    def at_once(_: Any, from_: From) -> Any:
        from_.reply(1)
        return NOREPLY

    assert ref.call(at_once) == 1
    assert ref.call(lambda *_: 2) == 2
    caller = in_thread(lambda: ref.call(later), Journal())
    asked.wait_until(bool)
    assert cell_of(ref)._open == set(asked.notes)
    asked.notes[0].reply(3)
    caller.join()

    assert cell_of(ref)._open == set()
    assert ref.call(lambda *_: 4) == 4
    ref.cast(lambda actor: asked(actor._cell.in_hand))
    do(ref)
    assert asked.notes[1:] == [None]


def test_nothing_is_kept_of_a_call_that_was_given_up(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """Whether its handler put the answer off before or after the caller's time ran out; a late reply is told so."""
    ref, journal, held, asked = start(), Journal(), Gate(), Journal()

    def put_off(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    def slow(_: Any, from_: From) -> Any:
        held.pass_through()
        return put_off(None, from_)

    for request in (put_off, slow):
        caller = in_thread(functools.partial(ref.call, request, timeout=5.0), journal)
        timers.wait(clock.now() + 5.0)
        if request is put_off:
            asked.wait_for(1)
        clock.advance(5.0)
        caller.join()
    held.set()
    do(ref)

    assert len(journal.of(CallTimeout)) == 2
    assert [from_.reply("late") for from_ in asked.notes] == [False, False]
    assert cell_of(ref)._open == set()


# How a handler ends the actor


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("x"), crashed("term")], ids=str)
@pytest.mark.parametrize("by", ["call", "cast", "info", "continue"])
def test_stop_ends_the_actor_after_terminate(start: Starter, by: str, reason: Any) -> None:
    """From any handler; ``terminate`` runs with the reason, and everybody is told it."""
    journal = Journal()
    begin = (lambda _: Continue(lambda _: Stop(reason))) if by == "continue" else None
    ref = start("a", Probe, journal, begin)
    match by:
        case "call":
            assert ref.call(lambda *_: Stop(reason, "bye")) == "bye"
        case "cast":
            ref.cast(lambda _: Stop(reason))
        case "info":
            ref.send(lambda _: Stop(reason))

    assert joined(ref) == reason
    assert journal.notes == [("terminate", "a", reason)]


def test_stop_without_a_reply_is_the_callers_error(start: Starter) -> None:
    """As gen_server's ``{stop, Reason, State}``: the caller learns the reason, not a None."""
    ref = start()

    with pytest.raises(ActorExited) as raised:
        ref.call(lambda *_: Stop(shutdown("full")))

    assert raised.value.reason == shutdown("full")
    assert start("b").call(lambda *_: Stop(NORMAL, None)) is None


@pytest.mark.parametrize("by", ["call", "cast", "info", "continue"])
@pytest.mark.parametrize(
    "error", [Boom("x"), SystemExit(3), KeyboardInterrupt()], ids=lambda e: type(e).__name__
)
def test_an_exception_in_a_handler_is_the_exit_reason(start: Starter, by: str, error: BaseException) -> None:
    """Any exception ends the actor with crashed(that exception), after ``terminate``; its caller gets ActorExited."""
    journal = Journal()

    def fail(*_: Any) -> Any:
        raise error

    ref = start("a", Probe, journal, (lambda _: Continue(fail)) if by == "continue" else None)
    match by:
        case "call":
            with pytest.raises(ActorExited) as raised:
                ref.call(fail)
            assert raised.value.reason == crashed(error)
        case "cast":
            ref.cast(fail)
        case "info":
            ref.send(fail)

    assert joined(ref) == crashed(error)
    assert journal.notes == [("terminate", "a", crashed(error))]


def test_a_handler_that_returns_rubbish_crashes_with_the_remedy(start: Starter) -> None:
    """The text names the handler, what it returned, and what was expected."""
    ref = start()

    ref.cast(lambda _: "stop")

    reason = joined(ref)
    assert "handle_cast returned 'stop'; expected None or Stop(reason)" in str(reason)


@pytest.mark.parametrize("send", [lambda ref: ref.call("x"), lambda ref: ref.cast("x")], ids=["call", "cast"])
def test_what_an_actor_does_not_take_crashes_it_with_a_reason(
    start: Starter, send: Callable[[Ref], Any]
) -> None:
    """A call or cast to an actor without that handler; stray messages to ``handle_info`` are dropped, as OTP does."""
    ref = start("a", Actor)
    ref.send("stray")
    assert which_children(named_root(ref)), "the stray message was dropped"

    with contextlib.suppress(ActorExited):
        send(ref)

    assert re.search("takes no (calls|casts); it was sent 'x'", str(joined(ref)))


def named_root(ref: Ref) -> Ref:
    """Return the supervisor that started *ref*."""
    parent = cell_of(ref).parent
    assert parent is not None
    return parent


def test_a_terminate_that_raises_replaces_the_reason(start: Starter) -> None:
    """What it failed with is told, so that a failed clean-up is not called a proper end."""
    ref = start("a", Probe, None, None, boom)

    ref.cast(lambda _: Stop(NORMAL))

    reason = joined(ref)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


def test_whatever_goes_wrong_around_the_handlers_is_the_exit_reason(
    start: Starter, clock: VirtualClock
) -> None:
    """An actor whose thread ended is down, even if it was its loop that failed (here: by its clock)."""
    now = clock.now

    def failing_now() -> float:
        if threading.current_thread().name.endswith("/a"):
            raise Boom
        return now()

    vars(clock)["now"] = failing_now  # the loop looks it up when it begins
    ref = start()
    in_thread(lambda: ref.call("x", timeout=0), Journal()).join()
    reason = joined(ref)
    del vars(clock)["now"]

    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


# Calls that fail


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


# Init


def test_an_init_that_raises_fails_the_start(tree: Tree) -> None:
    """The starter gets the cause; nothing of it is left: no name, no thread, no terminate."""
    journal = Journal()

    with pytest.raises(StartError, match="crashed\\(Boom\\)"):
        tree.start_child(spec("a", Probe, journal, boom))

    assert tree.registry.whereis(f"{tree.name}/a") is None
    assert tree.unstopped() == ()
    assert journal.notes == []


def test_an_init_that_stops_fails_the_start_with_its_reason(tree: Tree) -> None:
    """``Stop(reason)`` from init: the start fails with exactly that."""
    with pytest.raises(StartError) as raised:
        tree.start_child(spec("a", Probe, None, lambda _: Stop(shutdown("no licence"))))

    assert raised.value.reason == shutdown("no licence")


def test_an_init_that_ignores_is_no_failure(tree: Tree) -> None:
    """The starter gets None; nothing runs, and the name is free."""
    assert tree.start_child(spec("a", Probe, None, lambda _: IGNORE)) is None
    assert tree.registry.whereis(f"{tree.name}/a") is None
    assert [row.ref for row in which_children(tree.root)] == [None]


def test_an_init_that_returns_rubbish_fails_the_start(tree: Tree) -> None:
    """It is caught at the start, not at the first message."""
    rubbish: Any = lambda _: "ready"  # noqa: E731

    with pytest.raises(StartError, match="init returned 'ready'; expected None, Continue"):
        tree.start_child(spec("a", Probe, None, rubbish))


def test_an_init_that_hangs_fails_the_start_at_its_timeout(
    tree: Tree, clock: VirtualClock, timers: Journal, events: Journal
) -> None:
    """Named as unstopped until it returns; then nothing more of it runs, though it had asked to continue."""
    journal, outcome, held = Journal(), Journal(), Gate()

    def hang(actor: Any) -> Continue:
        actor.ref.send("a message")
        held.pass_through()
        return Continue("never")

    starter = in_thread(lambda: tree.start_child(spec("a", Probe, journal, hang, start_timeout=7.0)), outcome)
    timers.wait(7.0)
    clock.advance(7.0)
    starter.join()

    (error,) = outcome.of(StartError)
    assert "init did not return within 7 s" in str(error)
    assert [ref.name for ref in tree.unstopped()] == [f"{tree.name}/a"]
    assert "did not stop within 7 s" in events.notes[-1].describe()
    assert tree.start_child(spec("a")) is not None, "the name is free for the next"
    (unstopped,) = tree.unstopped()
    thread = cell_of(unstopped).thread
    assert thread is not None
    held.set()
    thread.join()
    assert journal.notes == []
    assert tree.unstopped() == ()


def test_an_init_that_returns_in_the_moment_of_the_timeout_has_started(
    tree: Tree, clock: VirtualClock
) -> None:
    """Whichever way the race ends, the starter's answer is what the actor did: here it runs, and is answered for."""
    acquire = clock.acquire

    def at_the_last_moment(gate: threading.Lock, timeout: float) -> bool:
        if timeout != 7.0:
            return acquire(gate, timeout)
        acquire(gate, math.inf)
        return False

    vars(clock)["acquire"] = at_the_last_moment
    try:
        ref = tree.start_child(spec("a", start_timeout=7.0))
    finally:
        del vars(clock)["acquire"]

    assert ref is not None
    assert do(ref, lambda _: "runs") == "runs"


def test_a_failed_start_tells_whoever_got_to_know_the_actor(tree: Tree, start: Starter) -> None:
    """``init`` may have handed out its ref: a monitor gets its one Down, a linked actor its signal."""
    journal = Journal()
    watcher = start("watcher", TrappingProbe, journal)

    def init(actor: Any) -> Any:
        actor.ref.monitor(watcher)
        cell_of(actor.ref).ties.link(cell_of(watcher).ties)
        return Stop(shutdown("no"))

    with pytest.raises(StartError):
        tree.start_child(spec("a", Probe, None, init))
    do(watcher)

    assert [note.reason for note in journal.of(Down)] == [shutdown("no")]
    assert [note.reason for note in journal.of(Exit)] == [shutdown("no")]


def test_what_cannot_be_started_is_a_start_error(tree: Tree) -> None:
    """A class that is no actor's is named, also one that looks like an actor's; a constructor that fails likewise."""

    class LooksLikeOne:
        def on_start(self) -> None: ...

    with pytest.raises(
        StartError, match=r"expected an Actor class, a pykka.ThreadingActor class or a function"
    ):
        tree.start_child(spec("a", LooksLikeOne))

    class Unmade(Actor):
        def __init__(self) -> None:
            raise Boom

    with pytest.raises(StartError, match="Boom"):
        tree.start_child(spec("a", Unmade))
    assert tree.registry.names() == (tree.name,)


class NeedsArguments(Actor):
    def __init__(self, size: int) -> None:
        super().__init__()


class ForgetsPykka(Actor):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("kind", [NeedsArguments, ForgetsPykka])
def test_an_actor_with_a_constructor_of_its_own_is_told_of_init(tree: Tree, kind: type[Actor]) -> None:
    """Whoever writes ``__init__(self, size)``, or one that hides pykka's, is told the name of what is meant."""
    with pytest.raises(
        StartError, match=rf"{kind.__name__}.__init__ .* Name the method init instead"
    ) as raised:
        tree.start_child(spec("a", kind, 3))

    assert isinstance(raised.value.reason.error, TypeError)


def test_a_type_error_inside_a_constructor_is_told_as_it_is(tree: Tree) -> None:
    """The twin: what takes no arguments and fails by itself is not about ``init``."""

    class Failing(Actor):
        def __init__(self) -> None:
            raise TypeError("no such colour")

    with pytest.raises(StartError, match=r"crashed\(TypeError: no such colour\)"):
        tree.start_child(spec("a", Failing))


def test_a_taken_name_fails_the_start(tree: Tree) -> None:
    """The error says who has it."""
    tree.registry.register(f"{tree.name}/a", Ref("elsewhere", 77))

    with pytest.raises(StartError, match="<elsewhere#77>"):
        tree.start_child(spec("a"))


# Signals


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


# Links and monitors


def test_a_link_carries_an_end_both_ways(start: Starter) -> None:
    """Whichever ends, the other gets the signal; ``normal`` takes nobody along."""
    for ending in (0, 1):
        pair = [start(f"{ending}left"), start(f"{ending}right")]
        cell_of(pair[0]).ties.link(cell_of(pair[1]).ties)
        reason = crash(pair[ending])
        assert joined(pair[1 - ending]) == reason

    one, two = start("one"), start("two")
    cell_of(one).ties.link(cell_of(two).ties)
    one.cast(lambda _: Stop(NORMAL))
    joined(one)
    assert do(two, lambda _: "lives") == "lives"


def test_unlinked_actors_end_alone(start: Starter) -> None:
    """Unlink undoes it on both sides; linking oneself is nothing."""
    one, two = start("one"), start("two")
    cell_of(one).ties.link(cell_of(two).ties)
    cell_of(two).ties.unlink(cell_of(one).ties)
    cell_of(two).ties.link(cell_of(two).ties)

    crash(one)

    assert do(two, lambda _: "lives") == "lives"


@pytest.mark.parametrize("dead_first", [True, False])
def test_a_link_with_a_dead_actor_is_noproc(start: Starter, dead_first: bool) -> None:
    """Whoever of the two is given first, the living one gets the signal, and no entry is kept."""
    journal = Journal()
    living, dead = start("living", TrappingProbe, journal), start("dead")
    crash(dead)

    one, two = (dead, living) if dead_first else (living, dead)
    cell_of(one).ties.link(cell_of(two).ties)
    do(living)

    assert journal.notes == [Exit(dead, NOPROC)]
    assert dead not in cell_of(living).ties._links


def test_a_supervisor_keeps_nothing_of_children_that_ended(tree: Tree, start: Starter) -> None:
    """Its links are to children that run; a thousand restarts leave no trace."""
    for _ in range(3):
        crash(start())
    which_children(tree.root)

    assert list(cell_of(tree.root).ties._links) == []
    kept = start("kept")
    assert list(cell_of(tree.root).ties._links) == [kept]


def test_a_monitor_gets_exactly_one_down(start: Starter) -> None:
    """With the reason, for each monitor; also if the actor was down before: noproc."""
    journal = Journal()
    watcher, ref = start("watcher", Probe, journal), start()
    first, second = ref.monitor(watcher), ref.monitor(watcher)

    reason = crash(ref)
    late = ref.monitor(watcher)
    do(watcher)

    assert journal.notes == [Down(first, ref, reason), Down(second, ref, reason), Down(late, ref, NOPROC)]


def test_a_demonitored_end_is_not_told(start: Starter) -> None:
    """The twin of the other monitor on the same actor, which is."""
    journal = Journal()
    watcher, ref = start("watcher", Probe, journal), start()
    ended, kept = ref.monitor(watcher), ref.monitor(watcher)

    ref.demonitor(ended)
    crash(ref)
    do(watcher)

    assert [down.monitor for down in journal.of(Down)] == [kept]


def test_who_hears_down_finds_the_supervisor_informed(tree: Tree, start: Starter) -> None:
    """The exit reaches the supervisor before the monitors: the id is free for whoever asks at once."""
    journal = Journal()

    class Replacing(Actor):
        def handle_info(self, message: Any) -> Stop | None:
            try:
                journal(tree.start_child(spec("a", restart=Restart.TEMPORARY)))
            except ChildExists as error:
                journal(error)
            return None

    watcher, ref = start("watcher", Replacing), start("a")
    for turn in range(1, 21):
        ref.monitor(watcher)
        crash(ref)
        journal.wait_for(turn)
        ref = journal.notes[-1]
        assert isinstance(ref, Ref), ref


# Stopping


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


# Timers and status


def test_send_after_sends_when_the_time_has_come(start: Starter, clock: VirtualClock) -> None:
    """On the tree's clock, to handle_info; a cancelled one is not sent, one to an actor that is down is dropped."""
    journal = Journal()
    ref = start("a", Probe, journal)
    do(ref, lambda actor: actor.send_after(5.0, "later") and None)
    cancelled = do(ref, lambda actor: actor.send_after(5.0, "cancelled"))
    do(ref, lambda actor: actor.send_after(50.0, "after its end") and None)

    assert cancelled.cancel()
    clock.advance(4.9)
    do(ref)
    assert journal.notes == []
    clock.advance(0.1)
    do(ref)
    assert journal.notes == ["later"]
    ref.stop()
    clock.advance(100.0)

    assert journal.notes[1:] == [("terminate", "a", SHUTDOWN)]


@pytest.mark.parametrize("error", [Boom, SystemExit])
def test_a_status_that_fails_is_shown_as_failed(
    tree: Tree, start: Starter, error: type[BaseException]
) -> None:
    """Being looked at ends nobody."""

    class Shy(Probe):
        def status(self) -> dict[str, object]:
            raise error

    ref = start("shy", Shy)

    text = tree.as_text()

    assert "status=failed: " + error.__name__ in text
    assert ref.is_alive()


def test_an_actor_knows_itself_and_its_surroundings(tree: Tree, start: Starter) -> None:
    """Its ref, its tree's context and clock."""
    ref = start()

    assert do(ref, lambda actor: (actor.ref, actor.context is tree.context, actor.clock is tree.clock)) == (
        ref,
        True,
        True,
    )


def test_the_callers_error_leads_to_the_line_that_failed(tree: Tree) -> None:
    """ActorExited has the exception that ended the actor as its cause, traceback and all."""
    ref = tree.start_child(ChildSpec(id="broken", start=Broken))
    assert ref is not None
    with pytest.raises(ActorExited) as caught:
        ref.call("anything")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.__cause__.__traceback__ is not None


class Broken(Actor):
    """Fails at every call."""

    def handle_call(self, request: object, from_: From) -> object:
        return 1 / 0


# What a mutation showed unguarded


class PlainFailing(pykka.ThreadingActor):
    def on_start(self) -> None:
        raise Boom


@pytest.mark.parametrize(
    "child", [spec("a", Probe, None, boom), spec("a", PlainFailing)], ids=["ours", "plain"]
)
def test_a_failed_start_is_told_once(tree: Tree, start: Starter, events: Journal, child: ChildSpec) -> None:
    """By the starter's error: its parent gets no exit signal for it as well, and no event says that it ended."""
    journal = Journal()
    parent = start("parent", TrappingProbe, journal)
    events_before = events.notes

    with pytest.raises(StartError):
        start_child(child, tree.context, f"{parent.name}/a", parent)
    do(parent)

    assert journal.notes == []
    assert events.notes == events_before


def test_a_child_that_ends_after_its_start_is_told_to_its_parent(
    tree: Tree, start: Starter, events: Journal
) -> None:
    """The twin: one signal, one event."""
    journal = Journal()
    parent = start("parent", TrappingProbe, journal)

    child = start_child(spec("a"), tree.context, f"{parent.name}/a", parent)
    assert isinstance(child, Ref)
    crash(child)
    do(parent)

    assert [note.ref for note in journal.of(Exit)] == [child]
    assert [note.actor for note in events.of(ActorStopped)] == [child.name]


def test_two_that_link_each_other_at_once_do_not_wait_for_each_other(start: Starter) -> None:
    """Whoever links whom, the two locks are taken in one order: else each could hold the lock that the other wants."""
    taken = Journal()

    class Noting:
        """The lock of an actor's ties that notes when it is taken."""

        def __init__(self, name: str, lock: Any) -> None:
            self.name, self.lock = name, lock

        def __enter__(self) -> None:
            self.lock.acquire()
            taken(self.name)

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    a, b = cell_of(start("a")).ties, cell_of(start("b")).ties
    for name, ties in (("a", a), ("b", b)):
        vars(ties)["_lock"] = Noting(name, ties._lock)

    a.link(b)
    b.link(a)

    first, second, third, fourth = taken.notes
    assert {first, second} == {"a", "b"}
    assert (third, fourth) == (first, second)


@pytest.mark.parametrize("given", ["normal", "kill", 5])
def test_an_end_without_an_exit_reason_is_refused_in_the_caller(start: Starter, given: Any) -> None:
    """``stop``, ``exit`` and ``Stop`` check it; the actor lives on."""
    ref = start("a")
    for end in (ref.stop, ref.exit, Stop):
        with pytest.raises(TypeError, match="expected NORMAL"):
            end(given)

    assert ref.call("well") == "well"


def test_a_watcher_or_link_that_is_no_handle_is_refused(start: Starter) -> None:
    """Named, with what was expected; nothing is tied."""
    ref = start("a")
    for tie in (ref.monitor, ref.link, ref.unlink):
        with pytest.raises(TypeError, match="expected a Ref"):
            tie("b")  # type: ignore[arg-type]

    def arm(actor: Any) -> None:
        with pytest.raises(TypeError, match="expected a Ref"):
            actor.send_after(1.0, "x", to="b")

    do(ref, arm)
    assert cell_of(ref).ties.surroundings().monitored_by == ()


def test_a_call_during_terminate_waits_for_the_end(start: Starter) -> None:
    """As OTP's: the caller is told the exit reason, as those are who called before; so is a request without a wait."""
    journal, held, outcomes, asked = Journal(), Gate(), Journal(), Journal()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    cell: Any = cell_of(ref)
    opened = cell.opened
    cell.opened = lambda question: asked(opened(question))
    ref.cast(lambda _: Stop(shutdown("enough")))
    journal.wait(("terminate", "a", shutdown("enough")))

    caller = in_thread(lambda: ref.call("is it up?"), outcomes)
    request = ref.send_request("is it up?")
    asked.wait_for(2)
    assert not request.check()
    held.set()
    caller.join()

    assert [error.reason for error in outcomes.of(ActorExited)] == [shutdown("enough")]
    with pytest.raises(ActorExited):
        request.wait(0)
    joined(ref)
    with pytest.raises(NoProcess):
        ref.call("is it up?")


def test_a_call_during_terminate_has_its_timeout(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """However long terminate takes."""
    journal, held, outcomes = Journal(), Gate(), Journal()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    ref.cast(lambda _: Stop(NORMAL))
    journal.wait(("terminate", "a", NORMAL))

    caller = in_thread(lambda: ref.call("is it up?", timeout=2.5), outcomes)
    timers.wait(2.5)
    clock.advance(2.5)
    caller.join()
    held.set()

    assert len(outcomes.of(CallTimeout)) == 1
    assert joined(ref) == NORMAL


def test_a_stop_that_ends_otherwise_is_told_by_join(start: Starter) -> None:
    """``stop`` says that it is down; with which reason, when terminate failed, ``join`` says."""
    ref = start("a", Probe, None, None, boom)

    assert ref.stop(shutdown("enough"))

    reason = ref.join(timeout=0)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


@pytest.mark.parametrize(
    ("given", "error"), [(None, TypeError), ("5", TypeError), (-1, ValueError), (math.nan, ValueError)]
)
def test_a_timeout_that_is_none_is_refused_in_the_caller(start: Starter, given: Any, error: Any) -> None:
    """Named, with what was expected; nothing was sent."""
    journal = Journal()
    ref = start("a", Probe, journal)
    pending = ref.send_request("asked")
    waits: list[Any] = [
        lambda: ref.call(journal, timeout=given),
        lambda: pending.wait(given),
        lambda: pending.receive(given),
        lambda: ref.stop(timeout=given),
        lambda: ref.join(timeout=given),
        lambda: sys.get_state(ref, timeout=given),
    ]

    for wait in waits:
        with pytest.raises(
            error, match=rf"timeout {given!r}: expected seconds >= 0.*math.inf waits for ever"
        ):
            wait()

    assert pending.wait() == "asked"
    assert ref.is_alive()
    assert journal.notes == []
