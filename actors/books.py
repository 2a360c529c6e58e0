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
    SessionExpired,
    SessionLost,
)
from actors.lease import Lease
from actors.ledger import Ledger, Outcome, WorkerEnd
from actors.scheduler import Row, Scheduler, Ticket
from actors.status import PoolStatus, WorkerStatus
from actors.worker_state import WorkerState
from bridge.certificate import Certificate
from bridge.interpreter_process import Interpreter
from supervision.clock import open_gate
from supervision.exit_reason import ExitReason, is_failure

__all__ = ["Books"]


def _at_no_time() -> float:
    return 0.0


@final
class Books:
    """See ``Desk``, whose arguments these are."""

    def __init__(self, pool: str, *, target: int, max_queue: int, affinity: bool, session_ttl: float) -> None:
        self.pool = pool
        self.target = target
        self.now: Callable[[], float] = _at_no_time
        self._max_queue = max_queue
        self._scheduler = Scheduler(Affinity(session_ttl) if affinity else None)
        self._closed: PoolError | None = PoolNotRunning(pool, "not started")
        self._held_back: PoolCannotStart | None = None
        #: What ended a part of the pool that nothing has replaced yet.
        self._trouble: ExitReason | None = None
        self._interpreters: dict[int, Interpreter] = {}
        #: All requests that have not ended, in order of arrival: who waits, who was refused, who holds a worker.
        self._leases: dict[Ticket, Lease] = {}
        self._ledger = Ledger()

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
        affinity = self._scheduler.affinity
        if affinity is not None:
            affinity.mend(self._scheduler.rows)
        for ticket, lease in self._leases.items():
            if ticket.key is None and lease.refusal is None:
                error = self.no_hope() or self._loss(ticket)
                if error is not None:
                    lease.refuse(error, Outcome.REJECTED)
        tickets = [ticket for ticket, lease in self._leases.items() if lease.refusal is None]
        self._scheduler.mend(tickets, self._interpreters, self.now())
        for ticket, lease in self._leases.items():
            if ticket.key is not None and lease.interpreter is None:
                lease.interpreter = self._interpreters[ticket.key]
            if lease.interpreter is not None or lease.refusal is not None:
                open_gate(lease.gate)

    # Requests

    def request(self, lease: Lease) -> bool:
        """Grant *lease* a worker, refuse it, or put it into the queue; returns whether that was decided."""
        ticket = lease.ticket
        self._leases[ticket] = lease
        refusal = self._refusal(ticket)
        if refusal is None:
            key = self._scheduler.checkout(ticket, self.now())
            if key is not None:
                lease.interpreter = self._interpreters[key]
                return True
            if self._scheduler.waiting() <= self._max_queue:
                return False
            self._scheduler.withdraw(ticket)
            refusal = PoolSaturated(self.pool, self._max_queue)
        lease.refuse(refusal, Outcome.REJECTED)
        return True

    def give_up(self, lease: Lease, timeout: float) -> None:
        """Its *timeout* is over; nothing happens to one that was granted a worker, or refused, in the same moment."""
        if lease.ticket.key is None and lease.refusal is None:
            self._scheduler.withdraw(lease.ticket)
            lease.refuse(CallExpired(self.pool, timeout), Outcome.TIMEOUT)

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
            self._hand_over(self._scheduler.checkin(key, self.now()))

    def held(self) -> tuple[Interpreter, ...]:
        """See ``Desk.held``."""
        leases = self._leases.values()
        return tuple(lease.interpreter for lease in leases if lease.interpreter is not None)

    def is_drained(self) -> bool:
        """Return whether nobody holds a worker."""
        return all(ticket.key is None for ticket in self._leases)

    # Sessions

    def rebind(self, session: str) -> None:
        """See ``Desk.rebind``."""
        affinity = self._scheduler.affinity
        if affinity is not None:
            affinity.rebind(session, self.now())
            self._ledger.moves += 1

    def end_session(self, session: str) -> None:
        """See ``Desk.end_session``."""
        if self._scheduler.affinity is not None:
            self._scheduler.affinity.end(session)

    def sweep(self) -> int:
        """See ``Desk.sweep``."""
        affinity = self._scheduler.affinity
        return 0 if affinity is None else affinity.sweep(self.now())

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

    def expect(self, key: int, name: str) -> None:
        """See ``Desk.expect``."""
        self._ledger.born(name)
        self._scheduler.expect(key, name, self.now())

    def ready(self, key: int, interpreter: Interpreter) -> None:
        """See ``Desk.ready``."""
        if key not in self._scheduler.rows:
            return
        self._interpreters[key] = interpreter
        self._held_back = None
        self._hand_over(self._scheduler.ready(key, self.now()))

    def starting(self) -> int:
        """See ``Desk.starting``."""
        rows = self._scheduler.rows.values()
        return sum(row.life.state is WorkerState.INITIALIZING for row in rows)

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
        ledger = self._ledger
        affinity = self._scheduler.affinity
        workers = (self._worker_status(row) for row in self._scheduler.rows.values())
        return PoolStatus(
            name=self.pool,
            state=self._state(),
            target=self.target,
            workers=tuple(sorted(workers, key=lambda worker: worker.name)),
            ready=len(self._interpreters),
            waiting=self._scheduler.waiting(),
            sessions=0 if affinity is None else len(affinity),
            requests=ledger.ended + len(self._leases),
            deaths=ledger.deaths,
            restarts=ledger.restarts,
            moves=ledger.moves,
            certificates=ledger.certificates,
            **{outcome.value: count for outcome, count in ledger.counts.items()},
        )

    def worker_status(self, key: int) -> WorkerStatus | None:
        """See ``Desk.worker_status``."""
        row = self._scheduler.rows.get(key)
        return None if row is None else self._worker_status(row)

    def _worker_status(self, row: Row) -> WorkerStatus:
        interpreter = self._interpreters.get(row.key)
        return WorkerStatus(
            name=row.slot,
            incarnation=row.key,
            state=row.life.state.value,
            pid=None if interpreter is None else interpreter.pid,
            calls=row.calls,
            restarts=self._ledger.restarts_of(row.slot),
        )

    def _state(self) -> str:
        if self._closed is None:
            return "running" if self._held_back is None else "cannot start"
        return self._closed.state if isinstance(self._closed, PoolNotRunning) else "gave up"

    # What these share

    def _close(self, error: PoolError) -> None:
        self._closed = error
        self._refuse(self._scheduler.clear(), error)

    def _refusal(self, ticket: Ticket) -> PoolError | None:
        """Return why *ticket* cannot be served, if so."""
        if (hopeless := self.no_hope()) is not None:
            return hopeless
        affinity, session = self._scheduler.affinity, ticket.session
        if affinity is None or session is None:
            return None
        if affinity.touch(session, self.now()).expired:
            return SessionExpired(session, affinity.ttl)
        return self._loss(ticket)

    def _loss(self, ticket: Ticket) -> SessionLost | None:
        """Return that the worker with the state of the ticket's session is gone, if so."""
        affinity, session = self._scheduler.affinity, ticket.session
        lost = None if affinity is None or session is None else affinity.lost_worker_of(session)
        if session is None or lost is None:
            return None
        end = self._ledger.end_of(lost)
        return SessionLost(session, None if end is None else end.certificate)

    def _hand_over(self, grant: tuple[Ticket, int] | None) -> None:
        if grant is not None:
            ticket, key = grant
            lease = self._leases[ticket]
            lease.interpreter = self._interpreters[key]
            open_gate(lease.gate)

    def _refuse(self, tickets: Iterable[Ticket], error: PoolError) -> None:
        for ticket in tickets:
            lease = self._leases[ticket]
            lease.refuse(error, Outcome.REJECTED)
            open_gate(lease.gate)

    def _end(self, lease: Lease) -> None:
        """Count *lease* and forget it. The new count is written down first, so that a mend counts it once, too."""
        counts = self._ledger.counts
        if lease.tally is None:
            lease.tally = counts[lease.outcome] + 1
        counts[lease.outcome] = lease.tally
        del self._leases[lease.ticket]
