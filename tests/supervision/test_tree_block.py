"""A tree that fails inside its ``with`` block, and what whoever is in there is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    TrappingProbe,
    crash,
    named,
    spec,
    sup_spec,
)

from supervision import (
    KILLED,
    SHUTDOWN,
    AutoShutdown,
    ChildType,
    DynamicSupervisor,
    Restart,
    SupFlags,
    Tree,
)
from supervision.errors import TreeEnded, TreeNotRunning
from supervision.exit_reason import Shutdown
from supervision.supervisor import start_child


def lived(own: Tree, during: Callable[[], object], error: Exception | None = None) -> None:
    """Live *own* in a ``with`` block that does *during*, waits for the tree's end and raises *error*, if given."""
    with own:
        during()
        own.wait(20.0)
        if error is not None:
            raise error


def test_a_tree_that_gives_up_inside_its_block_is_an_error(no_leaks: None) -> None:
    """Nobody may take a block for done whose tree has failed meanwhile; the error has the reason, and the cause."""
    own = Tree("service", [spec("a")], intensity=0)

    with pytest.raises(TreeEnded, match=r"'service' gave up: .*crashed\(Boom\).* make a new Tree") as raised:
        lived(own, lambda: crash(named(own, "a")))

    assert raised.value.reason == SHUTDOWN
    assert isinstance(raised.value.__cause__, Boom)


def test_a_giving_up_reaches_the_block_through_every_supervisor(no_leaks: None) -> None:
    """The inner one gives up, so the root does; the exception of the innermost child is still the cause."""
    inner = sup_spec("inner", SupFlags(intensity=0), spec("a"), restart=Restart.PERMANENT)
    own = Tree("deep", [inner], intensity=0)

    with pytest.raises(TreeEnded, match=r"'deep' gave up: its child 'inner'.*'deep/inner' gave up") as raised:
        lived(own, lambda: crash(named(own, "inner/a")))

    assert isinstance(raised.value.__cause__, Boom)


def test_the_blocks_own_exception_goes_first_and_is_told_of_the_trees_end(no_leaks: None) -> None:
    """It is raised as it is, with a note that the tree had failed."""
    own = Tree("noted", [spec("a")], intensity=0)

    with pytest.raises(KeyError) as raised:
        lived(own, lambda: crash(named(own, "a")), KeyError("mine"))

    assert [note.partition(":")[0] for note in raised.value.__notes__] == ["tree 'noted' has ended"]


def test_a_tree_that_was_done_or_stopped_inside_its_block_is_no_error(no_leaks: None) -> None:
    """The twins: its significant child was done; it was stopped; a stop ran out of time and killed its root."""
    done = spec("a", restart=Restart.TRANSIENT, significant=True)
    with Tree("done", [done], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT) as own:
        named(own, "a").stop()
        assert own.wait(20.0) == SHUTDOWN
    with Tree("stopped", [spec("a")]) as own:
        assert own.stop()
    held, entered = Gate(), Gate()

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    with Tree("killed", [spec("a", TrappingProbe, None, None, hold)]) as own:
        assert not own.stop(0.0)
        held.set()
    assert own.wait(0) == KILLED


def test_a_tree_whose_root_was_killed_from_outside_is_an_error(no_leaks: None) -> None:
    """Nobody had asked it to stop."""
    own = Tree("struck", [spec("a")])

    with pytest.raises(TreeEnded, match="has ended: killed"):
        lived(own, lambda: own.root.exit(KILLED))


def test_a_tree_that_has_failed_says_so_to_who_adds_a_child(no_leaks: None) -> None:
    """With the reason and the cause; what is still on its way down says that."""
    held, entered = Gate(), Gate()

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    own = Tree("late", [spec("slow", TrappingProbe, None, None, hold), spec("a")], intensity=0).start()
    crash(named(own, "a"))
    entered.pass_through()
    with pytest.raises(TreeNotRunning, match="is ending"):
        own.start_child(spec("b"))
    held.set()
    own.wait(20.0)

    with pytest.raises(TreeEnded, match=r"crashed\(Boom\)") as raised:
        own.start_child(spec("b"))

    assert isinstance(raised.value.__cause__, Boom)
    assert own.stop()


def test_children_of_a_supervisor_that_gives_up_are_told_why(no_leaks: None) -> None:
    """They are stopped with OTP's ``shutdown``, which knows the cause: so a pool can tell its callers. Dynamic ones, too."""
    heard = Journal()

    class Heir(TrappingProbe):
        def terminate(self, reason: Any) -> None:
            heard(reason)

    dynamic = spec("dynamic", DynamicSupervisor, type=ChildType.SUPERVISOR)
    own = Tree("told", [spec("heir", Heir), dynamic, spec("a")], intensity=0).start()
    start_child(named(own, "dynamic"), spec("heir", Heir))
    crash(named(own, "a"))
    own.wait(20.0)

    assert heard.notes == [SHUTDOWN, SHUTDOWN]
    assert all(
        isinstance(note, Shutdown) and note.because and note.because.child == "a" for note in heard.notes
    )
    with Tree("quiet", [spec("heir", Heir)]):
        pass
    assert heard.notes[-1].because is None
    assert own.stop()
