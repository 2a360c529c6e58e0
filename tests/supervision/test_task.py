"""Plain functions as children: how they start, end, are told to stop, and what they are not."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, boom, crash, do, joined, spec, timers_of

from supervision import (
    BRUTAL_KILL,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Down,
    Exit,
    Ref,
    Restart,
    Tree,
    VirtualClock,
    shutdown,
)
from supervision.errors import ActorExited, NoProcess, SenderKilled, StartError, TakesNoMessages
from supervision.events import ActorUnstopped
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.supervisor import terminate_child, which_children
from supervision.task import self_ref, stopping

Starter = Callable[..., Ref]


@pytest.fixture
def start(tree: Tree) -> Starter:
    """Start a temporary child of the tree: ``start(function, *args)``."""

    def started(function: Any, *args: Any, id: str = "f", **options: Any) -> Ref:
        ref = tree.start_child(spec(id, function, *args, **{"restart": Restart.TEMPORARY, **options}))
        assert ref is not None
        return ref

    return started


def until_told(journal: Journal) -> Any:
    """Note when it runs and when it is told to stop."""
    journal("running")
    stopping(math.inf)
    journal("told")


def test_a_function_runs_in_its_own_thread_and_returns(start: Starter) -> None:
    """With its arguments, under its name in the tree; to return is to end with ``normal``, whatever it returns."""
    journal = Journal()

    def work(one: int, *, two: int) -> str:
        journal((one, two, threading.current_thread().name, self_ref()))
        return "ignored"

    ref = start(work, 1, kwargs={"two": 2})

    assert joined(ref) == NORMAL
    assert journal.notes == [(1, 2, ref.name, ref)]


@pytest.mark.parametrize("error", [Boom, SystemExit])
def test_a_function_that_raises_has_crashed(start: Starter, error: type[BaseException]) -> None:
    """With that exception; nobody else is harmed."""

    def fail() -> None:
        raise error

    reason = joined(start(fail))

    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, error)


def test_a_function_is_restarted_as_any_child(tree: Tree, start: Starter) -> None:
    """transient: again after a crash, not after its return."""
    journal = Journal()

    def twice() -> None:
        journal("run")
        if len(journal.notes) == 1:
            raise Boom

    start(twice, restart=Restart.TRANSIENT)
    journal.wait_for(2)
    again = tree.registry.whereis(f"{tree.name}/f")
    if again is not None:
        joined(again)

    assert [row.ref for row in which_children(tree.root)] == [None]
    assert journal.notes == ["run", "run"]


def test_a_function_is_told_to_stop_and_ends_with_that_reason(tree: Tree, start: Starter) -> None:
    """By its supervisor: ``stopping`` wakes at once, and the exit reason is shutdown, not normal. Looking does not block."""
    journal = Journal()

    def work() -> None:
        journal(stopping())
        until_told(journal)
        journal(stopping())

    ref = start(work)
    journal.wait("running")

    terminate_child(tree.root, "f")

    assert journal.notes == [False, "running", "told", True]
    assert joined(ref) == SHUTDOWN


def test_a_pause_ends_when_its_time_has_come(start: Starter, clock: VirtualClock) -> None:
    """``stopping(seconds)`` waits on the tree's clock; False when nobody told it to stop."""
    journal, timers = Journal(), timers_of(clock)

    def work() -> None:
        journal(stopping(5.0))
        inbox: Any = cell_of(self_ref()).inbox
        journal(len(inbox._gates))

    ref = start(work)
    timers.wait(5.0)
    clock.advance(5.0)

    assert joined(ref) == NORMAL
    assert journal.notes == [False, 0]


def test_who_is_told_as_it_begins_to_wait_does_not_wait(start: Starter) -> None:
    """Between its look and its wait: what it waits for would never come again."""
    journal = Journal()

    class Telling:
        """A lock in whose opening the function is told."""

        def __enter__(self) -> None:
            inbox: Any = cell_of(self_ref()).inbox
            inbox.told = SHUTDOWN

        def __exit__(self, *_: object) -> None:
            inbox: Any = cell_of(self_ref()).inbox
            inbox._lock = threading.Lock()

    def work() -> None:
        inbox: Any = cell_of(self_ref()).inbox
        inbox._lock = Telling()
        journal(stopping(math.inf))

    assert joined(start(work)) == SHUTDOWN
    assert journal.notes == [True]


@pytest.mark.parametrize("how", ["stop", "signal", "link"])
def test_a_function_can_be_told_by_others(start: Starter, tree: Tree, how: str) -> None:
    """ref.stop, an exit signal, a link; it ends with their reason. ``normal`` is no reason to stop."""
    journal = Journal()
    ref, other = start(until_told, journal), start(Probe, id="other")
    journal.wait("running")
    match how:
        case "stop":
            assert ref.stop(shutdown("x"))
        case "signal":
            ref.exit(NORMAL, sender=other)
            ref.exit(shutdown("x"), sender=other)
        case "link":
            ref.link(other)
            other.stop(shutdown("x"))

    assert joined(ref) == shutdown("x")


def test_the_first_reason_to_stop_stays(start: Starter) -> None:
    """Told twice, it ends with the first; raising on the way out is a crash."""
    journal, held = Journal(), Gate()

    def slow() -> None:
        until_told(journal)
        held.pass_through()
        raise Boom

    plain, failing = start(until_told, journal, id="plain"), start(slow, id="failing")
    journal.wait_until(lambda notes: notes.count("running") == 2)
    for ref in (plain, failing):
        ref.stop(shutdown("first"), timeout=0)
        ref.stop(shutdown("second"), timeout=0)
    held.set()

    assert joined(plain) == shutdown("first")
    assert isinstance(joined(failing), Crashed)


