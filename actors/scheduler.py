"""Who gets the next free worker: a pure scheduler, fed by the desk under its lock.

No thread, clock or socket is touched. Checkout and checkin are plain methods without event and command objects:
they run for each call. Where a waiter blocks, and how it is woken, is in ``desk``.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import final

from actors.affinity import Affinity
from actors.worker_state import WorkerEvent, WorkerLife, WorkerState

__all__ = ["Row", "Scheduler", "Ticket"]


@final
class Ticket:
    """One request for a worker, from its arrival until it is withdrawn or its worker is given back.

    Written by the scheduler alone.
    """

    __slots__ = ("key", "number", "session")

    def __init__(self, session: str | None = None) -> None:
        self.session = session
        self.number = 0  #: order of arrival
        self.key: int | None = None  #: the worker that it was granted


@final
class Row:
    """What the scheduler knows of one worker."""

    __slots__ = ("calls", "key", "life", "ready_at", "slot")

    def __init__(self, key: int, slot: str, now: float) -> None:
        self.key = key  #: the incarnation
        self.slot = slot  #: the worker's name, which its successors will have too
        self.life = WorkerLife(now)
        self.calls = 0  #: checkouts so far
        self.ready_at = math.inf  #: when it shook hands


@final
class Scheduler:
    """Workers, waiters and sessions of one pool.

    A free worker goes to the waiter that came first, among those that may have it: one whose session is bound to
    another worker waits for that one and keeps nobody else waiting.

    Args:
        affinity: The sessions' bindings; None serves sessions as if they were none.
    """

    def __init__(self, affinity: Affinity | None) -> None:
        self.affinity = affinity
        self.rows: dict[int, Row] = {}
        self._idle: dict[int, None] = {}  #: keys of ready workers, longest idle first
        self._anyone: dict[Ticket, None] = {}  #: waiters that take any worker, in order of arrival
        self._bound: dict[int, dict[Ticket, None]] = {}  #: waiters for one worker each
        self._arrivals = 0

    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._anyone) + sum(len(queue) for queue in self._bound.values())

    def expect(self, key: int, slot: str, now: float) -> None:
        """Take in a worker that is starting."""
        self.rows[key] = Row(key, slot, now)

    def ready(self, key: int, now: float) -> tuple[Ticket, int] | None:
        """A worker shook hands; returns who gets it at once, if anybody waits."""
        row = self.rows.get(key)
        if row is None or row.life.state is not WorkerState.INITIALIZING:
            return None  # it was told to end while it was starting
        row.ready_at = now
        row.life.on(WorkerEvent.INIT_COMPLETE, now)
        return self._offer(key, now)

    def checkout(self, ticket: Ticket, now: float) -> int | None:
        """Ask for a worker; returns its key, or None after queueing *ticket*.

        The ticket's session, if it has one, must be neither lost nor expired: the desk has looked.
        """
        wanted = self._bound_worker(ticket)
        if wanted is None and self._idle:
            return self._grant(ticket, self._best_idle(ticket), now)
        if wanted in self._idle:
            return self._grant(ticket, wanted, now)
        self._enqueue(ticket)
        return None

    def checkin(self, key: int, now: float) -> tuple[Ticket, int] | None:
        """A worker came back clean, and its ticket is forgotten; returns who gets it next."""
        row = self.rows.get(key)
        if row is None or row.life.state is not WorkerState.BUSY:
            return None  # it died, or was told to end, while it was out
        row.life.on(WorkerEvent.CHECKIN, now)
        return self._offer(key, now)

    def withdraw(self, ticket: Ticket) -> bool:
        """Its caller gave up; returns whether it still waited."""
        if self._anyone.pop(ticket, ticket) is None:
            return True
        return any(queue.pop(ticket, ticket) is None for queue in self._bound.values())

    def terminate(self, key: int, now: float) -> None:
        """A worker is to end: it gets no more work. Nothing happens to one that is ending or gone."""
        row = self.rows.get(key)
        if row is not None and row.life.state not in {WorkerState.TERMINATING, WorkerState.TERMINATED}:
            row.life.on(WorkerEvent.TERMINATE, now)
            self._idle.pop(key, None)

    def gone(self, key: int, now: float) -> tuple[Row | None, tuple[Ticket, ...]]:
        """A worker's process is dead; returns its last row, and the waiters that wanted no other worker."""
        row = self.rows.pop(key, None)
        if row is None:
            return None, ()
        row.life.on(WorkerEvent.EXIT, now)
        self._idle.pop(key, None)
        if self.affinity is not None:
            self.affinity.worker_gone(key)
        return row, tuple(self._bound.pop(key, ()))

    def clear(self) -> tuple[Ticket, ...]:
        """Take everybody out of the queue and return them, in order of arrival."""
        waiting = [*self._anyone, *(ticket for queue in self._bound.values() for ticket in queue)]
        self._anyone.clear()
        self._bound.clear()
        return tuple(sorted(waiting, key=lambda ticket: ticket.number))

    def mend(self, tickets: Iterable[Ticket], up: Container[int], now: float) -> None:
        """Make whole what an exception cut off half-way, and give out what is free.

        The truth is what the workers' lives, the tickets' keys and the sessions' bindings say (these were mended
        before); the rest is built anew.
        Whoever is granted a worker here is told by its ticket alone.

        Args:
            tickets: Of all who wait or hold a worker, in order of arrival.
            up: The workers whose interpreter has shaken hands.
            now: The present.
        """
        tickets = list(tickets)
        held = {ticket.key for ticket in tickets}
        for key, row in self.rows.items():
            row.life.mend()
            if row.life.state is WorkerState.INITIALIZING and key in up:
                row.ready_at = now
                row.life.on(WorkerEvent.INIT_COMPLETE, now)
            elif row.life.state is WorkerState.BUSY and key not in held:
                row.life.on(WorkerEvent.CHECKIN, now)  # a grant that nobody got, or one that was given back
        self._anyone, self._bound = {}, {}
        for ticket in tickets:
            if ticket.key is None:
                self._enqueue(ticket)
        free = [row for row in self.rows.values() if row.life.state is WorkerState.READY]
        self._idle = {row.key: None for row in sorted(free, key=lambda row: row.life.entered_at)}
        for row in free:
            self._offer(row.key, now)

    def _enqueue(self, ticket: Ticket) -> None:
        if not ticket.number:
            self._arrivals += 1
            ticket.number = self._arrivals
        wanted = self._bound_worker(ticket)
        queue = self._anyone if wanted is None else self._bound.setdefault(wanted, {})
        queue[ticket] = None

    def _offer(self, key: int, now: float) -> tuple[Ticket, int] | None:
        self._idle[key] = None
        queue = self._bound.get(key)
        first_bound = next(iter(queue), None) if queue else None
        first = next(iter(self._anyone), None)
        if first_bound is not None and (first is None or first_bound.number < first.number):
            assert queue is not None
            del queue[first_bound]
            return first_bound, self._grant(first_bound, key, now)
        if first is None:
            return None
        del self._anyone[first]
        grant = self._grant(first, key, now)
        self._follow_binding(first)
        return first, grant

    def _grant(self, ticket: Ticket, key: int, now: float) -> int:
        row = self.rows[key]
        row.life.on(WorkerEvent.CHECKOUT, now)
        del self._idle[key]
        if self.affinity is not None and ticket.session is not None and self._bound_worker(ticket) is None:
            self.affinity.bind(ticket.session, key)
        # Last, and in one: with it the grant is made; until then a mend takes the worker back.
        row.calls, ticket.key = row.calls + 1, key
        return key

    def _follow_binding(self, granted: Ticket) -> None:
        """Move the waiters of a session that was just bound to the worker they now have to wait for."""
        key = self._bound_worker(granted)
        if key is None:
            return
        same = [ticket for ticket in self._anyone if ticket.session == granted.session]
        for ticket in same:
            del self._anyone[ticket]
            self._bound.setdefault(key, {})[ticket] = None

    def _bound_worker(self, ticket: Ticket) -> int | None:
        if self.affinity is None or ticket.session is None:
            return None
        return self.affinity.worker_of(ticket.session)

    def _best_idle(self, ticket: Ticket) -> int:
        """Longest idle first; a new session goes where the fewest live, so that they spread."""
        if self.affinity is None or ticket.session is None:
            return next(iter(self._idle))
        return min(self._idle, key=self.affinity.load)
