"""The children of one supervisor, in start order. Only ``decisions`` writes it; nothing here decides anything.

An object and not a frozen value: copying a dict of 10,000 children costs 42 us, and a restart must not grow with
the number of siblings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import final

import attrs

from supervision.child_spec import ChildSpec
from supervision.ref import Ref

__all__ = ["Child", "ChildTable"]


@final
@attrs.frozen
class Child:
    """One row of the table."""

    spec: ChildSpec
    ref: Ref | None = None  #: None when it does not run: it was ignored, ended, or is being restarted
    restarting: bool = (
        False  #: whether its restart is still to come: one failed, or it waits (see ``Backoff``)
    )
    retry: int = 0  #: while ``restarting``: the number of the ``RetryLater`` that is to do it
    counted: bool = (
        False  #: while ``restarting``: whether the restart that is to come has been counted already
    )
    ended: Ref | None = None  #: what its next start replaces, if that ended by itself
    restarts: int = 0  #: successful restarts since the supervisor started
    in_a_row: int = 0  #: restarts that came soon one after another; only counted for a ``Backoff``
    last_end: float = -math.inf  #: when it last ended by itself, in seconds of the tree's clock


@final
class ChildTable:
    """Rows by id, in start order, with an index by ref."""

    def __init__(self) -> None:
        self._rows: dict[str, Child] = {}
        self._ids: dict[Ref, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, id: str) -> bool:
        return id in self._rows

    def __iter__(self) -> Iterator[Child]:
        return iter(tuple(self._rows.values()))

    def ids(self) -> Iterable[str]:
        """Return all ids in start order, as a view: not to be kept while the table is written."""
        return self._rows.keys()

    def get(self, id: str) -> Child | None:
        """Return the child with *id*, or None."""
        return self._rows.get(id)

    def by_ref(self, ref: Ref) -> Child | None:
        """Return the child whose present incarnation is *ref*, or whose restart is to replace it; else None."""
        id = self._ids.get(ref)
        return None if id is None else self._rows[id]

    def put(self, child: Child) -> None:
        """Add *child* at the end, or replace the row with its id in its place."""
        self._forget_refs(self._rows.get(child.spec.id))
        self._rows[child.spec.id] = child
        for ref in (child.ref, child.ended):
            if ref is not None:
                self._ids[ref] = child.spec.id

    def remove(self, id: str) -> None:
        """Forget the child with *id*; fine if there is none."""
        self._forget_refs(self._rows.pop(id, None))

    def _forget_refs(self, child: Child | None) -> None:
        if child is not None:
            for ref in (child.ref, child.ended):
                if ref is not None:
                    del self._ids[ref]
