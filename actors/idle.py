"""The workers that are free: which of them is given out next, and which of them nobody needs. Pure."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, final

from actors.affinity import Affinity

if TYPE_CHECKING:
    from actors.scheduler import Row

__all__ = ["FreeRows", "IdleWorkers"]

#: Levels that may be empty before it is worth while to clear them out.
_SPARE: Final = 32


@final
class FreeRows:
    """Free workers of one kind, longest idle first, and again by how many sessions live there.

    An ``OrderedDict`` and not a dict: a dict that is emptied at its front and filled at its end passes over what was
    deleted each time it is asked for its first, which takes as long as there are workers.
    """

    __slots__ = ("_levels", "_order", "rows")

    def __init__(self) -> None:
        self.rows: OrderedDict[int, Row] = OrderedDict()  #: by key
        self._levels: dict[int, OrderedDict[int, Row]] = {}  #: by load; some are empty
        self._order: list[int] = []  #: a heap of these loads

    def add(self, row: Row) -> None:
        row.idle = self
        self.rows[row.key] = row
        level = self._levels.get(row.load)
        if level is None:
            level = self._levels[row.load] = OrderedDict()
            heapq.heappush(self._order, row.load)
        level[row.key] = row

    def take_first(self) -> Row:
        key, row = self.rows.popitem(last=False)
        row.idle = None
        self._leave(key, row.load)
        return row

    def discard(self, row: Row) -> None:
        row.idle = None
        del self.rows[row.key]
        self._leave(row.key, row.load)

    def relevel(self, row: Row, load: int) -> None:
        self._leave(row.key, row.load)
        row.load = load
        self.add(row)  # keeps its place among the longest idle

    def least_loaded(self) -> Row:
        # Only now: a worker that leaves is often back next, and its level empty in between.
        while not self._levels[self._order[0]]:
            del self._levels[heapq.heappop(self._order)]
        return next(iter(self._levels[self._order[0]].values()))

    def _leave(self, key: int, load: int) -> None:
        del self._levels[load][key]
        if len(self._levels) > 2 * len(self.rows) + _SPARE:
            self._levels = {load: level for load, level in self._levels.items() if level}
            self._order = sorted(self._levels)


@final
class IdleWorkers:
    """The pool's own free workers, which go first, and its overflow ones.

    Args:
        affinity: Knows how many sessions live where.
        rows: All workers, by key; what is free, and how loaded it is, is noted in them.
    """

    def __init__(self, affinity: Affinity, rows: Mapping[int, Row]) -> None:
        self._affinity = affinity
        self._rows = rows
        self._own = FreeRows()
        self._overflow = FreeRows()
        for row in rows.values():
            row.idle, row.load = None, affinity.load(row.key)

    def add(self, row: Row) -> None:
        """*row*'s worker is free now."""
        if self._affinity.changed:
            self._relevel()
        (self._overflow if row.overflow else self._own).add(row)

    def discard(self, row: Row) -> None:
        """It is free no more; fine if it was not."""
        if row.idle is not None:
            row.idle.discard(row)

    def take_first(self) -> Row | None:
        """Take out, and return, the next one for a call that may run anywhere: the longest idle. None: none is free."""
        free = self._own if self._own.rows else self._overflow
        return free.take_first() if free.rows else None

    def take_least_loaded(self) -> Row | None:
        """Likewise for a new session: where the fewest live, so that they spread.

        Of equals the one that has been free, and has had so many, for longest.
        """
        if self._affinity.changed:
            self._relevel()
        free = self._own if self._own.rows else self._overflow
        if not free.rows:
            return None
        row = free.least_loaded()
        free.discard(row)
        return row

    def overflow(self) -> Iterator[Row]:
        """Yield the free overflow workers, longest idle first."""
        return iter(self._overflow.rows.values())

    def _relevel(self) -> None:
        for key in self._affinity.changed:
            row = self._rows.get(key)
            load = self._affinity.load(key)
            if row is not None and row.load != load:
                if row.idle is None:
                    row.load = load
                else:
                    row.idle.relevel(row, load)
        self._affinity.changed.clear()
