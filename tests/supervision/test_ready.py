"""A start that is answered by ``ready``: what a gated child does meanwhile, its deadline, and each end before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gated import Starting
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    TrappingProbe,
    boom,
    do,
    in_thread,
    joined,
    named,
    spec,
)

from supervision import (
    BRUTAL_KILL,
    KILLED,
    NOREPLY,
    NORMAL,
    SHUTDOWN,
    TIMEOUT,
    AwaitReady,
    Continue,
    Down,
    Exit,
    Ref,
    Restart,
    Started,
    Stop,
    Timeout,
    Tree,
    VirtualClock,
    shutdown,
)
from supervision.errors import ActorExited, AlreadyRegistered, StartError
from supervision.events import ActorStarted, ActorStopped, ActorUnstopped
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.supervisor import which_children

# What it does meanwhile


def test_a_child_counts_as_started_when_it_says_so(tree: Tree, events: Journal) -> None:
    """Until then its starter waits, though ``init`` returned; it is told what came with ``ready``, and so are the events."""
    starting = Starting(tree, Journal())
    assert not starting.is_answered()
    assert events.of(ActorStarted) == []

    assert do(starting.ref, lambda actor: actor.ready("warm"))

    assert starting.outcome() == starting.ref
    assert starting.ref.info == "warm"
    assert [event.actor for event in events.of(ActorStarted)] == [starting.ref.name]
    assert do(starting.ref, lambda _: "serves") == "serves"


@pytest.mark.parametrize("how", ["continue", "timeout", "timer", "message"])
def test_it_warms_up_as_an_actor_does(tree: Tree, clock: VirtualClock, timers: Journal, how: str) -> None:
    """Its own messages, timers, ``handle_continue`` and timeout run before it is ready; any of them may say so."""

    class Warming(Probe):
        def handle_info(self, message: Any) -> Any:
            self.ready() if message is TIMEOUT else super().handle_info(message)

    def say(actor: Any) -> None:
        actor.ready()

    def init(actor: Any) -> AwaitReady:
        match how:
            case "continue":
                return AwaitReady(Continue(say))
            case "timeout":
                return AwaitReady(Timeout(3.0))
            case "timer":
                actor.send_after(3.0, say)
            case "message":
                actor.ref.cast(say)
        return AwaitReady()

    outcome = Journal()
    starter = in_thread(lambda: tree.start_child(spec("a", Warming, None, init)), outcome)
    if how in ("timeout", "timer"):
        timers.wait(3.0)
        assert outcome.notes == []
        clock.advance(3.0)
    starter.join()

    assert outcome.notes == [named(tree, "a")]


def test_its_name_is_its_own_from_the_start(tree: Tree) -> None:
    """Who looks it up while it warms up finds it, and is answered; nobody else gets the name."""
    starting = Starting(tree, Journal())

    assert named(tree, "a") == starting.ref
    assert named(tree, "a").call("early") == "early"
    with pytest.raises(AlreadyRegistered):
        tree.registry.register(starting.ref.name, tree.root)

    do(starting.ref, lambda actor: actor.ready())
    starting.outcome()
    assert named(tree, "a") == starting.ref


def test_the_first_answer_counts(tree: Tree) -> None:
    """A second ``ready`` does nothing and says so; its info is nobody's."""
    starting = Starting(tree, Journal())

    assert do(starting.ref, lambda actor: [actor.ready(1), actor.ready(2)]) == [True, False]
    assert starting.outcome().info == 1


@pytest.mark.parametrize(("answer", "info"), [(None, None), (Started("theirs"), "theirs")])
def test_ready_of_who_did_not_ask_for_it_does_nothing(tree: Tree, answer: Any, info: Any) -> None:
    """``init`` has answered; ``ready`` says that it was not the answer."""
    ref = tree.start_child(spec("a", Probe, None, lambda _: answer))
    assert ref is not None

    assert do(ref, lambda actor: actor.ready("mine")) is False
    assert ref.info == info


def test_ready_may_come_from_another_thread(tree: Tree) -> None:
    """One that the actor warms up in, for instance."""
    starting, said = Starting(tree, Journal()), Journal()

    do(starting.ref, lambda actor: in_thread(actor.ready, said)).join()

    assert starting.outcome() == starting.ref
    assert said.notes == [True]


