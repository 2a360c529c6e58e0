"""Who waits for a worker, for which, and who of them is next, is late, or makes room. Pure.

Who is granted one is in ``scheduler``. No operation takes longer because more workers are there, and by the logarithm
only because more wait.
"""

from __future__ import annotations

import math
from typing import final

from actors.ticket import Ticket
from actors.ticket_heap import TicketHeap

__all__ = ["Waiters"]


@final
class Waiters:
    """Those who wait for any worker, those who wait for one each, and by session those who will once it is bound.

    Args:
        sheds: Whether ``makes_room`` will be asked.
    """

    def __init__(self, *, sheds: bool = True) -> None:
        self.sheds = sheds
        self._count = 0
        self._anyone = TicketHeap(home=True)
        self._bound: dict[int, TicketHeap] = {}
        self._unbound: dict[
            str, dict[Ticket, None]
        ] = {}  #: of ``_anyone``: will wait for their session's worker
        self._deadlines = TicketHeap(home=False)
        self._makes_room = TicketHeap(home=False)

    def __len__(self) -> int:
        return self._count

    @property
    def for_anyone(self) -> int:
        """How many take any worker."""
        return self._anyone.live

    def add(self, ticket: Ticket, worker: int | None, *, strict: bool) -> None:
        """Let *ticket* wait.

        Args:
            ticket: Its number is set.
            worker: The only one that it takes; None: any.
            strict: Whether it takes none but its session's, from when that is bound.
        """
        self._place(ticket, worker)
        if worker is None and strict and ticket.session is not None:
            self._unbound.setdefault(ticket.session, {})[ticket] = None
        if ticket.deadline < math.inf:
            self._deadlines.add(ticket.deadline, ticket.number, ticket)
        if self.sheds:
            self._makes_room.add(ticket.priority, -ticket.number, ticket)
        self._count += 1

    def discard(self, ticket: Ticket) -> bool:
        """Take *ticket* out; returns whether it waited."""
        queue = ticket.queue
        if queue is None:
            return False
        ticket.queue = None
        queue.left()
        if ticket.session is not None:
            self._forget_unbound(ticket.session, ticket)
        if ticket.deadline < math.inf:
            self._deadlines.left()
        if self.sheds:
            self._makes_room.left()
        self._count -= 1
        return True

    def first_for(self, worker: int) -> Ticket | None:
        """Return who gets *worker* next: the highest priority, then the earliest, of those that may have it."""
        first = self._anyone.first()
        queue = self._bound.get(worker)
        bound = None if queue is None else queue.first()
        if bound is None:
            self._bound.pop(worker, None)
            return first
        if first is None or (-bound.priority, bound.number) < (-first.priority, first.number):
            return bound
        return first

    def bind(self, session: str, worker: int) -> tuple[Ticket, ...]:
        """*session* was just bound: those that will have no other worker wait for *worker* now; returns them."""
        tickets = tuple(self._unbound.pop(session, ()))
        for ticket in tickets:
            if ticket.queue is self._anyone:
                self._place(ticket, worker)
                self._anyone.left()
        return tickets

    def of_worker(self, worker: int) -> tuple[Ticket, ...]:
        """Return those who wait for *worker* and no other, in the order in which they would get it."""
        queue = self._bound.get(worker)
        return () if queue is None else tuple(queue.tickets())

    def strand(self, worker: int) -> tuple[Ticket, ...]:
        """*worker* is gone: take those out that waited for it and no other, and return them."""
        tickets = self.of_worker(worker)
        for ticket in tickets:
            self.discard(ticket)
        self._bound.pop(worker, None)
        return tickets

    def late(self, now: float) -> Ticket | None:
        """Return one whose deadline has come, or None."""
        first = self._deadlines.first()
        return first if first is not None and first.deadline <= now else None

    def next_deadline(self) -> float:
        """Return the earliest deadline; ``math.inf``: there is none."""
        first = self._deadlines.first()
        return math.inf if first is None else first.deadline

    def makes_room(self) -> Ticket | None:
        """Return the newest of the lowest priority."""
        return self._makes_room.first()

    def all(self) -> tuple[Ticket, ...]:
        """Return everybody, in order of arrival."""
        tickets = [ticket for queue in (self._anyone, *self._bound.values()) for ticket in queue.tickets()]
        return tuple(sorted(tickets, key=lambda ticket: ticket.number))

    def _place(self, ticket: Ticket, worker: int | None) -> None:
        queue = self._anyone if worker is None else self._bound.get(worker)
        if queue is None:
            assert worker is not None
            queue = self._bound[worker] = TicketHeap(home=True)
        queue.add(-ticket.priority, ticket.number, ticket)

    def _forget_unbound(self, session: str, ticket: Ticket) -> None:
        same = self._unbound.get(session)
        if same is not None:
            same.pop(ticket, None)
            if not same:
                del self._unbound[session]