def test_a_function_that_does_not_look_is_abandoned(tree: Tree, start: Starter, events: Journal) -> None:
    """After its shutdown time: exit reason killed, an event, a count, its name in the tree; the supervisor goes on."""
    held, journal = Gate(), Journal()
    ref = start(lambda: journal("runs") or held.pass_through() or journal(stopping()), shutdown=0)
    journal.wait("runs")
    assert tree.context.unstopped_count() == 0

    terminate_child(tree.root, "f")

    assert joined(ref) == KILLED
    (event,) = events.of(ActorUnstopped)
    assert (event.actor, event.waited) == (ref.name, 0)
    assert tree.context.unstopped_count() == 1
    assert tree.unstopped() == (ref,)
    assert start(boom) is not None, "the id is free, and the supervisor there"
    held.set()
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()
    assert journal.notes == ["runs", True], "one that is killed is to stop"
    assert tree.unstopped() == ()


def test_a_function_ends_also_if_it_is_killed_while_it_waits(start: Starter, tree: Tree) -> None:
    """Brutal kill: it is down at once, and its pause ends, so that its thread does."""
    journal = Journal()
    ref = start(until_told, journal, shutdown=BRUTAL_KILL)
    journal.wait("running")

    terminate_child(tree.root, "f")
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()

    assert joined(ref) == KILLED
    assert journal.notes == ["running", "told"]


def test_a_function_takes_no_messages(start: Starter, tree: Tree) -> None:
    """A call says so at once, casts and sends are dropped; the tree shows it, and when it is stopping."""
    journal, held = Journal(), Gate()
    ref = start(lambda: until_told(journal) or held.pass_through())
    journal.wait("running")

    with pytest.raises(TakesNoMessages, match="is a function, which takes no calls"):
        ref.call("x")
    ref.cast("x")
    ref.send("x")
    assert tree.as_text().splitlines()[-1] == "└─ f"
    ref.stop(timeout=0)
    assert tree.as_text().splitlines()[-1] == "└─ f  function=stopping"
    held.set()


def test_functions_are_watched_and_watch(start: Starter) -> None:
    """Monitors and links of a function are those of any actor; nothing is kept of a Down that it cannot take."""
    journal = Journal()
    ref = start(until_told, journal)
    watcher, other = start(Probe, journal, id="watcher"), start(Probe, id="other")
    monitor = ref.monitor(watcher)
    other.monitor(ref)
    crash(other)
    assert cell_of(ref).ties._watching == {}

    ref.stop()
    do(watcher)

    assert journal.of(Down) == [Down(monitor, ref, SHUTDOWN)]
    assert journal.of(Exit) == []


def test_what_a_function_cannot_be(start: Starter) -> None:
    """Arguments that do not fit, a coroutine function: the start fails, with the cause."""

    async def coroutine() -> None: ...

    with pytest.raises(StartError, match="missing a required argument"):
        start(lambda one: one)
    with pytest.raises(StartError, match=r"asyncio\.run"):
        start(coroutine)


def test_whatever_can_be_called_can_be_a_child(start: Starter) -> None:
    """A partial, a bound method, a builtin, with or without a signature."""
    journal = Journal()

    for id, function, args in [
        ("partial", functools.partial(journal, 1), ()),
        ("method", journal.wait, (1,)),
        ("builtin", print, ()),
        ("unsigned", min, (1, 2)),
    ]:
        assert joined(start(function, *args, id=id)) == NORMAL


def test_only_a_function_under_supervision_can_be_stopping() -> None:
    """Elsewhere nobody could tell; it is a mistake of the caller's."""
    with pytest.raises(LookupError):
        stopping()


# Whoever is killed sends nothing more


def test_nothing_arrives_that_a_killed_actor_still_sends(start: Starter) -> None:
    """Its late casts, sends and requests are refused, as nothing of a dead process comes; those of others arrive."""
    journal, outcomes, held = Journal(), Journal(), Gate()
    other, ref = start(Probe, journal, id="other"), start(Probe, id="a")
    crashed_one = start(Probe, id="b")

    def late(actor: Any) -> None:
        journal("busy")
        held.pass_through()
        other.cast("late cast")
        other.send("late message")
        requested = other.send_request("late")  # which never fails: it is told where one waits
        waits: list[Callable[[], Any]] = [lambda: other.call("late"), lambda: requested.wait(0)]
        for wait in waits:
            try:
                outcomes(wait())
            except SenderKilled as error:
                outcomes(error)
        actor.ref.send("to itself")

    ref.cast(late)
    journal.wait("busy")
    ref.exit(KILLED)
    other.cast("meanwhile")
    held.set()
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()
    crash(crashed_one)
    do(other)

    assert journal.notes == ["busy", "meanwhile"]
    assert [type(outcome) for outcome in outcomes.notes] == [SenderKilled, SenderKilled]
    assert cell_of(other).context.killed == {}


def test_late_messages_to_a_killed_actor_are_refused_and_its_late_replies_dropped(start: Starter) -> None:
    """Callers hear killed at once, later ones NoProcess; what the handler answers in the end goes nowhere."""
    journal, held, asked = Journal(), Gate(), Journal()
    ref = start(Probe, journal, id="a")
    pending = ref.send_request(lambda _, from_: asked(from_) or held.pass_through() or "late")
    asked.wait_for(1)

    ref.exit(KILLED)

    with pytest.raises(ActorExited, match="killed"):
        pending.wait()
    with pytest.raises(NoProcess):
        ref.call("x")
    ref.cast("x")
    held.set()
    assert not asked.notes[0].reply("later")
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()
    assert journal.notes == []
