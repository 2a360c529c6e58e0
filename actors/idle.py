"""The workers that are free: which of them is given out next, and which of them nobody needs. Pure."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, final

from actors.affinity import Affinity

__all__ = ["IdleWorkers"]

#: Entries that may be out of date before it is worth while to clear them out.
_SPARE: Final = 32


@final
class IdleWorkers:
    """Free workers, the pool's own before its overflow ones, longest idle first.

    An ``OrderedDict`` and not a dict: a dict that is emptied at its front and filled at its end passes over what was
    deleted each time it is asked for its first, which takes as long as there are workers.
    """

    def __init__(self, affinity: Affinity) -> None:
        self._affinity = affinity
        self._own: OrderedDict[int, int] = OrderedDict()  #: each with the number of its turn
        self._overflow: OrderedDict[int, int] = OrderedDict()
        self._turns = 0
        #: Overflow or not, sessions, turn, key. An entry that is not so any more is passed over; what may have changed
        #: since is in ``affinity.changed`` and is brought in when somebody asks.
        self._by_load: list[tuple[bool, int, int, int]] = []

    def __contains__(self, key: int | None) -> bool:
        return key in self._own or key in self._overflow

    def __bool__(self) -> bool:
        return bool(self._own) or bool(self._overflow)

    def add(self, key: int, *, overflow: bool) -> None:
        """Worker *key* is free now."""
        self._turns += 1
        (self._overflow if overflow else self._own)[key] = self._turns
        self._affinity.changed[key] = None

    def discard(self, key: int) -> None:
        """It is free no more; fine if it was not."""
        self._own.pop(key, None)
        self._overflow.pop(key, None)

    def first(self) -> int:
        """Return the next one for a call that may run anywhere."""
        return next(iter(self._own or self._overflow))

    def least_loaded(self) -> int:
        """Return the next one for a new session: where the fewest live, so that they spread."""
        for key in self._affinity.changed:
            if key in self:
                heapq.heappush(self._by_load, self._entry(key))
        self._affinity.changed.clear()
        if len(self._by_load) > 2 * (len(self._own) + len(self._overflow)) + _SPARE:
            self._by_load = [self._entry(key) for key in (*self._own, *self._overflow)]
            heapq.heapify(self._by_load)
        while True:
            entry = self._by_load[0]
            if entry[3] in self and entry == self._entry(entry[3]):
                return entry[3]
            heapq.heappop(self._by_load)

    def overflow(self) -> Iterator[int]:
        """Yield the free overflow workers, longest idle first."""
        return iter(self._overflow)

    def _entry(self, key: int) -> tuple[bool, int, int, int]:
        overflow = key in self._overflow
        turn = self._overflow[key] if overflow else self._own[key]
        return overflow, self._affinity.load(key), turn, key
