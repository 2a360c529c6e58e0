"""Who gets the next free worker: a pure scheduler, fed by the desk under its lock.

No thread, clock or socket is touched. Checkout and checkin are plain methods without event and command objects:
they run for each call. Where a waiter blocks, and how it is woken, is in ``desk``; who is next of those who wait, in
``waiters``, and of the workers, in ``idle``.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import final

from actors.affinity import Affinity
from actors.idle import FreeRows, IdleWorkers
from actors.ledger import WorkerBook
from actors.ticket import SessionMode, Ticket
from actors.waiters import Waiters
from actors.worker_state import Health, WorkerEvent, WorkerLife, WorkerState

__all__ = ["MAX_FAILED_CHECKS", "Row", "Scheduler"]

#: Health checks in a row that may fail before a worker is to end; until then it is kept, without work.
MAX_FAILED_CHECKS = 3


@final
class Row:
    """What the scheduler knows of one worker."""

    __slots__ = (
        "book", "calls", "failed_checks", "free", "idle", "key", "lanes", "life", "load", "overflow", "ready_at", "slot",
    )  # fmt: skip

    def __init__(
        self, key: int, slot: str, now: float, *, overflow: bool, book: WorkerBook, lanes: int
    ) -> None:
        self.key = key  #: the incarnation
        self.slot = slot  #: the worker's name, which its successors will have too
        self.overflow = overflow  #: whether it is beyond the pool's target
        self.life = WorkerLife(now)
        self.book = book  #: what its name has done, earlier incarnations included
        self.calls = 0  #: checkouts so far
        self.failed_checks = 0  #: in a row
        self.lanes = (1 << lanes) - 1  #: a bit for each call that it may run at a time
        #: Those of them that nobody has, whatever its state. A number, since each object more is felt with 100,000 workers.
        self.free = self.lanes
        self.idle: FreeRows | None = (
            None  #: where it is, if it can take a call; this and the next: of ``idle``
        )
        self.load = 0  #: how many sessions live there, as far as that has been looked at
        self.ready_at = math.inf  #: when it shook hands

    @property
    def held(self) -> bool:
        """Whether somebody has it, or a part of it."""
        return self.free != self.lanes

    @property
    def running(self) -> int:
        """How many calls it has."""
        return (self.free ^ self.lanes).bit_count()


@final
class Scheduler:
    """Workers, waiters and sessions of one pool.

    A free worker goes to the waiter of the highest priority, of equals to the one that came first, among those that
    may have it: one whose session is bound to another worker waits for that one and keeps nobody else waiting. Each
    event costs the same however many workers there are; only what concerns all of them (``clear``, ``mend``) does not.

    Args:
        affinity: The sessions.
        sheds: Whether somebody who waits may have to make room for another.
        lanes: How many calls each worker may run at a time.
    """

    def __init__(self, affinity: Affinity, *, sheds: bool = False, lanes: int = 1) -> None:
        self.affinity = affinity
        self.lanes = lanes
        self.rows: dict[int, Row] = {}
        self.starting: set[int] = set()  #: the workers that have not shaken hands
        #: Those that are not ending, starting ones included: up to the pool's target, and beyond it.
        self.own: set[int] = set()
        self.overflow: set[int] = set()
        self.waiters = Waiters(sheds=sheds)
        #: Taken out of the queue because their session was bound to a worker that another had got: they would not wait.
        self.busy: list[Ticket] = []
        self._idle = IdleWorkers(affinity, self.rows)
        self._arrivals = 0

    # Workers

    def expect(
        self, key: int, slot: str, now: float, *, overflow: bool = False, book: WorkerBook | None = None
    ) -> None:
        """Take in a worker that is starting."""
        book = book or WorkerBook()
        self.rows[key] = Row(key, slot, now, overflow=overflow, book=book, lanes=self.lanes)
        self.starting.add(key)
        (self.overflow if overflow else self.own).add(key)

    def ready(self, key: int, now: float) -> tuple[Ticket, int] | None:
        """A worker shook hands; returns who gets it at once, if anybody waits. Who else does is to be asked of ``more``."""
        row = self.rows.get(key)
        if row is None or row.life.state is not WorkerState.INITIALIZING:
            return None  # it was told to end while it was starting
        row.ready_at = now
        row.life.on(WorkerEvent.INIT_COMPLETE, now)
        row.life.health = Health.HEALTHY
        self.starting.discard(key)
        return self._offer(row, now)

    def degrade(self, key: int, now: float) -> None:
        """Keep a worker, but give it no work from now on; a call that it runs goes on."""
        row = self.rows.get(key)
        if row is None:
            return
        row.life.health = Health.UNHEALTHY
        if row.life.state in {WorkerState.READY, WorkerState.BUSY}:
            row.life.on(WorkerEvent.DEGRADE, now)
            self._idle.discard(row)

    def restore(self, key: int, now: float) -> tuple[Ticket, int] | None:
        """A degraded worker is well again; returns who gets it. One that somebody still holds works after that."""
        row = self.rows.get(key)
        if row is None:
            return None
        row.life.health, row.failed_checks = Health.HEALTHY, 0
        if row.life.state is not WorkerState.DEGRADED or row.held:
            return None
        row.life.on(WorkerEvent.RESTORE, now)
        return self._offer(row, now)

    def check_failed(self, key: int, now: float) -> bool:
        """A worker's health check failed: it is degraded, or, the third time in a row, to end; returns that."""
        row = self.rows.get(key)
        if row is None:
            return False
        row.failed_checks += 1
        self.degrade(key, now)
        if row.failed_checks < MAX_FAILED_CHECKS:
            return False
        self.terminate(key, now)
        return True

    def terminate(self, key: int, now: float) -> None:
        """A worker is to end: it gets no more work. Nothing happens to one that is ending or gone."""
        row = self.rows.get(key)
        if row is not None and row.life.state not in {WorkerState.TERMINATING, WorkerState.TERMINATED}:
            row.life.on(WorkerEvent.TERMINATE, now)
            self._idle.discard(row)
            self._not_alive(key)

    def gone(self, key: int, now: float) -> tuple[Row | None, tuple[Ticket, ...]]:
        """A worker's process is dead; returns its last row, and the waiters that wanted no other worker."""
        row = self.rows.pop(key, None)
        if row is None:
            return None, ()
        row.life.on(WorkerEvent.EXIT, now)
        self._idle.discard(row)
        self._not_alive(key)
        self.affinity.worker_gone(key)
        return row, self.waiters.strand(key)

    def nobody_needs(self, now: float, ttl: float) -> list[int]:
        """Return the overflow workers that have been free for *ttl* seconds and hold no session's state."""
        found = []
        for row in self._idle.overflow():
            if row.held:
                continue
            if now - row.life.entered_at < ttl:
                break
            if not self.affinity.load(row.key):
                found.append(row.key)
        return found

    # Requests

    def checkout(self, ticket: Ticket, now: float) -> int | None:
        """Ask for a worker; returns its key, or None: *ticket* waits, or, by its session's mode, would not wait.

        The ticket's session, if it has one, must be neither lost nor expired: the desk has looked.
        """
        wanted = None if ticket.session is None else self.affinity.worker_of(ticket.session)
        row = None if wanted is None else self.rows.get(wanted)
        if row is not None and row.idle is not None:
            self._idle.discard(row)
        elif wanted is None and ticket.session is not None and self.affinity.binds:
            row = self._idle.take_least_loaded()
        elif wanted is None or ticket.mode is SessionMode.HINT:
            row = self._idle.take_first()
        else:
            row = None
        if row is not None:
            self._grant(ticket, row, now)
            if row.free:
                self._idle.add(row)  # as the last: calls spread over the workers in turn
            return row.key
        if wanted is None or ticket.mode is not SessionMode.STRICT_FAIL_FAST:
            self._enqueue(ticket)
        return None

    def checkin(self, key: int, now: float, lane: int = 0) -> tuple[Ticket, int] | None:
        """A lane of a worker came back clean, and its ticket is forgotten; returns who gets it next, as ``ready`` does."""
        row = self.rows.get(key)
        if row is None:
            return None  # it died while it was out
        before, row.free = row.free, row.free | 1 << lane
        state, held = row.life.state, row.held
        if state is WorkerState.BUSY:
            if not held:
                row.life.on(WorkerEvent.CHECKIN, now)
        elif state is WorkerState.DEGRADED and row.life.is_healthy and not held:
            row.life.on(WorkerEvent.RESTORE, now)  # it was restored while it was out
        else:
            return None  # it is to end, or to rest
        if before:
            self._idle.discard(row)  # it is there for another of its lanes; it goes to the end
        return self._offer(row, now)

    def more(self, key: int, now: float) -> tuple[Ticket, int] | None:
        """A worker was just given to somebody; returns who else gets a lane of it."""
        row = self.rows.get(key)
        return None if row is None or not row.free else self._offer(row, now)

    def withdraw(self, ticket: Ticket) -> bool:
        """Its caller gave up; returns whether it still waited."""
        return self.waiters.discard(ticket)

    def late(self, now: float) -> Ticket | None:
        """Take one whose deadline has come out of the queue, and return it."""
        ticket = self.waiters.late(now)
        if ticket is not None:
            self.waiters.discard(ticket)
        return ticket

    def clear(self) -> tuple[Ticket, ...]:
        """Take everybody out of the queue and return them, in order of arrival."""
        waiting = self.waiters.all()
        for ticket in waiting:
            ticket.queue = None
        self.waiters = Waiters(sheds=self.waiters.sheds)
        return waiting

    # An exception

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
        held: dict[int | None, int] = {}
        for ticket in tickets:
            held[ticket.key] = held.get(ticket.key, 0) | 1 << ticket.lane
        for key, row in self.rows.items():
            row.free = row.lanes & ~held.get(key, 0)
            row.life.mend()
            if row.life.state is not WorkerState.INITIALIZING and row.life.health is Health.UNKNOWN:
                row.life.health = Health.HEALTHY
            if row.life.state is WorkerState.INITIALIZING and key in up:
                row.ready_at = now
                row.life.on(WorkerEvent.INIT_COMPLETE, now)
                row.life.health = Health.HEALTHY
            elif row.life.state is WorkerState.BUSY and not row.held:
                row.life.on(WorkerEvent.CHECKIN, now)  # a grant that nobody got, or one that was given back
            elif row.life.state is WorkerState.DEGRADED and not row.held and row.life.is_healthy:
                row.life.on(WorkerEvent.RESTORE, now)
        ending = {WorkerState.TERMINATING, WorkerState.TERMINATED}
        self.starting = {k for k, row in self.rows.items() if row.life.state is WorkerState.INITIALIZING}
        alive = [row for row in self.rows.values() if row.life.state not in ending]
        self.own = {row.key for row in alive if not row.overflow}
        self.overflow = {row.key for row in alive if row.overflow}
        self.waiters, self.busy = Waiters(sheds=self.waiters.sheds), []
        for ticket in tickets:
            ticket.queue = None
            if ticket.key is None:
                self._enqueue(ticket)
        self._idle = IdleWorkers(self.affinity, self.rows)
        at_work = {WorkerState.READY, WorkerState.BUSY}
        free = [row for row in self.rows.values() if row.life.state in at_work and row.free]
        free.sort(key=lambda row: row.life.entered_at)
        for row in free:
            while row.free and self._offer(row, now) is not None:
                pass

    # What these share

    def _not_alive(self, key: int) -> None:
        self.starting.discard(key)
        self.own.discard(key)
        self.overflow.discard(key)

    def _enqueue(self, ticket: Ticket) -> None:
        if not ticket.number:
            self._arrivals += 1
            ticket.number = self._arrivals
        strict = self.affinity.binds and ticket.mode is not SessionMode.HINT
        self.waiters.add(ticket, self._bound_worker(ticket) if strict else None, strict=strict)

    def _offer(self, row: Row, now: float) -> tuple[Ticket, int] | None:
        """*row*'s worker can take a call: give it to who is next, else it is free."""
        ticket = self.waiters.first_for(row.key) if self.waiters else None
        if ticket is None:
            self._idle.add(row)
            return None
        self.waiters.discard(ticket)
        return ticket, self._grant(ticket, row, now)

    def _grant(self, ticket: Ticket, row: Row, now: float) -> int:
        key = row.key
        if row.life.state is WorkerState.READY:
            row.life.on(WorkerEvent.CHECKOUT, now)
        lane = row.free.bit_length() - 1
        row.free ^= 1 << lane
        if ticket.session is not None and self.affinity.binds:
            bound = self.affinity.worker_of(ticket.session)
            if bound is None:
                self._bind(ticket.session, key)
            else:
                ticket.hit = bound == key
        book = row.book
        # Last, and in one: with it the grant is made; until then a mend takes the worker back.
        row.calls, book.attempts, ticket.book, ticket.lane, ticket.key = (
            row.calls + 1, book.attempts + 1, book, lane, key,
        )  # fmt: skip
        return key

    def _bind(self, session: str, key: int) -> None:
        """Bind *session*, and let its waiters wait for that worker from now on, or no more."""
        self.affinity.bind(session, key)
        for ticket in self.waiters.bind(session, key):
            if ticket.mode is SessionMode.STRICT_FAIL_FAST:
                self.waiters.discard(ticket)
                self.busy.append(ticket)

    def _bound_worker(self, ticket: Ticket) -> int | None:
        return None if ticket.session is None else self.affinity.worker_of(ticket.session)
