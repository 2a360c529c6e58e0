"""The desk: the pure scheduler behind one lock, where callers check workers out in their own threads.

The only object that threads share. Under the lock runs only the scheduler: no sink, no log, no I/O. The workers'
actors feed it (``expect``, ``ready``, ``gone``), the pool actor opens and closes it.
"""

from __future__ import annotations

import copy
import enum
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, final

import attrs
from bridge.certificate import Certificate
from bridge.interpreter_process import Interpreter

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
from actors.scheduler import Row, Scheduler, Ticket
from actors.status import PoolStatus, WorkerStatus
from supervision.clock import Clock

__all__ = ["Desk", "Lease", "Outcome", "WorkerEnd"]

#: How many death certificates a pool remembers.
REMEMBERED_DEATHS: Final = 1000


@final
class Outcome(enum.Enum):
    """How a call ended; each request is counted under exactly one."""

    OK = "ok"
    ERROR = "errors"
    TIMEOUT = "timeouts"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    LOST = "lost"


@final
class Lease:
    """One caller's hold on one worker, empty until the desk fills it.

    Made before the checkout, so that the caller's ``finally`` gives back whatever was granted, even when an
    asynchronous exception strikes between grant and return.
    """

    __slots__ = ("gate", "interpreter", "key", "refusal", "ticket")

    def __init__(self, session: str | None) -> None:
        self.ticket = Ticket(session)
        self.key: int | None = None  #: written under the desk's lock
        self.interpreter: Interpreter | None = None  #: likewise
        self.refusal: PoolError | None = None  #: likewise; why there will be no worker
        self.gate = threading.Lock()  #: opened when ``key`` or ``refusal`` is set
        self.gate.acquire()


@final
@attrs.frozen
class WorkerEnd:
    """How an incarnation ended, and how many calls it had been given."""

    certificate: Certificate
    calls: int


