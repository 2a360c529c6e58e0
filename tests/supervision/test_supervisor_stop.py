"""How a supervisor stops its children: in order, each by its own shutdown; and what becomes of the deaf."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Gate, Journal, Probe, TrappingProbe, boom, crash, do, joined, named, spec, sup_spec
from supervisors import MANY, noted_child, supervisor

from supervision import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    Ref,
    Restart,
    Strategy,
    SupFlags,
    Tree,
    VirtualClock,
)
from supervision.events import ActorUnstopped
from supervision.ref import cell_of
from supervision.supervisor import (
    restart_child,
    terminate_child,
    which_children,
)


def test_children_stop_in_reverse_start_order(tree: Tree) -> None:
    """One after the other, whole subtrees included."""
    journal = Journal()
    inner = sup_spec("inner", MANY, noted_child("b", journal), noted_child("c", journal))
    sup = supervisor(tree, MANY, noted_child("a", journal), inner, noted_child("d", journal))
    begun = len(journal.notes)

    terminate_child(tree.root, "sup")

    assert [id for _, id, _ in journal.notes[begun:]] == ["d", "c", "b", "a"]
    assert joined(sup) == SHUTDOWN


def test_a_brutal_kill_does_not_ask(tree: Tree) -> None:
    """No terminate, the reason is killed, and an idle thread ends by itself."""
    journal = Journal()
    sup = supervisor(tree, MANY, spec("a", TrappingProbe, journal, shutdown=BRUTAL_KILL))
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == KILLED
    assert journal.notes == []
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()


def test_shutdown_zero_asks_and_does_not_wait(tree: Tree) -> None:
    """Unlike a brutal kill it asks; what does not end there and then is killed."""
    held = Gate()
    sup = supervisor(
        tree, MANY, spec("a", TrappingProbe, None, None, lambda _: held.pass_through(), shutdown=0)
    )
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == KILLED
    held.set()


def test_a_child_that_ignores_its_shutdown_is_abandoned(
    tree: Tree, clock: VirtualClock, timers: Journal, events: Journal
) -> None:
    """It counts as killed, an event and the tree name it, and its supervisor goes on; until its thread ends."""
    entered, held = Gate(), Gate()
    sup = supervisor(tree, MANY, spec("deaf", TrappingProbe, shutdown=3.0), spec("b"))
    deaf = named(tree, "sup/deaf")

    def ignore(_: Any) -> None:
        entered.set()
        held.pass_through()

    deaf.cast(ignore)
    entered.pass_through()
    stopper = threading.Thread(target=lambda: terminate_child(sup, "deaf"))
    stopper.start()
    timers.wait(3.0)
    clock.advance(2.9)
    assert deaf.is_alive()
    clock.advance(0.1)
    stopper.join()

    assert joined(deaf) == KILLED
    (event,) = events.of(ActorUnstopped)
    assert event == ActorUnstopped(actor=deaf.name, incarnation=deaf.incarnation, waited=3.0)
    assert event.describe() == f"{deaf.name} did not stop within 3 s; its thread was abandoned"
    assert tree.unstopped() == (deaf,)
    new = restart_child(sup, "deaf")
    assert new is not None
    assert do(new, lambda _: "goes on") == "goes on"
    held.set()
    thread = cell_of(deaf).thread
    assert thread is not None
    thread.join()
    assert tree.unstopped() == ()


def test_a_child_that_ends_in_time_is_not_abandoned(tree: Tree, events: Journal) -> None:
    """The twin: it runs terminate, its reason is shutdown, no event complains."""
    journal = Journal()
    sup = supervisor(tree, MANY, noted_child("a", journal, shutdown=3.0))
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == SHUTDOWN
    assert journal.notes[-1] == ("terminate", "a", SHUTDOWN)
    assert events.of(ActorUnstopped) == []
    assert tree.unstopped() == ()


@pytest.mark.parametrize("end", [lambda ref: ref.exit(KILLED), crash], ids=["killed", "crash in a request"])
def test_a_supervisor_that_ends_takes_its_children_along(tree: Tree, end: Callable[[Ref], Any]) -> None:
    """Killed, its children get the signal; crashed, it stops them itself: none is left running."""
    journal = Journal()
    sup = supervisor(tree, MANY, noted_child("a", journal), spec("b"))
    children = [named(tree, "sup/a"), named(tree, "sup/b")]

    if end is crash:
        sup.cast("no supervisor takes casts")
        joined(sup)
    else:
        end(sup)

    for child in children:
        joined(child)
    assert journal.notes[-1][:2] == ("terminate", "a")


def test_an_orphan_that_still_ends_gives_its_name_to_its_successor(tree: Tree) -> None:
    """A killed supervisor is restarted while what it had is ending: its successor's children start at once (OTP's rule).

    The orphan is named among the unstopped until its thread has ended; nobody finds it by its name any more, and its
    end takes nothing from its successor. The same holds two supervisors below the killed one.
    """
    held = Gate()
    slow = spec("a", TrappingProbe, kwargs={"at_terminate": lambda _: held.pass_through()})
    tree.start_child(
        sup_spec(
            "top", MANY, sup_spec("sup", MANY, slow, restart=Restart.PERMANENT), restart=Restart.PERMANENT
        )
    )
    orphan = named(tree, "top/sup/a")

    named(tree, "top").exit(KILLED)
    which_children(tree.root)

    successor = named(tree, "top/sup/a")
    assert successor != orphan
    assert orphan in tree.unstopped()
    held.set()
    joined(orphan)
    assert named(tree, "top/sup/a") == successor


def test_a_supervisor_that_is_killed_in_the_middle_of_a_restart_does_nothing_more(tree: Tree) -> None:
    """It waits for one child's end when it dies: it starts nobody again, in a tree where a successor may be at work."""
    held, entered, starts = Gate(), Gate(), Journal()

    def deaf(_: Any) -> None:
        entered.set()
        held.pass_through()

    noted = spec("a", Probe, kwargs={"at_init": lambda actor: starts(actor.ref)})
    slow = spec("b", TrappingProbe, kwargs={"at_terminate": deaf}, shutdown=math.inf)
    flags = SupFlags(strategy=Strategy.ONE_FOR_ALL, intensity=5)
    tree.start_child(sup_spec("sup", flags, noted, slow))
    sup = named(tree, "sup")
    thread = cell_of(sup).thread
    assert thread is not None

    named(tree, "sup/a").cast(boom)
    entered.pass_through()
    sup.exit(KILLED)
    held.set()
    thread.join()

    assert len(starts.notes) == 1
