"""What a running pool answers to who looks into its service from outside: who it is, its statistics, its tree.

Asked in threads of their own (`bridge.inspection`). Statistics wait for no actor; the tree asks each, and is done in time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from actors.desk import Desk
from supervision.child_spec import ChildType
from supervision.clock import MonotonicClock
from supervision.context import TreeContext
from supervision.ref import Ref
from supervision.tree_view import TreeNode, snapshot

__all__ = ["answers"]

#: Seconds for one actor, and for all, to say what they are.
_FOR_ONE: Final = 1.0
_FOR_ALL: Final = 3.0


def answers(desk: Desk, context: TreeContext, own: Ref) -> Mapping[str, Callable[[], object]]:
    """Return what can be asked of the pool of *desk*, in the tree of *context*, in which *own* is an actor."""
    top = own.name.partition("/")[0]

    def who() -> dict[str, Any]:
        # Two trees of one process may have one name.
        return {"pid": os.getpid(), "pool": desk.pool, "tree": top, "key": f"{id(context):x}"}

    def status() -> dict[str, Any]:
        found = desk.status()
        told = attrs.asdict(found, filter=lambda field, _: field.name != "certificates")
        certificates = [each.as_dict() for each in found.certificates]
        return {**who(), **told, "deaths_told": [each.as_line() for each in found.certificates],
                "certificates": certificates}  # fmt: skip

    def tree() -> dict[str, Any]:
        deadline = MonotonicClock.now() + _FOR_ALL
        root = context.registry.whereis(top)
        if root is None:
            node = TreeNode(top, ChildType.SUPERVISOR, None, 0, {}, state="ended")
        else:
            node = snapshot(root, _FOR_ONE, left=lambda: deadline - MonotonicClock.now())
        if not node.children:
            # It has no time to say who is below it, as when it stops them: then by their names.
            node = attrs.evolve(node, children=_below(context, top))
        return {**who(), "tree": node.as_dict(), "text": node.as_text()}

    return {"who": who, "status": status, "tree": tree}


def _below(context: TreeContext, top: str) -> tuple[TreeNode, ...]:
    """Return who is registered below *top*, as a tree, without asking anybody."""
    names: dict[str, list[str]] = {}
    for name in context.registry.names():
        names.setdefault(name.rpartition("/")[0], []).append(name)

    def under(above: str) -> Iterator[TreeNode]:
        for name in names.get(above, ()):
            ref = context.registry.whereis(name)
            if ref is not None:
                children = tuple(under(name))
                type = ChildType.SUPERVISOR if children else ChildType.WORKER
                id = name.rpartition("/")[2]
                yield TreeNode(id, type, ref.incarnation, 0, {}, children, state="not asked")

    return tuple(under(top))
