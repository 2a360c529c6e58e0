"""What a tree looks like: a frozen picture of it, as text, as Mermaid and as JSON.

Taking part in it costs an actor nothing but its ``status()``, which it may override.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, final

import attrs

from supervision.child_spec import ChildType
from supervision.errors import SupervisionError
from supervision.mermaid import in_quotes
from supervision.ref import Ref, cell_of
from supervision.requests import GetStatus
from supervision.supervisor import ChildInfo, which_children

__all__ = ["TreeNode", "snapshot"]

#: What is said of an actor that has ended, and whose thread has not.
_UNSTOPPED: Final = "unstopped: its thread still runs"

_RUNNING: Final = "running"


@final
@attrs.frozen
class TreeNode:
    """One actor and those below it, at one moment."""

    id: str
    type: ChildType  #: what it is, if it runs; else what its spec says
    incarnation: int | None  #: None when it does not run
    restarts: int
    status: Mapping[str, object]  #: what the actor says of itself
    children: tuple[TreeNode, ...] = ()
    #: Of the root: the actors that would not stop, or were killed, and whose threads still run.
    unstopped: tuple[Ref, ...] = ()
    #: "running", "restarting" (it waits for its next try), "not running", "ending", "ended: ..." with the exit reason,
    #: or "no answer (...)" with the error.
    state: str = _RUNNING

    def as_text(self) -> str:
        """Return the node and what is below it, a line each."""
        return "\n".join(self._lines("", ""))

    def as_dict(self) -> dict[str, object]:
        """Return the node as dicts and lists, ready for JSON."""
        return {
            "id": self.id,
            "type": self.type.value,
            "state": self.state,
            "incarnation": self.incarnation,
            "restarts": self.restarts,
            "status": dict(self.status),
            "children": [child.as_dict() for child in self.children],
            **({"unstopped": [str(ref) for ref in self.unstopped]} if self.unstopped else {}),
        }

    def as_json(self) -> str:
        """Return the node as one JSON object; what JSON cannot say of a status is given as its ``str``."""
        return json.dumps(self.as_dict(), default=str)

    def as_mermaid(self) -> str:
        """Return the node and what is below it as a Mermaid flowchart: supervisors are boxes, workers are rounded."""
        return "\n".join(["flowchart TD", *self._boxes(itertools.count(), None)])

    def walk(self) -> Iterator[TreeNode]:
        """Yield the node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def describe(self) -> str:
        """Return the node's own line."""
        return "  ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        said = dict(self.status)
        if self.state != _RUNNING:
            said["state"] = self.state
        if self.restarts:
            said["restarts"] = self.restarts
        yield self.id
        for key, value in said.items():
            yield f"{key}={value}"

    def _boxes(self, numbers: Iterator[int], parent: int | None) -> Iterator[str]:
        number = next(numbers)
        label = in_quotes(self._parts())
        left, right = ("[", "]") if self.type is ChildType.SUPERVISOR else ("(", ")")
        yield f"    n{number}{left}{label}{right}"
        if parent is not None:
            yield f"    n{parent} --> n{number}"
        for child in self.children:
            yield from child._boxes(numbers, number)
        for ref in self.unstopped:
            yield f"    n{next(numbers)}>{in_quotes([str(ref), _UNSTOPPED])}]"

    def _lines(self, first: str, rest: str) -> Iterator[str]:
        yield first + self.describe()
        for index, child in enumerate(self.children):
            last = index == len(self.children) - 1
            yield from child._lines(rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
        for ref in self.unstopped:
            yield f"{ref}  {_UNSTOPPED}"


def snapshot(
    ref: Ref, timeout: float, *, restarts: int = 0, left: Callable[[], float] = lambda: math.inf
) -> TreeNode:
    """Ask *ref* and all below it what they are. Blocks.

    Args:
        ref: Where to begin.
        timeout: Seconds for each actor; one that gives no answer is shown so.
        restarts: Of *ref*, as its supervisor counts them.
        left: Returns the seconds for all that are still to be asked; from 0 on, nobody is.
    """
    id, cell = ref.name.rpartition("/")[2], cell_of(ref)
    # What it is, and not what its spec calls it: a supervisor has children, and nobody else takes the question.
    type = ChildType.SUPERVISOR if cell.supervises else ChildType.WORKER
    timeout = min(timeout, left())
    if timeout <= 0:
        return TreeNode(id, type, ref.incarnation, restarts, {}, state="not asked")
    if cell.closing and ref.is_alive():
        return TreeNode(id, type, ref.incarnation, restarts, {}, state="ending")
    try:
        status = cell.ask_system(GetStatus(), timeout)
        rows = which_children(ref, timeout=timeout) if cell.supervises else ()
    except SupervisionError as error:
        end = None if ref.is_alive() else ref.join(timeout=0)
        state = f"no answer ({error.__class__.__name__})" if end is None else f"ended: {end}"
        return TreeNode(id, type, ref.incarnation, restarts, {}, state=state)
    children = tuple(
        _absent(row) if row.ref is None else snapshot(row.ref, timeout, restarts=row.restarts, left=left)
        for row in rows
    )
    return TreeNode(id, type, ref.incarnation, restarts, status, children)


def _absent(row: ChildInfo) -> TreeNode:
    state = "restarting" if row.restarting else "not running"
    return TreeNode(row.id, row.type, None, row.restarts, {}, state=state)