@pytest.mark.parametrize("then", [None, AwaitReady(), Started("too late")])
def test_ready_within_init_answers_at_once(tree: Tree, then: Any) -> None:
    """OTP's ``init_ack`` in ``init``: the rest of it is done while the starter goes on, and its own answer is none."""
    held = Gate()

    def init(actor: Any) -> Any:
        assert actor.ready("early")
        held.pass_through()
        return then

    ref = tree.start_child(spec("a", Probe, None, init))

    assert ref is not None
    assert ref.info == "early"
    held.set()
    assert do(ref, lambda _: "runs") == "runs"


def test_who_fails_after_ready_within_init_has_crashed(tree: Tree) -> None:
    """It had started: its supervisor hears an exit, and starts it again."""
    first, journal = Gate(), Journal()

    def init(actor: Any) -> None:
        actor.ready()
        journal(actor.ref)
        if len(journal.notes) == 1:
            first.pass_through()
            raise Boom

    ref = tree.start_child(spec("a", Probe, None, init))
    assert ref is not None
    first.set()

    reason = joined(ref)
    journal.wait_for(2)
    assert isinstance(reason, Crashed)
    assert [row.restarts for row in which_children(tree.root)] == [1]


def test_what_cannot_follow_await_ready_fails_the_start(tree: Tree) -> None:
    """It is caught at the start, as with every answer of ``init``."""
    rubbish: Any = AwaitReady("soon")  # type: ignore[arg-type]

    with pytest.raises(
        StartError, match=r"init returned AwaitReady\(then='soon'\); expected .* AwaitReady\(\)"
    ):
        tree.start_child(spec("a", Probe, None, lambda _: rubbish))


# Ends before it


def stops(reason: Any) -> Callable[[Ref], object]:
    """Return what has an actor end with *reason*."""
    return lambda ref: ref.cast(lambda _: Stop(reason))


@pytest.mark.parametrize(
    ("end", "reason", "terminates"),
    [
        (stops(NORMAL), NORMAL, True),
        (stops(shutdown("no licence")), shutdown("no licence"), True),
        (lambda ref: ref.cast(boom), None, True),
        (lambda ref: ref.stop(SHUTDOWN), SHUTDOWN, True),
        (lambda ref: ref.exit(KILLED), KILLED, False),
    ],
    ids=["normal", "stop", "crash", "stopped", "killed"],
)
def test_an_end_before_ready_is_a_failed_start(
    tree: Tree, events: Journal, end: Any, reason: Any, terminates: bool
) -> None:
    """With its exit reason, also if ``terminate`` says "ready"; for its supervisor it never ran: no exit, and no event."""
    journal, said = Journal(), Journal()
    starting = Starting(tree, journal)
    do(starting.ref, lambda actor: setattr(actor, "at_terminate", lambda actor: said(actor.ready())))

    end(starting.ref)

    why = starting.reason()
    assert why == reason or (reason is None and isinstance(why.error, Boom))
    assert starting.ref.join(timeout=0) == why
    assert [note[:2] for note in journal.notes] == [("terminate", "a")] * terminates
    assert said.notes == [False] * terminates
    assert events.of(ActorStarted) + events.of(ActorStopped) + events.of(ActorUnstopped) == []


def test_a_failed_start_is_told_to_whoever_knew_it(tree: Tree) -> None:
    """Who had found it by its name: a monitor gets its Down, a link its signal, a caller its error."""
    journal = Journal()
    watcher = tree.start_child(spec("watcher", TrappingProbe, journal, restart=Restart.TEMPORARY))
    assert watcher is not None
    starting = Starting(tree, Journal())
    do(watcher, lambda actor: actor.monitor(named(tree, "a")) and actor.link(named(tree, "a")))
    caller = starting.ref.send_request(lambda *_: Stop(shutdown("no")))

    assert starting.outcome().reason == shutdown("no")
    with pytest.raises(ActorExited):
        caller.wait()
    do(watcher)
    assert [note.reason for note in journal.of(Down)] == [shutdown("no")]
    assert [note.reason for note in journal.of(Exit)] == [shutdown("no")]


