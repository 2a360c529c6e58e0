"""Links and monitors between actors."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import (
    Journal,
    Probe,
    Starter,
    TrappingProbe,
    crash,
    do,
    joined,
    spec,
)

from supervision import (
    NORMAL,
    Actor,
    Down,
    Exit,
    Ref,
    Restart,
    Stop,
    Tree,
)
from supervision.errors import ChildExists
from supervision.exit_reason import NOPROC
from supervision.ref import cell_of
from supervision.supervisor import which_children


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
