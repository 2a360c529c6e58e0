"""What the desk knows: its requests, its workers and what they hold. Every method runs under the desk's lock.

Without a lock, a thread or a wait of its own. An asynchronous exception may strike between any two lines of it: each
operation has one line with which it is done, and ``mend`` finishes, or takes back, what was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from actors.affinity import Affinity
from actors.errors import (
    CallExpired,
    PoolCannotStart,
    PoolError,
    PoolGaveUp,
    PoolNotRunning,
    PoolSaturated,
    SessionBusy,
    SessionLost,
)
from actors.lease import Lease
from actors.ledger import AttemptEnd, Ledger, Outcome, WorkerEnd
from actors.overflow import Overflow
from actors.pictures import pool_picture, state_of, worker_picture
from actors.scheduler import Scheduler
from actors.session_books import SessionBooks
from actors.status import PoolStatus, WorkerStatus
from actors.ticket import Ticket, WhenFull
from bridge.certificate import Certificate
from bridge.faces import InterpreterFace
from supervision.exit_reason import ExitReason, is_failure

__all__ = ["Books"]


@final
class Books:
    """See ``Desk``, whose arguments these are."""

    def __init__(
        self,
        pool: str,
        *,
        target: int,
        max_queue: int,
        affinity: bool,
        session_ttl: float,
        when_full: WhenFull,
        max_overflow: int,
        lanes: int,
    ) -> None:
        self.pool = pool
        self.target = target
        self.now: Callable[[], float] = lambda: 0.0
        self._max_queue = max_queue
        self._when_full = when_full
        self._scheduler = Scheduler(
            Affinity(session_ttl, binds=affinity), sheds=when_full is WhenFull.SHED, lanes=lanes
        )
        self._closed: PoolError | None = PoolNotRunning(pool, "not started")
        self._held_back: PoolCannotStart | None = None
        #: What ended a part of the pool that nothing has replaced yet.
        self._trouble: ExitReason | None = None
        self._interpreters: dict[int, InterpreterFace] = {}
        #: All requests that have not ended, in order of arrival: who waits, who was refused, who holds a worker.
        self._leases: dict[Ticket, Lease] = {}
        self._ledger = Ledger()
        self.sessions = SessionBooks(self._scheduler.affinity, self._ledger)
        self.overflow = Overflow(self._scheduler, target, max_overflow)

    def mend(self) -> None:
        """Make whole whatever an exception cut off half-way. Takes as long as there are workers, sessions and requests.

        The truth is in what each operation writes as its last, or its only, line; here the rest is made to follow
        from it. All of it may be done twice: who was told already is not told otherwise.
        """
        for key in [key for key in self._scheduler.rows if self._ledger.end_of(key) is not None]:
            self._scheduler.gone(key, self.now())
        for key in [key for key in self._interpreters if key not in self._scheduler.rows]:
            del self._interpreters[key]
        # Before anybody else is counted: its new count is the old one and one more.
        for lease in [lease for lease in self._leases.values() if lease.tally is not None]:
            self._end(lease)
        used = (ticket.binding for ticket in self._leases)
        self._scheduler.affinity.mend(
            self._scheduler.rows, [binding for binding in used if binding is not None]
        )
        for ticket, lease in self._leases.items():
            ticket.queue = None  # the queues are built anew, and who is refused stands in none
            if ticket.key is None and lease.refusal is None:
                error = self.no_hope() or self.sessions.loss(ticket)
                if error is not None:
                    lease.refuse(error, Outcome.REJECTED)
                elif ticket.deadline <= self.now():
                    lease.refuse(CallExpired(self.pool, lease.timeout), Outcome.TIMEOUT)
        tickets = [ticket for ticket, lease in self._leases.items() if lease.refusal is None]
        self._scheduler.mend(tickets, self._interpreters, self.now())
        for ticket, lease in self._leases.items():
            if ticket.key is not None and lease.interpreter is None:
                lease.interpreter = self._interpreters[ticket.key]
            if lease.interpreter is not None or lease.refusal is not None:
                lease.wake()
        self._refuse_busy()

    # Requests

    def expire(self) -> None:
        """Tell those whose deadline has come. Run before each operation: none sees a request that is late."""
        if not self._scheduler.waiters:
            return
        now = self.now()
        while (ticket := self._scheduler.late(now)) is not None:
            lease = self._leases[ticket]
            lease.refuse(CallExpired(self.pool, lease.timeout), Outcome.TIMEOUT)
            lease.wake()

    def request(self, lease: Lease, timeout: float, spent: float) -> bool:
        """Grant *lease* a worker, refuse it, or put it into the queue; returns whether that was decided."""
        ticket, now = lease.ticket, self.now()
        ticket.deadline, lease.timeout = now + timeout - spent, timeout
        self._leases[ticket] = lease
        refusal = self.no_hope()
        if refusal is None and timeout <= spent:
            lease.refuse(CallExpired(self.pool, lease.timeout), Outcome.TIMEOUT)
            return True
        if ticket.session is not None:
            refusal = refusal or self.sessions.admit(ticket, now)
        if refusal is None:
            key = self._scheduler.checkout(ticket, now)
            if key is not None:
                lease.interpreter = self._interpreters[key]
                return True
            if ticket.queue is not None:
                return self._has_place(lease)
            refusal = SessionBusy(ticket.session or "")
        lease.refuse(refusal, Outcome.REJECTED)
        return True

    def has_place(self, lease: Lease) -> bool:
        """Return whether *lease* was decided, or waits in a queue that is not too long."""
        return lease.ticket.queue is None or len(self._scheduler.waiters) <= self._max_queue

    def next_deadline(self) -> float:
        """Return when the first of those who wait is to be told that no worker came in time; ``math.inf``: never."""
        return self._scheduler.waiters.next_deadline()

    def give_up(self, lease: Lease) -> None:
        """Its time is over; nothing happens to one that was granted a worker, or refused, in the same moment."""
        if lease.ticket.key is None and lease.refusal is None:
            self._scheduler.withdraw(lease.ticket)
            lease.refuse(CallExpired(self.pool, lease.timeout), Outcome.TIMEOUT)

    def give_back(self, lease: Lease) -> None:
        """End *lease*, whatever became of it, and count it; nothing happens to one that has ended."""
        if lease.ticket not in self._leases:
            return
        key, clean = lease.ticket.key, lease.clean
        if key is None:
            self._scheduler.withdraw(lease.ticket)
        elif not clean:
            self._scheduler.terminate(key, self.now())
        self._end(lease)
        if key is not None and clean:
            self._hand_over(self._scheduler.checkin(key, self.now(), lease.ticket.lane))

    def held(self) -> tuple[InterpreterFace, ...]:
        """See ``Desk.held``."""
        leases = self._leases.values()
        return tuple(lease.interpreter for lease in leases if lease.interpreter is not None)

    def is_drained(self) -> bool:
        """Return whether nobody holds a worker."""
        return all(ticket.key is None for ticket in self._leases)

    # Open and closed

    def open(self, now: Callable[[], float]) -> None:
        """Take requests from now on; *now* tells the time."""
        self.now = now
        self._held_back = None
        self._trouble = None
        self._closed = None

    def trouble(self, reason: ExitReason) -> None:
        """See ``Desk.trouble``."""
        if is_failure(reason):
            self._trouble = reason

    def close(self, state: str) -> None:
        """See ``Desk.close``."""
        if not isinstance(self._closed, PoolGaveUp):
            self._close(PoolNotRunning(self.pool, state, self._trouble))

    def gave_up(self, error: PoolGaveUp) -> None:
        """See ``Desk.gave_up``."""
        self._close(error)

    def hold_back(self, error: PoolCannotStart | None) -> None:
        """See ``Desk.hold_back``."""
        self._held_back = error
        if error is not None and not self._interpreters:
            self._refuse(self._scheduler.clear(), error)

    def no_hope(self) -> PoolError | None:
        """Return why a request has no prospect of a worker, if so."""
        return self._closed or (self._held_back if not self._interpreters else None)

    # Workers

    def expect(self, key: int, name: str, overflow: bool) -> None:
        """See ``Desk.expect``."""
        book = self._ledger.born(name)
        self._scheduler.expect(key, name, self.now(), overflow=overflow, book=book)

    def ready(self, key: int, interpreter: InterpreterFace) -> None:
        """See ``Desk.ready``."""
        if key not in self._scheduler.rows:
            return
        self._interpreters[key] = interpreter
        self._held_back = None
        self._hand_over(self._scheduler.ready(key, self.now()))

    def checked(self, key: int, healthy: bool) -> bool:
        """See ``Desk.checked``."""
        if not healthy:
            return self._scheduler.check_failed(key, self.now())
        self._hand_over(self._scheduler.restore(key, self.now()))
        return False

    def at_rest(self) -> tuple[tuple[int, InterpreterFace], ...]:
        """See ``Desk.at_rest``."""
        rows = self._scheduler.rows
        return tuple(each for each in self._interpreters.items() if not rows[each[0]].held)

    def degrade(self, key: int) -> None:
        """See ``Desk.degrade``."""
        self._scheduler.degrade(key, self.now())

    def starting(self) -> int:
        """See ``Desk.starting``."""
        return len(self._scheduler.starting)

    def retire(self, key: int) -> None:
        """See ``Desk.retire``."""
        self._scheduler.terminate(key, self.now())

    def gone(self, key: int, certificate: Certificate | None) -> None:
        """See ``Desk.gone``."""
        row = self._scheduler.rows.get(key)
        if row is None:
            return
        if certificate is not None:
            ready_for = max(0.0, self.now() - row.ready_at)
            self._ledger.died(key, WorkerEnd(certificate=certificate, calls=row.calls, ready_for=ready_for))
        _, stranded = self._scheduler.gone(key, self.now())
        self._interpreters.pop(key, None)
        for ticket in stranded:
            self._refuse([ticket], SessionLost(ticket.session or "", certificate))

    def end_of(self, key: int) -> WorkerEnd | None:
        """See ``Desk.end_of``."""
        return self._ledger.end_of(key)

    def answers(self) -> int:
        """See ``Desk.answers``."""
        return self._ledger.answers

    def has_ready(self, seconds: float) -> bool:
        """See ``Desk.has_ready``."""
        now = self.now()
        return any(now - self._scheduler.rows[key].ready_at >= seconds for key in self._interpreters)

    def is_complete(self) -> bool:
        """Return whether as many workers are up as there should be."""
        return len(self._interpreters) >= self.target

    # Status

    def status(self) -> PoolStatus:
        """See ``Desk.status``."""
        state, up, running = state_of(self._closed, self._held_back), self._interpreters, len(self._leases)
        return pool_picture(
            self.pool, state, self.target, self._scheduler, self._ledger, up, running, self.now()
        )

    def worker_status(self, key: int) -> WorkerStatus | None:
        """See ``Desk.worker_status``."""
        row = self._scheduler.rows.get(key)
        return None if row is None else worker_picture(row, self._ledger, self._interpreters.get(key))

    # What these share

    def _close(self, error: PoolError) -> None:
        self._closed = error
        self._refuse(self._scheduler.clear(), error)

    def _has_place(self, lease: Lease) -> bool:
        """See to it that the queue, which *lease* has just joined, is not too long; returns whether it was refused."""
        if (
            lease.patient
            or self._when_full is WhenFull.BLOCK
            or len(self._scheduler.waiters) <= self._max_queue
        ):
            return False
        ticket = lease.ticket
        victim = self._scheduler.waiters.makes_room() if self._when_full is WhenFull.SHED else ticket
        assert victim is not None  # the newcomer is there, if nobody else is
        self._scheduler.withdraw(victim)
        self._refuse([victim], PoolSaturated(self.pool, self._max_queue, shed=victim is not ticket))
        return victim is ticket

    def _hand_over(self, grant: tuple[Ticket, int] | None) -> None:
        while grant is not None:
            ticket, key = grant
            lease = self._leases[ticket]
            lease.interpreter = self._interpreters[key]
            lease.wake()
            self._refuse_busy()
            grant = self._scheduler.more(key, self.now())

    def _refuse_busy(self) -> None:
        """Tell those whose session was bound to a worker that another got, if they are not to wait for it."""
        busy = self._scheduler.busy
        while busy:
            self._refuse(busy[-1:], SessionBusy(busy[-1].session or ""))
            busy.pop()

    def _refuse(self, tickets: Iterable[Ticket], error: PoolError) -> None:
        for ticket in tickets:
            lease = self._leases[ticket]
            lease.refuse(error, Outcome.REJECTED)
            lease.wake()

    def _end(self, lease: Lease) -> None:
        """Count *lease* and forget it. The new counts are written down first, so that a mend counts it once, too."""
        if lease.tally is None:
            ticket = lease.ticket
            end = AttemptEnd.of(lease.outcome, dispatched=lease.dispatched)
            lease.tally = self._ledger.tally(lease.outcome, ticket.book, end, ticket.hit)
        for counts, under, count in lease.tally:
            counts[under] = count
        del self._leases[lease.ticket]
        if lease.ticket.binding is not None:
            self.sessions.release(lease.ticket, self.now())
