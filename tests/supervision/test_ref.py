"""Refs: value-equal handles, of one incarnation each."""

from __future__ import annotations

import pickle

import pytest
from scripted import crash, named, spec

from supervision import SHUTDOWN, Ref, Tree
from supervision.errors import NoProcess
from supervision.supervisor import which_children


def test_refs_are_equal_by_name_and_incarnation() -> None:
    """A copy is as good for comparing; another incarnation is another actor."""
    assert Ref("t/a", 1) == Ref("t/a", 1)
    assert len({Ref("t/a", 1), Ref("t/a", 1)}) == 1
    assert Ref("t/a", 1) != Ref("t/a", 2)
    assert Ref("t/a", 1) != Ref("t/b", 1)
    assert Ref("t/a", 1) != "t/a"
    assert repr(Ref("t/a", 1)) == "<t/a#1>"


def test_a_pickled_ref_can_be_compared_and_not_called(tree: Tree) -> None:
    """It belongs to no actor of a process any more: calls raise, messages are dropped."""
    copy = pickle.loads(pickle.dumps(tree.root))

    assert copy == tree.root
    assert hash(copy) == hash(tree.root)
    assert not copy.is_alive()
    copy.cast("x")
    copy.send("x")
    copy.exit(SHUTDOWN)
    for refused in (lambda: copy.call("x"), copy.join, lambda: tree.root.monitor(copy)):
        with pytest.raises(NoProcess):
            refused()
    assert tree.root.is_alive()


def test_a_restarted_child_has_the_name_and_another_incarnation(tree: Tree) -> None:
    """Every incarnation of a tree has a number of its own."""
    tree.start_child(spec("a"))
    old = named(tree, "a")

    crash(old)
    which_children(tree.root)  # the barrier: it was restarted

    new = named(tree, "a")
    assert new.name == old.name
    assert new.incarnation > old.incarnation
    assert new != old
