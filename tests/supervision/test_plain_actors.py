"""Plain pykka actors under a supervisor, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pykka
import pytest
from plain_actors import FOREVER, Plain, pykka_ref, started
from scripted import Gate, Journal, Probe, boom, crash, joined, named, spec

from supervision import KILLED, NORMAL, Tree
from supervision.ref import cell_of
from supervision.supervisor import which_children


def quit_python(_: Any) -> None:
    """Do what ends a Python program."""
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("end", "text", "hooks"),
    [
        (lambda own: own.tell(boom), "crashed(Boom)", ["on_start", "on_failure"]),
        (lambda own: own.tell(lambda actor: actor.stop()), "normal", ["on_start", "on_stop"]),
        (lambda own: own.stop(), "normal", ["on_start", "on_stop"]),
        (
            lambda own: own.tell(quit_python),
            "crashed(SystemExit: 3)",
            ["on_start", "on_stop"],
        ),
    ],
    ids=["crash in tell", "stop from inside", "ref.stop", "BaseException"],
)
def test_a_supervisor_sees_every_end_of_a_plain_actor(
    tree: Tree, events: Journal, end: Callable[[Any], Any], text: str, hooks: list[str]
) -> None:
    """With the right exit reason; its hooks run as pykka runs them, and it is restarted."""
    journal = Journal()
    tree.start_child(spec("a", Plain, journal))
    old = named(tree, "a")

    end(pykka_ref(old, Plain))

    assert str(joined(old)) == text
    (row,) = which_children(tree.root)
    assert row.restarts == 1
    assert row.ref is not None
    assert row.ref.incarnation != old.incarnation
    assert journal.notes == [*hooks, "on_start"]
    assert f"{old.name} ended: {text}" in [event.describe() for event in events.notes]


def test_a_plain_actor_is_stopped_with_its_on_stop(tree: Tree) -> None:
    """Its supervisor's shutdown runs on_stop, as pykka's stop does: it knows no exit signals."""
    journal = Journal()
    ref = started(tree, Plain, journal)

    tree.stop()

    assert journal.notes == ["on_start", "on_stop"]
    assert str(joined(ref)) == "shutdown"


def test_a_plain_actor_dies_of_another_link(tree: Tree) -> None:
    """A crashed peer takes it along, without on_stop; a normal end of the peer does not."""
    journal = Journal()
    ref = started(tree, Plain, journal)
    done, broken = started(tree, Probe, id="done"), started(tree, Probe, id="broken")
    cell_of(ref).ties.link(cell_of(done).ties)
    cell_of(ref).ties.link(cell_of(broken).ties)

    done.stop(NORMAL)
    assert ref.call("lives") == "lives"
    crash(broken)

    assert str(joined(ref)) == "crashed(Boom)"
    assert journal.notes == ["on_start", "lives"]


@pytest.mark.parametrize("hook", ["on_stop", "on_failure"])
def test_a_hook_that_fails_is_the_exit_reason(tree: Tree, hook: str) -> None:
    """The last thing that went wrong is told."""

    class Failing(Plain):
        def on_stop(self) -> None:
            raise ValueError("in the hook")

        on_failure = on_stop

    ref = started(tree, Failing)

    pykka_ref(ref, Plain).tell(boom if hook == "on_failure" else lambda actor: actor.stop())

    assert "Error" in str(joined(ref))


def test_a_plain_actor_takes_casts_sends_and_calls(tree: Tree) -> None:
    """All of them reach on_receive; it is shown in the tree without a status."""
    journal = Journal()
    ref = started(tree, Plain, journal)

    ref.cast("cast")
    ref.send("sent")
    assert ref.call("called") == "called"

    assert journal.notes == ["on_start", "cast", "sent", "called"]
    assert tree.as_text().splitlines()[-1] == "└─ a"


def test_a_killed_plain_actor_ends_its_thread(tree: Tree) -> None:
    """Waiting for a message, or busy: it does nothing more, and no hook runs."""
    journal, held = Journal(), Gate()
    idle, busy = started(tree, Plain, journal, id="idle"), started(tree, Plain, journal, id="busy")

    def hold(_: Any) -> None:
        journal("busy")
        held.pass_through()

    busy.cast(hold)
    journal.wait("busy")

    for ref in (idle, busy):
        ref.exit(KILLED)
    held.set()

    for ref in (idle, busy):
        thread = cell_of(ref).thread
        assert thread is not None
        thread.join()
    assert journal.notes == ["on_start", "on_start", "busy"]


def test_a_plain_class_that_was_supervised_is_still_pykkas() -> None:
    """The class itself is unchanged: outside a tree it is a pykka actor as before."""
    own = Plain.start()

    assert own.ask("x", timeout=FOREVER) == "x"
    assert pykka.ActorRegistry.get_all() == [own]
    own.stop()