@final
class Desk:
    """See the module.

    Args:
        pool: The pool's name, for errors.
        target: How many workers the pool is to have.
        max_queue: How many callers may wait.
        affinity: Whether sessions stick to workers.
        session_ttl: Seconds without use after which a session expires; ``math.inf``: never.
    """

    def __init__(self, pool: str, *, target: int, max_queue: int, affinity: bool, session_ttl: float) -> None:
        self.pool = pool
        self.target = target
        self._max_queue = max_queue
        self._lock = threading.Lock()
        # What follows is guarded by the lock.
        self._scheduler = Scheduler(Affinity(session_ttl) if affinity else None)
        self._clock: Clock | None = None
        self._closed: PoolError | None = PoolNotRunning(pool, "not started")
        self._held_back: PoolCannotStart | None = None
        self._interpreters: dict[int, Interpreter] = {}
        self._leases: dict[Ticket, Lease] = {}  #: of those who wait
        self._out: dict[int, Lease] = {}  #: of those who hold a worker
        self._drained: list[threading.Lock] = []
        self._incarnations: dict[str, int] = {}  #: how many each worker's name has had
        self._moves = 0
        self._deaths = 0
        self._counts = dict.fromkeys(Outcome, 0)
        self._requests = 0
        self._certificates: deque[Certificate] = deque(maxlen=REMEMBERED_DEATHS)
        self._ends: dict[int, WorkerEnd] = {}  #: of the last incarnations

    # Callers

    def checkout(self, lease: Lease, timeout: float) -> None:
        """Fill *lease* with a worker. Blocks the calling thread for at most *timeout* seconds.

        Raises:
            PoolNotRunning, PoolGaveUp: The desk is closed.
            PoolCannotStart: No worker is up and the last ones failed at their start.
            PoolSaturated: The queue is full.
            SessionLost, SessionExpired: The session has no worker that could have its state.
            CallExpired: No worker became free in time.
        """
        with self._lock:
            self._requests += 1
            clock = self._clock
            refusal = self._refusal(lease.ticket)
            if refusal is None:
                assert clock is not None
                key = self._scheduler.checkout(lease.ticket, clock.now())
                if key is not None:
                    self._fill(lease, key)
                    return
                refusal = self._queue(lease)
            if refusal is not None:
                self._counts[Outcome.REJECTED] += 1
                raise copy.copy(refusal)
        assert clock is not None
        clock.acquire(lease.gate, timeout)
        with self._lock:
            # The grant is decided under the lock in which the waiter gives up, so none is lost in between.
            if lease.key is not None:
                return
            self._leave_queue(lease)
            if lease.refusal is not None:
                self._counts[Outcome.REJECTED] += 1
                raise copy.copy(lease.refusal)  # several threads may be told the same
            self._counts[Outcome.TIMEOUT] += 1
        raise CallExpired(self.pool, timeout)

    def give_back(self, lease: Lease, outcome: Outcome, *, clean: bool) -> None:
        """End *lease* and count its call under *outcome*; never blocks, never raises.

        Args:
            lease: Filled or not.
            outcome: How the call ended.
            clean: Whether the worker can take the next call: nothing of this one is left in its channel. One
                that cannot gets no more work; whoever holds the lease sees to its end.
        """
        with self._lock:
            if lease.key is None:
                # It never got that far, or left the queue by an exception of its own.
                if self._leave_queue(lease):
                    self._counts[outcome] += 1
                return
            key, lease.key = lease.key, None
            self._counts[outcome] += 1
            self._out.pop(key, None)
            now = self._now()
            if clean:
                self._hand_over(self._scheduler.checkin(key, now))
            else:
                self._scheduler.terminate(key, now)
            if not self._out:
                self._tell_drained()

    def rebind(self, session: str) -> None:
        """Let *session* be bound anew at its next call; the state that its old worker held is given up."""
        with self._lock:
            affinity = self._scheduler.affinity
            if affinity is not None:
                affinity.rebind(session, self._now())
                self._moves += 1

    def end_session(self, session: str) -> None:
        """Forget *session*; fine if it is not known."""
        with self._lock:
            if self._scheduler.affinity is not None:
                self._scheduler.affinity.end(session)

    # The pool's actors

    def open(self, clock: Clock) -> None:
        """Take requests from now on."""
        with self._lock:
            self._clock = clock
            self._closed = None
            self._held_back = None

    def close(self, error: PoolError) -> None:
        """Take no more requests, and answer whoever waits with *error*. Calls that run go on.

        A pool that gave up goes on saying so, whatever is torn down after it.
        """
        with self._lock:
            if not isinstance(self._closed, PoolGaveUp):
                self._closed = error
            self._refuse(self._scheduler.clear(), lambda _: error)

    def hold_back(self, error: PoolCannotStart | None) -> None:
        """Workers cannot start: while none is up, requests are answered with *error* at once. None ends it."""
        with self._lock:
            self._held_back = error
            if error is not None and not self._scheduler.rows:
                self._refuse(self._scheduler.clear(), lambda _: error)

    def expect(self, key: int, name: str) -> None:
        """A worker called *name* is starting."""
        with self._lock:
            self._scheduler.expect(key, name, self._now())
            self._incarnations[name] = self._incarnations.get(name, 0) + 1

    def ready(self, key: int, interpreter: Interpreter) -> None:
        """Its interpreter shook hands."""
        with self._lock:
            self._interpreters[key] = interpreter
            self._held_back = None
            self._hand_over(self._scheduler.ready(key, self._now()))

    def retire(self, key: int) -> None:
        """The worker is to end; it gets no more work."""
        with self._lock:
            self._scheduler.terminate(key, self._now())

    def gone(self, key: int, certificate: Certificate | None) -> None:
        """The worker's process is dead, or never came to be (then there is no certificate)."""
        with self._lock:
            self._interpreters.pop(key, None)
            if certificate is not None:
                self._deaths += 1
                self._certificates.append(certificate)
            row, stranded = self._scheduler.gone(key, self._now())
            if certificate is not None and row is not None:
                self._ends[key] = WorkerEnd(certificate, row.calls)
                while len(self._ends) > REMEMBERED_DEATHS:
                    del self._ends[next(iter(self._ends))]
            self._refuse(stranded, lambda session: SessionLost(session, certificate))

    def end_of(self, key: int) -> WorkerEnd | None:
        """Return how the worker with *key* ended; None if it has not, left no certificate, or it was long ago."""
        with self._lock:
            return self._ends.get(key)

    def answers(self) -> int:
        """Return how many calls were answered so far."""
        with self._lock:
            return self._counts[Outcome.OK] + self._counts[Outcome.ERROR]

    def has_ready(self, seconds: float) -> bool:
        """Return whether a worker has been ready, or has worked, for so long."""
        with self._lock:
            now = self._now()
            return any(
                key in self._interpreters and now - row.ready_at >= seconds
                for key, row in self._scheduler.rows.items()
            )

    def sweep(self) -> int:
        """Expire sessions that were not used; returns how many ended."""
        with self._lock:
            affinity = self._scheduler.affinity
            return 0 if affinity is None else affinity.sweep(self._now())

    def drain(self, timeout: float) -> bool:
        """Wait until nobody holds a worker. Blocks for at most *timeout* seconds; returns whether it came to that."""
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            clock = self._clock
            if not self._out or clock is None:
                return True
            self._drained.append(gate)
        if clock.acquire(gate, timeout):
            return True
        with self._lock:
            if gate in self._drained:
                self._drained.remove(gate)
            return not self._out

    def status(self) -> PoolStatus:
        """Return the pool as it is now."""
        with self._lock:
            counts = self._counts
            affinity = self._scheduler.affinity
            workers = tuple(self._worker_status(row) for row in self._scheduler.rows.values())
            started = sum(self._incarnations.values())
            return PoolStatus(
                name=self.pool,
                state=self._state(),
                target=self.target,
                workers=tuple(sorted(workers, key=lambda worker: worker.name)),
                waiting=self._scheduler.waiting(),
                sessions=0 if affinity is None else len(affinity),
                requests=self._requests,
                deaths=self._deaths,
                restarts=started - len(self._incarnations),
                moves=self._moves,
                certificates=tuple(self._certificates),
                **{outcome.value: counts[outcome] for outcome in Outcome},
            )

    def worker_status(self, key: int) -> WorkerStatus | None:
        """Return one worker as it is now; None when it is gone."""
        with self._lock:
            row = self._scheduler.rows.get(key)
            return None if row is None else self._worker_status(row)

    def now(self) -> float:
        """Return the present on the pool's clock; 0 before it was ever open."""
        return self._now()

    # Under the lock

    def _now(self) -> float:
        return 0.0 if self._clock is None else self._clock.now()

    def _state(self) -> str:
        if self._closed is None:
            return "running" if self._held_back is None else "cannot start"
        return self._closed.state if isinstance(self._closed, PoolNotRunning) else "gave up"

    def _refusal(self, ticket: Ticket) -> PoolError | None:
        if self._closed is not None:
            return self._closed
        if self._held_back is not None and not self._interpreters:
            return self._held_back
        affinity, session = self._scheduler.affinity, ticket.session
        if affinity is None or session is None:
            return None
        binding = affinity.touch(session, self._now())
        if binding.expired:
            return SessionExpired(session, affinity.ttl)
        if binding.lost is not None:
            end = self._ends.get(binding.lost)
            return SessionLost(session, None if end is None else end.certificate)
        return None

    def _queue(self, lease: Lease) -> PoolError | None:
        if self._scheduler.waiting() > self._max_queue:
            self._scheduler.withdraw(lease.ticket)
            return PoolSaturated(self.pool, self._max_queue)
        self._leases[lease.ticket] = lease
        return None

    def _leave_queue(self, lease: Lease) -> bool:
        self._scheduler.withdraw(lease.ticket)
        return self._leases.pop(lease.ticket, None) is not None

    def _fill(self, lease: Lease, key: int) -> None:
        lease.interpreter = self._interpreters[key]
        lease.key = key
        self._out[key] = lease

    def _hand_over(self, grant: tuple[Ticket, int] | None) -> None:
        if grant is not None:
            ticket, key = grant
            lease = self._leases.pop(ticket)
            self._fill(lease, key)
            lease.gate.release()

    def _refuse(self, tickets: Iterable[Ticket], why: Callable[[str], PoolError]) -> None:
        for ticket in tickets:
            lease = self._leases.pop(ticket)
            lease.refusal = why(ticket.session or "")
            lease.gate.release()

    def _tell_drained(self) -> None:
        gates, self._drained = self._drained, []
        for gate in gates:
            gate.release()

    def _worker_status(self, row: Row) -> WorkerStatus:
        interpreter = self._interpreters.get(row.key)
        return WorkerStatus(
            name=row.slot,
            incarnation=row.key,
            state=row.life.state.value,
            pid=None if interpreter is None else interpreter.pid,
            calls=row.calls,
            restarts=self._incarnations[row.slot] - 1,
        )
