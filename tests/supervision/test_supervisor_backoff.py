"""Restarts that wait, with real actors and the tree's virtual clock."""

from __future__ import annotations

import pytest
from scripted import Journal, Probe, boom, crash, joined, named, spec
from supervisors import REST, noted_child, refs, supervisor

from supervision import Backoff, Ref, SupFlags, Tree, VirtualClock, terminate_child, which_children
from supervision.errors import SupervisionError

WAITS = Backoff(first=3.0, jitter=0.0)


def states(sup: Ref) -> dict[str, str]:
    """Return what each child does."""
    return {
        row.id: "restarting" if row.restarting else "runs" if row.ref is not None else "rests"
        for row in which_children(sup)
    }


def test_a_restart_waits_on_the_trees_clock(tree: Tree, clock: VirtualClock) -> None:
    """The supervisor goes on meanwhile; the child comes when the moment has come, and not before."""
    sup = supervisor(tree, SupFlags(), spec("a", backoff=WAITS), spec("b"))
    crash(named(tree, "sup/a"))

    assert states(sup) == {"a": "restarting", "b": "runs"}
    clock.advance(2.9)
    assert states(sup) == {"a": "restarting", "b": "runs"}
    clock.advance(0.1)
    assert states(sup) == {"a": "runs", "b": "runs"}


def test_siblings_that_share_the_fate_are_stopped_at_once_and_wait(tree: Tree, clock: VirtualClock) -> None:
    """rest_for_one: they stand on the child that does not run."""
    journal = Journal()
    sup = supervisor(tree, REST, spec("a", backoff=WAITS), *(noted_child(id, journal) for id in "bc"))
    begun = len(journal.notes)

    crash(named(tree, "sup/a"))
    assert states(sup) == {"a": "restarting", "b": "rests", "c": "rests"}
    clock.advance(3.0)

    assert states(sup) == dict.fromkeys("abc", "runs")
    assert [note[:2] for note in journal.notes[begun:]] == [
        ("terminate", "c"),
        ("terminate", "b"),
        ("init", "b"),
        ("init", "c"),
    ]


def test_waiting_restarts_count(tree: Tree, clock: VirtualClock) -> None:
    """One too many within the period ends the supervisor, though they waited."""
    sup = supervisor(tree, SupFlags(intensity=1, period=60.0), spec("a", backoff=WAITS))
    crash(named(tree, "sup/a"))
    refs(sup)
    clock.advance(3.0)
    refs(sup)

    crash(named(tree, "sup/a"))

    assert joined(sup).because is not None  # type: ignore[union-attr]


def test_a_restart_that_fails_waits_longer(tree: Tree, clock: VirtualClock) -> None:
    """The next wait is the next in the row."""
    starts = iter([None, boom, None])

    def init(actor: Probe) -> None:
        step = next(starts)
        if step is not None:
            step()

    sup = supervisor(tree, SupFlags(intensity=5), spec("a", Probe, None, init, backoff=WAITS))
    crash(named(tree, "sup/a"))
    refs(sup)
    clock.advance(3.0)
    assert states(sup) == {"a": "restarting"}
    clock.advance(5.9)
    assert states(sup) == {"a": "restarting"}
    clock.advance(0.1)

    assert states(sup) == {"a": "runs"}


def test_a_supervisor_that_ends_leaves_no_restart_behind(tree: Tree, clock: VirtualClock) -> None:
    """Its moment comes, and nobody is started."""
    sup = supervisor(tree, SupFlags(), spec("a", backoff=WAITS))
    crash(named(tree, "sup/a"))
    refs(sup)

    terminate_child(tree.root, "sup")
    clock.advance(10.0)

    with pytest.raises(SupervisionError):
        which_children(sup)
    assert tree.registry.names() == (tree.name,)
