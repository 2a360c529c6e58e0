"""The desk: the pure scheduler behind one lock, where callers check workers out in their own threads.

The only object that threads share. Under the lock runs only the scheduler: no sink, no log, no I/O. The workers'
actors feed it (``expect``, ``ready``, ``gone``), the pool actor opens and closes it.
"""

from __future__ import annotations

import copy
import threading
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
from bridge.certificate import Certificate
from bridge.interpreter_process import Interpreter
from supervision.clock import Clock

__all__ = ["Desk"]


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
        self._drained: list[threading.Lock] = []  #: gates of those who wait until nobody holds a worker
        self._complete: list[threading.Lock] = []  #: gates of those who wait until all workers are up
        self._ledger = Ledger()

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
            self._ledger.requests += 1
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
                self._ledger.counts[Outcome.REJECTED] += 1
                raise copy.copy(refusal)
        assert clock is not None
        clock.acquire(lease.gate, timeout)
        with self._lock:
            # The grant is decided under the lock in which the waiter gives up, so none is lost in between.
            if lease.key is not None:
                return
            self._leave_queue(lease)
            if lease.refusal is not None:
                self._ledger.counts[Outcome.REJECTED] += 1
                raise copy.copy(lease.refusal)  # several threads may be told the same
            self._ledger.counts[Outcome.TIMEOUT] += 1
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
                    self._ledger.counts[outcome] += 1
                return
            key, lease.key = lease.key, None
            self._ledger.counts[outcome] += 1
            self._out.pop(key, None)
            now = self._now()
            if clean:
                self._hand_over(self._scheduler.checkin(key, now))
            else:
                self._scheduler.terminate(key, now)
            if not self._out:
                _open_all(self._drained)

    def rebind(self, session: str) -> None:
        """Let *session* be bound anew at its next call; the state that its old worker held is given up."""
        with self._lock:
            affinity = self._scheduler.affinity
            if affinity is not None:
                affinity.rebind(session, self._now())
                self._ledger.moves += 1

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
            _open_all(self._complete)
            self._refuse(self._scheduler.clear(), lambda _: error)

    def hold_back(self, error: PoolCannotStart | None) -> None:
        """Workers cannot start: while none is up, requests are answered with *error* at once. None ends it."""
        with self._lock:
            self._held_back = error
            if error is not None and not self._interpreters:
                self._refuse(self._scheduler.clear(), lambda _: error)
                _open_all(self._complete)

    def expect(self, key: int, name: str) -> None:
        """A worker called *name* is starting."""
        with self._lock:
            self._scheduler.expect(key, name, self._now())
            self._ledger.born(name)

    def ready(self, key: int, interpreter: Interpreter) -> None:
        """Its interpreter shook hands."""
        with self._lock:
            self._interpreters[key] = interpreter
            self._held_back = None
            self._hand_over(self._scheduler.ready(key, self._now()))
            if self._is_complete():
                _open_all(self._complete)

    def retire(self, key: int) -> None:
        """The worker is to end; it gets no more work."""
        with self._lock:
            self._scheduler.terminate(key, self._now())

    def gone(self, key: int, certificate: Certificate | None) -> None:
        """The worker's process is dead, or never came to be (then there is no certificate)."""
        with self._lock:
            self._interpreters.pop(key, None)
            row, stranded = self._scheduler.gone(key, self._now())
            if certificate is not None and row is not None:
                self._ledger.died(key, certificate, row.calls)
            self._refuse(stranded, lambda session: SessionLost(session, certificate))

    def end_of(self, key: int) -> WorkerEnd | None:
        """Return how the worker with *key* ended; None if it has not, left no certificate, or it was long ago."""
        with self._lock:
            return self._ledger.end_of(key)

    def answers(self) -> int:
        """Return how many calls were answered so far."""
        with self._lock:
            return self._ledger.answers

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
        return self._wait(self._drained, lambda: not self._out, timeout)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until as many workers are up as there should be; returns whether it came to that in time.

        Raises:
            PoolNotRunning, PoolGaveUp, PoolCannotStart: It will not come to that, or not soon.
        """
        self._wait(self._complete, lambda: self._is_complete() or self._no_hope() is not None, timeout)
        with self._lock:
            refusal = self._no_hope()
            if refusal is not None:
                raise copy.copy(refusal)
            return self._is_complete()

    def status(self) -> PoolStatus:
        """Return the pool as it is now."""
        with self._lock:
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
                requests=ledger.requests,
                deaths=ledger.deaths,
                restarts=ledger.restarts,
                moves=ledger.moves,
                certificates=ledger.certificates,
                **{outcome.value: count for outcome, count in ledger.counts.items()},
            )

    def worker_status(self, key: int) -> WorkerStatus | None:
        """Return one worker as it is now; None when it is gone."""
        with self._lock:
            row = self._scheduler.rows.get(key)
            return None if row is None else self._worker_status(row)

    def now(self) -> float:
        """Return the present on the pool's clock; 0 before it was ever open."""
        return self._now()

    def _wait(self, gates: list[threading.Lock], reached: Callable[[], bool], timeout: float) -> bool:
        """Wait until *reached*, looked at under the lock, or until somebody opens the gate put into *gates*."""
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            clock = self._clock
            if clock is None or reached():
                return True
            gates.append(gate)
        clock.acquire(gate, timeout)
        with self._lock:
            if gate in gates:
                gates.remove(gate)
            return reached()

    # Under the lock

    def _now(self) -> float:
        return 0.0 if self._clock is None else self._clock.now()

    def _state(self) -> str:
        if self._closed is None:
            return "running" if self._held_back is None else "cannot start"
        return self._closed.state if isinstance(self._closed, PoolNotRunning) else "gave up"

    def _refusal(self, ticket: Ticket) -> PoolError | None:
        if (hopeless := self._no_hope()) is not None:
            return hopeless
        affinity, session = self._scheduler.affinity, ticket.session
        if affinity is None or session is None:
            return None
        binding = affinity.touch(session, self._now())
        if binding.expired:
            return SessionExpired(session, affinity.ttl)
        if binding.lost is not None:
            end = self._ledger.end_of(binding.lost)
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

    def _is_complete(self) -> bool:
        return len(self._interpreters) >= self.target

    def _no_hope(self) -> PoolError | None:
        return self._closed or (self._held_back if not self._interpreters else None)

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


def _open_all(gates: list[threading.Lock]) -> None:
    for gate in gates:
        gate.release()
    gates.clear()
