"""Nothing more comes of a killed actor, whatever its thread, which cannot be killed, still does; and the tree names it."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from scripted import Gate, Journal, Probe, do, joined, spec

from supervision import KILLED, Ref, Restart, Tree, VirtualClock, crashed, shutdown
from supervision.errors import CallSelf, SenderKilled
from supervision.ref import cell_of

Deed = Callable[[Any, Ref], object]

#: What a killed actor's thread does to another.
DEEDS: dict[str, Deed] = {
    "exit": lambda _, other: other.exit(shutdown("by the dead")),
    "kill": lambda _, other: other.exit(KILLED),
    "link": lambda actor, other: actor.link(other),
    "timer": lambda actor, other: actor.send_after(1.0, "late", to=other),
    "timer of 0": lambda actor, other: actor.send_after(0.0, "late", to=other),
    "interval": lambda actor, other: actor.send_interval(1.0, "late", to=other),
    "cast": lambda _, other: other.cast("late"),
    "stop": lambda _, other: stop(other),
}


def stop(other: Ref) -> None:
    """Ask *other* to stop; who has been killed is told at once that nothing was asked, however long it would wait."""
    with contextlib.suppress(SenderKilled):
        other.stop(timeout=0 if threading.current_thread() not in cell_of(other).context.killed else math.inf)


#: Those that end the other.
ENDING = {"exit", "kill", "link", "stop"}


class Late:
    """An actor that is inside a handler when it is killed, and does *deed* afterwards."""

    def __init__(self, tree: Tree, deed: Callable[[Any], object]) -> None:
        self.done = Journal()
        self._busy, self._held = Gate(), Gate()
        ref = tree.start_child(spec("late", Probe, restart=Restart.TEMPORARY))
        assert ref is not None
        self.ref = ref

        def handle(actor: Any) -> None:
            self._busy.set()
            self._held.pass_through()
            self.done(deed(actor))

        ref.cast(handle)
        self._busy.pass_through()

    def finish(self) -> None:
        """Let it do what it is to do, and live."""
        self._held.set()
        do(self.ref)

    def go_on(self) -> None:
        """Let it do what it is late with, and end."""
        self._held.set()
        thread = cell_of(self.ref).thread
        assert thread is not None
        thread.join()
        assert len(self.done.notes) == 1


def other_of(tree: Tree, journal: Journal) -> Ref:
    """Start the one to whom it is done."""
    ref = tree.start_child(spec("other", Probe, journal, restart=Restart.TEMPORARY))
    assert ref is not None
    return ref


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "alive"])
@pytest.mark.parametrize("name", DEEDS)
def test_nothing_reaches_another(tree: Tree, clock: VirtualClock, name: str, killed: bool) -> None:
    """No signal, link, timer or message; the twin, which was not killed, does reach it."""
    journal = Journal()
    other = other_of(tree, journal)
    late = Late(tree, lambda actor: DEEDS[name](actor, other))

    if killed:
        late.ref.exit(KILLED)
        late.go_on()
    else:
        late.finish()
        late.ref.exit(crashed("end"))  # whoever is linked to it ends, too
        late.ref.join()
    clock.advance(1.5)

    if killed:
        do(other)
        assert journal.notes == []
    elif name in ENDING:
        assert joined(other) is not None
    else:
        journal.wait("late")


def test_pykkas_references_put_nothing_for_it(tree: Tree) -> None:
    """Its tell goes nowhere, its ask is refused, as if there were nobody who asks."""
    journal = Journal()
    other = other_of(tree, journal)
    theirs: Any = do(other, lambda actor: actor.actor_ref)

    def ask() -> object:
        theirs.tell("late")
        try:
            return theirs.ask("late", timeout=5.0)
        except pykka.ActorDeadError as error:
            return error

    late = Late(tree, lambda _: ask())
    late.ref.exit(KILLED)
    late.go_on()
    do(other)

    assert "has been killed" in str(late.done.notes[0])
    assert journal.notes == []
    theirs.tell("in time")
    do(other)
    assert journal.notes == ["in time"]


def test_the_tree_names_it_as_long_as_its_thread_runs(tree: Tree) -> None:
    """In its text, its Mermaid and its JSON, although it is nobody's child any more."""
    assert "unstopped" not in tree.as_text() + tree.as_mermaid() + tree.as_json()
    late = Late(tree, lambda _: None)

    late.ref.exit(KILLED)
    assert f"{late.ref}  unstopped: its thread still runs" in tree.as_text()
    assert "late" in tree.as_mermaid()
    assert json.loads(tree.as_json())["unstopped"] == [str(late.ref)]

    late.go_on()
    assert "unstopped" not in tree.as_text() + tree.as_mermaid() + tree.as_json()


def test_a_call_to_itself_from_terminate_is_one(tree: Tree) -> None:
    """Although it answers nobody any more: the mistake is told, not that it is down."""
    errors = Journal()

    def call_itself(actor: Any) -> None:
        with pytest.raises(CallSelf) as raised:
            actor.ref.call("x")
        errors(raised.value)

    ref = tree.start_child(spec("a", Probe, None, None, call_itself, restart=Restart.TEMPORARY))
    assert ref is not None
    ref.stop()

    assert len(errors.notes) == 1


def test_its_thread_cannot_stop_the_tree(tree: Tree) -> None:
    """It is told so, and the tree and whoever else is in it live on."""
    other = other_of(tree, Journal())

    def stop_all(_: Any) -> object:
        try:
            return tree.stop()
        except SenderKilled as error:
            return error

    late = Late(tree, stop_all)
    late.ref.exit(KILLED)
    late.go_on()

    assert isinstance(late.done.notes[0], SenderKilled)
    assert late.done.notes[0].name == late.ref.name
    do(other)
