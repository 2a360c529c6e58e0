"""How an actor's start fails, and what is told of that."""

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
    TrappingProbe,
    boom,
    do,
    in_thread,
    spec,
)

from supervision import (
    IGNORE,
    Actor,
    Continue,
    Down,
    Exit,
    Ref,
    Stop,
    Tree,
    VirtualClock,
    shutdown,
)
from supervision.errors import StartError
from supervision.ref import cell_of
from supervision.supervisor import which_children


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