def test_a_kill_within_init_fails_the_start_at_once(tree: Tree) -> None:
    """The starter does not wait for an ``init`` that nobody waits for any more; its thread is named until it returns."""
    begun, outcome, held = Journal(), Journal(), Gate()
    hangs = spec("a", Probe, None, lambda actor: begun(actor.ref) or held.pass_through())
    starter = in_thread(lambda: tree.start_child(hangs), outcome)
    begun.wait_for(1)

    begun.notes[0].exit(KILLED)
    starter.join()

    assert [error.reason for error in outcome.of(StartError)] == [KILLED]
    assert tree.unstopped() == (begun.notes[0],)
    thread = cell_of(begun.notes[0]).thread
    assert thread is not None
    held.set()
    thread.join()


# The deadline


def test_who_is_not_ready_in_time_is_stopped(tree: Tree, clock: VirtualClock, timers: Journal) -> None:
    """By its shutdown, as any child: it runs ``terminate``, and may no longer be ready then."""
    journal, said = Journal(), Journal()
    starting = Starting(tree, journal, start_timeout=7.0)
    do(starting.ref, lambda actor: setattr(actor, "at_terminate", lambda actor: said(actor.ready())))
    timers.wait(7.0)
    clock.advance(6.9)
    assert do(starting.ref, lambda _: "goes on") == "goes on"
    assert not starting.is_answered()

    clock.advance(0.1)

    assert starting.reason() == "it was not ready within 7 s"
    assert journal.notes == [("terminate", "a", SHUTDOWN)]
    assert said.notes == [False]
    assert starting.ref.join(timeout=0) == SHUTDOWN
    assert tree.unstopped() == ()


@pytest.mark.parametrize(("limit", "waited"), [(BRUTAL_KILL, None), (0, 0), (2.0, 2.0)])
def test_who_does_not_stop_then_is_killed(
    tree: Tree, clock: VirtualClock, timers: Journal, events: Journal, limit: Any, waited: float | None
) -> None:
    """After its shutdown time, at once with ``BRUTAL_KILL``: abandoned, named, and told as such."""
    held, busy = Gate(), Journal()
    starting = Starting(tree, Journal(), start_timeout=7.0, shutdown=limit)
    starting.ref.cast(lambda actor: busy(None) or held.pass_through() or actor.ready())
    busy.wait(None)
    timers.wait(7.0)
    clock.advance(7.0)
    if waited:
        timers.wait(7.0 + waited)
        assert not starting.is_answered()
        clock.advance(waited)

    assert starting.reason() == "it was not ready within 7 s"
    assert starting.ref.join(timeout=0) == KILLED
    assert [event.waited for event in events.of(ActorUnstopped)] == ([] if waited is None else [waited])
    assert tree.unstopped() == (starting.ref,)
    thread = cell_of(starting.ref).thread
    assert thread is not None
    held.set()
    thread.join()
    assert starting.ref.info is None


def test_an_init_that_does_not_return_is_not_asked_to_stop(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """The deadline counts from the start, ``init`` included; what hangs in there hears nothing, and is abandoned."""
    outcome, held = Journal(), Gate()
    hangs = spec("a", TrappingProbe, None, lambda _: held.pass_through() or AwaitReady(), start_timeout=7.0)
    starter = in_thread(lambda: tree.start_child(hangs), outcome)
    timers.wait(7.0)
    clock.advance(7.0)
    starter.join()

    assert [error.reason for error in outcome.of(StartError)] == ["init did not return within 7 s"]
    held.set()


def test_an_end_in_the_moment_of_the_deadline_is_the_answer(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """Whichever came first decides: the starter waits for an answer that is on its way, and tells that."""
    starting = Starting(tree, Journal(), start_timeout=7.0)
    ending, held = Gate(), Gate()
    unanswered = starting.ref.send_request(lambda *_: NOREPLY)
    # What ends refuses it, in its own thread: it has its reason, and goes no further.
    unanswered._request.listener = lambda: ending.set() or held.pass_through()  # type: ignore[func-returns-value]
    do(starting.ref)
    timers.wait(7.0)

    starting.ref.cast(lambda _: Stop(shutdown("no")))
    ending.pass_through()
    clock.advance(7.0)
    assert not starting.is_answered()
    held.set()

    assert starting.outcome().reason == shutdown("no")
