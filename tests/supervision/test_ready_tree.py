"""A child that is not ready yet, for who is above it: the supervisor's start and restart, its end, the tree's stop."""

from __future__ import annotations

import math

import pytest
from gated import Starting, begun, gated, open_up, steps
from scripted import (
    Journal,
    boom,
    do,
    in_thread,
    joined,
    named,
)
from supervisors import ALL, REST, refs, supervisor

from supervision import (
    KILLED,
    SHUTDOWN,
    Restart,
    Stop,
    SupFlags,
    Tree,
    VirtualClock,
    shutdown,
)
from supervision.commands import FailedToStartChild
from supervision.errors import ActorExited, StartError
from supervision.events import ChildRestartFailed
from supervision.ref import cell_of
from supervision.supervisor import start_child

# Its supervisor


def test_children_start_one_after_the_other(tree: Tree) -> None:
    """The next one only when the one before is ready; a failure stops those before, and the supervisor's start fails."""
    journal, outcome = Journal(), Journal()
    specs = [gated(id, journal, restart=Restart.TRANSIENT) for id in "abc"]
    starter = in_thread(lambda: supervisor(tree, ALL, *specs), outcome)
    begun(journal, "a")
    assert steps(journal) == ["init a"]
    open_up(journal, "a")
    begun(journal, "b").cast(lambda _: Stop(shutdown("no")))
    starter.join()

    (error,) = outcome.of(StartError)
    assert error.reason == shutdown(FailedToStartChild("b", shutdown("no")))
    assert steps(journal) == ["init a", "init b", "terminate b", "terminate a"]
    assert tree.registry.names() == (tree.name,)


@pytest.mark.parametrize(
    ("flags", "second"),
    [
        (ALL, ["terminate a", "init a", "init b", "init c"]),
        (REST, ["init b", "init c"]),
    ],
    ids=["one_for_all", "rest_for_one"],
)
def test_a_restart_that_is_not_ready_in_time_is_tried_again(
    tree: Tree, clock: VirtualClock, timers: Journal, events: Journal, flags: SupFlags, second: list[str]
) -> None:
    """Who shares its fate waits for it; it failed, so what came before is stopped again where it shares the fate, too."""
    journal = Journal()
    outcome = Journal()
    specs = [gated(id, journal, start_timeout=7.0 if id == "b" else 50.0) for id in "abc"]
    starter = in_thread(lambda: supervisor(tree, flags, *specs), outcome)
    for id in "abc":
        open_up(journal, id)
    starter.join()
    since = len(journal.notes)
    clock.advance(1.0)  # so that the deadline that is waited for is no earlier start's
    named(tree, "sup/a").cast(boom)
    open_up(journal, "a", 2)
    ref = begun(journal, "b", 2)
    do(ref)
    timers.wait(8.0)
    clock.advance(7.0)
    assert joined(ref) == SHUTDOWN

    if flags is ALL:
        open_up(journal, "a", 3)
    open_up(journal, "b", 3)
    open_up(journal, "c", 2)

    sup = named(tree, "sup")
    assert all(ref is not None and ref.is_alive() for ref in refs(sup).values())
    first = ["terminate a", "terminate c", "terminate b", "init a", "init b", "terminate b"]
    assert steps(journal, since) == first + second
    assert "was not ready within 7 s" in next(event.error for event in events.of(ChildRestartFailed))


def test_a_supervisor_that_is_killed_takes_along_what_it_is_starting(tree: Tree) -> None:
    """By the link, as OTP's: neither the child nor the supervisor's thread waits for the deadline."""
    journal, outcome = Journal(), Journal()
    sup = supervisor(tree, ALL)
    starter = in_thread(lambda: start_child(sup, gated("a", journal, start_timeout=math.inf)), outcome)
    ref = begun(journal, "a")
    thread = cell_of(sup).thread
    assert thread is not None

    sup.exit(KILLED)

    assert joined(ref) == KILLED
    starter.join()
    thread.join()
    assert [error.reason for error in outcome.of(ActorExited)] == [KILLED]
    assert tree.registry.names() == (tree.name,)


# The tree's stop


def test_a_stop_waits_for_a_start_that_is_under_way(tree: Tree, clock: VirtualClock, timers: Journal) -> None:
    """A supervisor hears of it after the start, as OTP's; ready or not, the child is then stopped with the others."""
    journal, stopped = Journal(), Journal()
    starting = Starting(tree, journal, start_timeout=7.0)
    stop = in_thread(lambda: tree.stop(99.0), stopped)
    timers.wait(99.0)
    do(starting.ref, lambda actor: actor.ready())
    stop.join()

    assert stopped.notes == [True]
    assert steps(journal) == ["terminate a"]
    assert joined(starting.ref) == SHUTDOWN


def test_a_stop_is_bounded_by_the_deadline_of_the_start(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """The child fails to start, and the tree stops in time."""
    journal, stopped = Journal(), Journal()
    starting = Starting(tree, journal, start_timeout=7.0)
    stop = in_thread(lambda: tree.stop(10.0), stopped)
    timers.wait(7.0)
    timers.wait(10.0)
    clock.advance(7.0)
    stop.join()

    assert stopped.notes == [True]
    assert steps(journal) == ["terminate a"]
    assert starting.outcome().reason == "it was not ready within 7 s"


def test_a_start_is_bounded_by_the_deadline_of_the_stop(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """The root is killed, its link ends the child, and nothing is left, however long it might have taken."""
    journal, stopped = Journal(), Journal()
    starting = Starting(tree, journal, start_timeout=math.inf)
    stop = in_thread(lambda: tree.stop(10.0), stopped)
    timers.wait(10.0)
    clock.advance(10.0)
    stop.join()

    assert stopped.notes == [False]
    assert joined(starting.ref) == KILLED
    assert starting.outcome().reason == KILLED
    for ref in (tree.root, starting.ref):
        thread = cell_of(ref).thread
        assert thread is not None
        thread.join()
    assert tree.registry.names() == ()
    assert tree.unstopped() == ()
