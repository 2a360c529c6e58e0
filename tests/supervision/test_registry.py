"""Names: unique in one tree, and of that tree alone."""

from __future__ import annotations

import pytest

from supervision import Ref, Tree
from supervision.errors import AlreadyRegistered
from supervision.registry import Registry


def test_a_name_finds_its_holder() -> None:
    """A lookup gives the ref, or None; names() is sorted."""
    registry = Registry("t")
    registry.register("b", Ref("b", 1))
    registry.register("a", Ref("a", 2))

    assert registry.whereis("b") == Ref("b", 1)
    assert registry.whereis("c") is None
    assert registry.names() == ("a", "b")


def test_a_taken_name_is_refused() -> None:
    """The error names the holder and what to do; the holder keeps it. Registering again what one has is fine."""
    registry = Registry("t")
    registry.register("a", Ref("a", 1))

    with pytest.raises(AlreadyRegistered, match=r"taken in tree 't' by <a#1>.*choose another"):
        registry.register("a", Ref("a", 2))
    registry.register("a", Ref("a", 1))

    assert registry.whereis("a") == Ref("a", 1)


def test_an_older_incarnation_cannot_unregister_a_newer() -> None:
    """Only the holder frees a name; the twin: it does."""
    registry = Registry("t")
    registry.register("a", Ref("a", 2))

    registry.unregister("a", Ref("a", 1))
    assert registry.whereis("a") == Ref("a", 2)

    registry.unregister("a", Ref("a", 2))
    registry.unregister("a", Ref("a", 2))
    assert registry.whereis("a") is None


def test_two_trees_have_the_same_names_and_never_meet(tree: Tree) -> None:
    """Names are scoped to a tree: the same name means another actor in each."""
    with Tree(tree.name) as other:
        assert tree.registry.names() == other.registry.names()
        assert tree.registry.whereis(tree.name) is tree.root
        assert other.registry.whereis(tree.name) is other.root
    assert tree.is_running()


def test_a_holder_that_gives_way_loses_its_name() -> None:
    """Asked only about another holder; who lost the name is told, and cannot free it any more."""
    registry = Registry("t")
    old, new = Ref("t/a", 1), Ref("t/a", 2)
    asked: list[Ref] = []

    def gives_way(holder: Ref) -> bool:
        asked.append(holder)
        return True

    assert registry.register("t/a", old, gives_way=gives_way) is None
    assert registry.register("t/a", old, gives_way=gives_way) is None
    assert registry.register("t/a", new, gives_way=gives_way) == old
    assert asked == [old]
    registry.unregister("t/a", old)
    assert registry.whereis("t/a") == new
