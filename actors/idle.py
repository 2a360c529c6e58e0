"""The workers that are free: which of them is given out next, and which of them nobody needs. Pure."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, final

from actors.affinity import Affinity

__all__ = ["IdleWorkers"]


#: Levels that may be empty before it is worth while to clear them out.
_SPARE: Final = 32


@final
class _Free:
    """Free workers of one kind, longest idle first, and again by how many sessions live there.

    An ``OrderedDict`` and not a dict: a dict that is emptied at its front and filled at its end passes over what was
    deleted each time it is asked for its first, which takes as long as there are workers.
    """

    __slots__ = ("_levels", "_order", "loads")

    def __init__(self) -> None:
        self.loads: OrderedDict[int, int] = OrderedDict()  #: by key
        self._levels: dict[int, OrderedDict[int, None]] = {}  #: keys by load; some are empty
        self._order: list[int] = []  #: a heap of these loads

    def add(self, key: int, load: int) -> None:
        self.loads[key] = load
        level = self._levels.get(load)
        if level is None:
            level = self._levels[load] = OrderedDict()
            heapq.heappush(self._order, load)
        level[key] = None

    def take_first(self) -> int:
        key, load = self.loads.popitem(last=False)
        self._leave(key, load)
        return key

    def discard(self, key: int) -> None:
        load = self.loads.pop(key, None)
        if load is not None:
            self._leave(key, load)

    def relevel(self, key: int, load: int) -> None:
        before = self.loads.get(key)
        if before is not None and before != load:
            self._leave(key, before)
            self.add(key, load)  # keeps its place among the longest idle

    def least_loaded(self) -> int:
        # Only now: a worker that leaves is often back next, and its level empty in between.
        while not self._levels[self._order[0]]:
            del self._levels[heapq.heappop(self._order)]
        return next(iter(self._levels[self._order[0]]))

    def _leave(self, key: int, load: int) -> None:
        del self._levels[load][key]
        if len(self._levels) > 2 * len(self.loads) + _SPARE:
            self._levels = {load: level for load, level in self._levels.items() if level}
            self._order = sorted(self._levels)


@final
class IdleWorkers:
    """The pool's own free workers, which go first, and its overflow ones."""

    def __init__(self, affinity: Affinity) -> None:
        self._affinity = affinity
        self._own = _Free()
        self._overflow = _Free()

    def __contains__(self, key: int | None) -> bool:
        return key in self._own.loads or key in self._overflow.loads

    def __bool__(self) -> bool:
        return bool(self._own.loads) or bool(self._overflow.loads)

    def add(self, key: int, *, overflow: bool) -> None:
        """Worker *key* is free now."""
        if self._affinity.changed:
            self._relevel()
        (self._overflow if overflow else self._own).add(key, self._affinity.load(key))

    def discard(self, key: int) -> None:
        """It is free no more; fine if it was not."""
        self._own.discard(key)
        self._overflow.discard(key)

    def take_first(self) -> int | None:
        """Take out, and return, the next one for a call that may run anywhere: the longest idle. None: none is free."""
        free = self._own if self._own.loads else self._overflow
        return free.take_first() if free.loads else None

    def least_loaded(self) -> int:
        """Return the next one for a new session: where the fewest live, so that they spread.

        Of equals the one that has been free, and has had so many, for longest.
        """
        if self._affinity.changed:
            self._relevel()
        return (self._own if self._own.loads else self._overflow).least_loaded()

    def overflow(self) -> Iterator[int]:
        """Yield the free overflow workers, longest idle first."""
        return iter(self._overflow.loads)

    def _relevel(self) -> None:
        for key in self._affinity.changed:
            load = self._affinity.load(key)
            self._own.relevel(key, load)
            self._overflow.relevel(key, load)
        self._affinity.changed.clear()
