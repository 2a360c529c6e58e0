"""A heap of tickets from which one may leave at any time: what has left is passed over, and cleared out in time. Pure."""

from __future__ import annotations

import heapq
from typing import Final, final

from actors.ticket import Ticket

__all__ = ["TicketHeap"]

#: Entries that may be out of date before it is worth while to clear them out.
_SPARE: Final = 32


@final
class TicketHeap:
    """Tickets by two numbers, the least first. Every operation is O(log n), the clearing included (amortised).

    Args:
        home: Whether the tickets wait here, so that one that waits elsewhere has left; else this only orders what
            waits anywhere.
    """

    __slots__ = ("_entries", "_home", "live")

    def __init__(self, *, home: bool) -> None:
        self._home = home
        self._entries: list[tuple[float, float, Ticket]] = []
        self.live = 0  #: how many have not left

    def add(self, first: float, second: float, ticket: Ticket) -> None:
        """Take *ticket* in; no two have both numbers in common."""
        if self._home:
            ticket.queue = self
        self.live += 1
        heapq.heappush(self._entries, (first, second, ticket))

    def left(self) -> None:
        """One of those here has left: its ``queue`` says so already."""
        self.live -= 1
        if len(self._entries) > 2 * self.live + _SPARE:
            self._entries = [entry for entry in self._entries if self._waits(entry[2])]
            heapq.heapify(self._entries)

    def first(self) -> Ticket | None:
        """Return the least, or None."""
        entries = self._entries
        while entries:
            if self._waits(entries[0][2]):
                return entries[0][2]
            heapq.heappop(entries)
        return None

    def tickets(self) -> list[Ticket]:
        """Return all that have not left, in order."""
        return [entry[2] for entry in sorted(self._entries) if self._waits(entry[2])]

    def _waits(self, ticket: Ticket) -> bool:
        return ticket.queue is self if self._home else ticket.queue is not None
