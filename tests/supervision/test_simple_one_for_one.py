"""Children made from one template, with real actors: OTP's simple_one_for_one."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import Journal, Probe, TrappingProbe, boom, crash, do, joined, spec, sup_spec
from supervisors import refs

from supervision import (
    IGNORE,
    NORMAL,
    SHUTDOWN,
    ChildSpec,
    Ref,
    Restart,
    Strategy,
    SupFlags,
    Tree,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from supervision.errors import InvalidSpec, NoSuchChild, SimpleOneForOne, StartError
from supervision.supervisor import ChildCounts

SIMPLE = SupFlags(strategy=Strategy.SIMPLE_ONE_FOR_ONE, intensity=100)


def simple(tree: Tree, template: ChildSpec) -> Ref:
    """Start one under the tree's root."""
    sup = tree.start_child(sup_spec("sup", SIMPLE, template))
    assert sup is not None
    return sup


def made(sup: Ref, *args: Any) -> Ref:
    """Start one more child."""
    ref = start_child(sup, args)
    assert ref is not None
    return ref


def test_children_get_the_extra_arguments_and_keep_them(tree: Tree) -> None:
    """Behind the template's own; a restarted child has them again."""
    journal = Journal()
    sup = simple(tree, spec("t", Probe, journal))

    a = made(sup, lambda _: journal("a"))
    made(sup)
    crash(a)
    (new, other) = (row.ref for row in which_children(sup))

    assert journal.of(str) == ["a", "a"]
    assert new not in (None, a)
    assert other is not None
    assert do(other, lambda actor: actor.journal) is journal


def test_each_child_has_a_name_of_its_own(tree: Tree) -> None:
    """Made from the template's id: it is the child's name in the tree; unlike OTP's, it has an id."""
    sup = simple(tree, spec("t"))

    first, second = made(sup), made(sup)

    assert (first.name, second.name) == (f"{sup.name}/t.1", f"{sup.name}/t.2")
    assert list(refs(sup)) == ["t.1", "t.2"]


def test_children_go_by_their_handles(tree: Tree) -> None:
    """They are stopped by handle and forgotten; one that has ended is fine, a stranger is not."""
    sup = simple(tree, spec("t"))
    first, second = made(sup), made(sup)
    stranger = tree.start_child(spec("stranger"))
    assert stranger is not None

    terminate_child(sup, first)
    terminate_child(sup, first)

    assert joined(first) == SHUTDOWN
    assert list(refs(sup).values()) == [second]
    with pytest.raises(NoSuchChild):
        terminate_child(sup, stranger)
    assert stranger.is_alive()


@pytest.mark.parametrize("request_", [terminate_child, restart_child, delete_child])
def test_ids_are_refused(tree: Tree, request_: Any) -> None:
    """OTP's simple_one_for_one error; the supervisor goes on."""
    sup = simple(tree, spec("t"))
    made(sup)

    with pytest.raises(SimpleOneForOne):
        request_(sup, "t.1")
    assert len(refs(sup)) == 1


def test_a_spec_is_refused_and_arguments_elsewhere(tree: Tree) -> None:
    """Either kind of supervisor says what it takes."""
    sup = simple(tree, spec("t"))

    with pytest.raises(InvalidSpec, match="extra arguments"):
        start_child(sup, spec("a"))
    with pytest.raises(InvalidSpec, match="expected a ChildSpec"):
        start_child(tree.root, ["a"])


def test_the_spec_is_the_templates(tree: Tree) -> None:
    """By its id, by a child's handle, and by the handle of one that has ended."""
    template = spec("t", shutdown=1.0)
    sup = simple(tree, template)
    first, second = made(sup), made(sup)
    terminate_child(sup, second)

    assert [get_childspec(sup, which) for which in ("t", first, second)] == [template] * 3
    assert count_children(sup) == ChildCounts(specs=1, active=1, supervisors=0, workers=1)


def test_a_child_that_ignores_or_fails_is_forgotten(tree: Tree) -> None:
    """The caller is told of a failure."""
    sup = simple(tree, spec("t", Probe, None))

    assert start_child(sup, [lambda _: IGNORE]) is None
    with pytest.raises(StartError, match="Boom"):
        start_child(sup, [boom])
    assert refs(sup) == {}


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
def test_a_child_that_is_done_is_forgotten(tree: Tree, restart: Restart) -> None:
    """Nothing is kept of it, whatever its kind."""
    sup = simple(tree, spec("t", restart=restart))
    first = made(sup)

    first.stop(NORMAL)

    assert refs(sup) == {}


def test_all_children_are_asked_to_stop_at_once(tree: Tree) -> None:
    """Each is in terminate while the others still are: they wait for one another here."""
    journal = Journal()

    def meet(_: Any) -> None:
        journal("in terminate")
        journal.wait_for(6)

    sup = simple(tree, spec("t", TrappingProbe, journal, None, meet))
    children = [made(sup) for _ in range(3)]

    terminate_child(tree.root, "sup")

    assert [joined(ref) for ref in children] == [SHUTDOWN] * 3


def test_without_its_one_spec_it_does_not_start(tree: Tree) -> None:
    """The error is in the start's reason."""
    with pytest.raises(StartError, match="exactly one spec"):
        tree.start_child(sup_spec("sup", SIMPLE))
