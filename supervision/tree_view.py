"""What a tree looks like: a frozen picture of it, as text and as dicts.

Taking part in it costs an actor nothing but its ``status()``, which it may override.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import final

import attrs

from supervision.child_spec import ChildType
from supervision.errors import SupervisionError
from supervision.ref import Ref, cell_of
from supervision.requests import GetStatus
from supervision.supervisor import which_children

__all__ = ["TreeNode", "snapshot"]


@final
@attrs.frozen
class TreeNode:
    """One actor and those below it, at one moment."""

    id: str
    type: ChildType
    incarnation: int | None  #: None when it does not run
    restarts: int
    status: Mapping[str, object]  #: what the actor says of itself
    children: tuple[TreeNode, ...] = ()

    def as_text(self) -> str:
        """Return the node and what is below it, a line each."""
        return "\n".join(self._lines("", ""))

    def as_dict(self) -> dict[str, object]:
        """Return the node as dicts and lists, ready for JSON."""
        return {
            "id": self.id,
            "type": self.type.value,
            "incarnation": self.incarnation,
            "restarts": self.restarts,
            "status": dict(self.status),
            "children": [child.as_dict() for child in self.children],
        }

    def walk(self) -> Iterator[TreeNode]:
        """Yield the node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def describe(self) -> str:
        """Return the node's own line."""
        said = dict(self.status)
        if self.incarnation is None:
            said["state"] = "not running"
        if self.restarts:
            said["restarts"] = self.restarts
        return "  ".join([self.id, *(f"{key}={value}" for key, value in said.items())])

    def _lines(self, first: str, rest: str) -> Iterator[str]:
        yield first + self.describe()
        for index, child in enumerate(self.children):
            last = index == len(self.children) - 1
            yield from child._lines(rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def snapshot(ref: Ref, type: ChildType, timeout: float, *, restarts: int = 0) -> TreeNode:
    """Ask *ref* and all below it what they are. Blocks for at most *timeout* seconds for each actor."""
    id = ref.name.rpartition("/")[2]
    try:
        status = cell_of(ref).ask_system(GetStatus(), timeout)
        rows = which_children(ref, timeout=timeout) if type is ChildType.SUPERVISOR else ()
    except SupervisionError as error:
        end = None if ref.is_alive() else ref.join(timeout=0)
        state = f"no answer ({error.__class__.__name__})" if end is None else f"ended: {end}"
        return TreeNode(id, type, ref.incarnation, restarts, {"state": state})
    children = tuple(
        TreeNode(row.id, row.type, None, row.restarts, {})
        if row.ref is None
        else snapshot(row.ref, row.type, timeout, restarts=row.restarts)
        for row in rows
    )
    return TreeNode(id, type, ref.incarnation, restarts, status, children)
