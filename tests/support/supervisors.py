"""Supervisors with real actors under the tree of a test: how they are started, and how their children are found."""

from __future__ import annotations

from typing import Any

from scripted import Journal, TrappingProbe, spec, sup_spec

from supervision import ChildSpec, Ref, Strategy, SupFlags, Tree, which_children

__all__ = ["ALL", "MANY", "REST", "noted_child", "refs", "supervisor"]

MANY = SupFlags(intensity=100)
REST = SupFlags(strategy=Strategy.REST_FOR_ONE, intensity=100)
ALL = SupFlags(strategy=Strategy.ONE_FOR_ALL, intensity=100)


def supervisor(tree: Tree, flags: SupFlags, *children: ChildSpec, id: str = "sup") -> Ref:
    """Start a temporary supervisor under the tree's root."""
    ref = tree.start_child(sup_spec(id, flags, *children))
    assert ref is not None
    return ref


def refs(sup: Ref) -> dict[str, Ref | None]:
    """Return the children's refs; a call, and so the barrier behind which every exit before was dealt with."""
    return {row.id: row.ref for row in which_children(sup)}


def noted_child(id: str, journal: Journal, **options: Any) -> ChildSpec:
    """Return a child that notes its start and its end."""
    return spec(id, TrappingProbe, journal, lambda _: journal(("init", id)), **options)
