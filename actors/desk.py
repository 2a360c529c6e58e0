"""The desk: the pool's books behind one lock, where callers check workers out in their own threads.

The only object that threads share. Under the lock run only ``books``: no sink, no log, no I/O, no wait. The workers'
actors feed it (``expect``, ``ready``, ``gone``), the pool actor opens and closes it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import final

import attrs

from actors.books import Books
from actors.errors import PoolCannotStart, PoolGaveUp
from actors.guard import Guard
from actors.lease import Lease
from actors.ledger import WorkerEnd
from actors.status import Choice, PoolStatus, SessionStatus, WorkerStatus
from actors.ticket import WhenFull
from bridge.certificate import Certificate
from bridge.faces import InterpreterFace
from supervision.clock import Clock
from supervision.exit_reason import ExitReason

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
        when_full: What becomes of a caller that finds so many waiting.
        max_overflow: How many workers beyond the target it may have while callers wait.
        threads: How many calls each worker runs at a time.
        lazy: Whether nobody wants workers before the first request, or wait for them.
    """

    def __init__(
        self,
        pool: str,
        *,
        target: int,
        max_queue: int,
        affinity: bool,
        session_ttl: float,
        when_full: WhenFull = WhenFull.RAISE,
        max_overflow: int = 0,
        threads: int = 1,
        lazy: bool = False,
    ) -> None:
        self.pool = pool
        self.wanted = not lazy  #: whether workers are; only ever set, by whoever is the first to want one
        self.target = target
        self.max_overflow = max_overflow
        self.threads = threads
        self.choices: tuple[Choice, ...] = ()  #: for the status; written before the pool starts
        self._books = Books(
            pool,
            target=target,
            max_queue=max_queue,
            affinity=affinity,
            session_ttl=session_ttl,
            when_full=when_full,
            max_overflow=max_overflow,
            lanes=threads,
        )
        self._guard = Guard(self._books)
        self._do = self._guard.do
        self._clock: Clock | None = None
        #: Told, without the lock: of each start that is complete; and when more overflow workers are wanted.
        self._started: Callable[[], None] | None = None
        self._crowded: Callable[[], None] | None = None

    # Callers

    def checkout(self, lease: Lease, timeout: float, spent: float = 0.0) -> None:
        """Fill *lease* with a worker. Blocks the calling thread for at most *timeout* - *spent* seconds.

        Whatever comes of it, ``give_back`` is due.

        Args:
            lease: Empty.
            timeout: The call's, in seconds; ``math.inf`` waits for ever.
            spent: Seconds of it that are over.

        Raises:
            PoolNotRunning, PoolGaveUp: The desk is closed.
            PoolCannotStart: No worker is up and the last ones failed at their start.
            PoolSaturated: The queue is full, or it was, and a call of higher priority took this one's place.
            SessionLost, SessionExpired: The session has no worker that could have its state.
            SessionBusy: Its worker is not free, and its mode is not to wait.
            CallExpired: No worker became free in time.
        """
        if not self._request(lease, timeout, spent):
            assert self._clock is not None  # before it was opened, every request is refused
            # What opens the gate has been decided. The waiter gives up under the same lock, so nothing is lost in between.
            if not self._clock.acquire(lease.gate, timeout - spent):
                self._do(self._books.give_up, lease)
        if lease.refusal is not None:
            raise copy.copy(lease.refusal)  # several threads may be told the same

    def enter(self, lease: Lease, timeout: float, spent: float = 0.0) -> None:
        """Ask for a worker for *lease*, and do not wait for it: ``lease.wake`` is called when that is decided.

        Blocks only where the queue is full and its callers are to wait; then as long as it is, within *timeout*.

        Args:
            lease: Empty. It may have a worker when this returns. Whatever comes of it, ``give_back`` is due.
            timeout: As of ``checkout``.
            spent: Likewise.

        Raises:
            PoolError: As ``checkout``, if it is decided at once.
        """
        placed = functools.partial(self._books.has_place, lease)
        decided = self._request(lease, timeout, spent) or self._do(placed)
        if not decided and not self._guard.wait(self._clock, placed, timeout - spent):
            self._do(self._books.give_up, lease)
        if lease.refusal is not None:
            raise copy.copy(lease.refusal)

    def next_deadline(self) -> float:
        """Return when the first of those who wait must be told that no worker came in time; ``math.inf``: never."""
        return self._do(self._books.next_deadline)

    def give_back(self, lease: Lease) -> None:
        """End *lease* and count its call under its outcome; never blocks. Twice is fine.

        Its worker gets the next call, unless something of this one is left in its channel: then it gets no more work,
        and whoever held it sees to its end.
        """
        self._do(self._books.give_back, lease)
        lease.over = True

    def rebind(self, session: str, ttl: float | None = None) -> None:
        """Let *session* be bound anew at its next call; the state that its old worker held is given up."""
        self._do(self._books.sessions.affinity.rebind, session, self.now(), ttl)

    def end_session(self, session: str) -> None:
        """Forget *session*; fine if it is not known."""
        self._do(self._books.sessions.affinity.end, session)

    def touch_session(self, session: str, ttl: float | None = None) -> None:
        """Note that *session* is used; it begins, if it is not known.

        Raises:
            SessionExpired: It was not used for its time to live.
        """
        self._do(self._books.sessions.touch, session, self.now(), ttl)

    def worker_of(self, session: str) -> int:
        """Return the incarnation that *session* is bound to; asking is no use of it.

        Raises:
            SessionExpired, SessionLost, SessionNotBound: There is none; the class says why.
        """
        return self._do(self._books.sessions.worker_of, session, self.now())

    def sessions(self) -> tuple[SessionStatus, ...]:
        """Return all sessions, longest unused first."""
        return self._do(self._books.sessions.statuses, self.now())

    def drain(self, timeout: float) -> bool:
        """Wait until nobody holds a worker. Blocks for at most *timeout* seconds; returns whether it came to that."""
        return self._guard.wait(self._clock, self._books.is_drained, timeout)

    def held(self) -> tuple[InterpreterFace, ...]:
        """Return the interpreters that somebody holds, for a call."""
        return self._do(self._books.held)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until as many workers are up as there should be; returns whether it came to that in time.

        Raises:
            PoolNotRunning, PoolGaveUp, PoolCannotStart: It will not come to that, or not soon.
        """
        books = self._books
        if not self.wanted:
            self._want()
        self._guard.wait(self._clock, lambda: books.is_complete() or books.no_hope() is not None, timeout)
        refusal = self._do(books.no_hope)
        if refusal is not None:
            raise copy.copy(refusal)
        return self._do(books.is_complete)

    def status(self) -> PoolStatus:
        """Return the pool as it is now."""
        return attrs.evolve(self._do(self._books.status), choices=self.choices)

    def now(self) -> float:
        """Return the present on the pool's clock; 0 before it was ever open."""
        return self._books.now()

    # The pool's actors

    def open(
        self,
        clock: Clock,
        started: Callable[[], None] | None = None,
        crowded: Callable[[], None] | None = None,
    ) -> None:
        """Take requests from now on.

        Args:
            clock: Counts everything.
            started: Called after each start that is complete, in the worker's thread; must not block.
            crowded: Called when more workers are wanted, in a caller's thread; must not block.
        """
        self._clock = clock
        self._started = started
        self._crowded = crowded
        self._do(self._books.open, clock.now)

    def close(self, state: str) -> None:
        """Take no more requests, and answer whoever waits with ``PoolNotRunning``. Calls that run go on.

        A pool that gave up goes on saying so, whatever is torn down after it.

        Args:
            state: What the pool is, for that error: "stopping" or "stopped".
        """
        self._do(self._books.close, state)

    def gave_up(self, error: PoolGaveUp) -> None:
        """Take no more requests for ever, and answer whoever waits with *error*."""
        self._do(self._books.gave_up, error)

    def trouble(self, reason: ExitReason) -> None:
        """Note why a part of the pool ends: if it failed, the cause of a ``close`` until the desk is opened again."""
        self._do(self._books.trouble, reason)

    def hold_back(self, error: PoolCannotStart | None) -> None:
        """Workers cannot start: while none is up, requests are answered with *error* at once. None ends it."""
        self._do(self._books.hold_back, error)

    def expect(self, key: int, name: str, *, overflow: bool = False) -> None:
        """A worker called *name* is starting; *overflow*: one beyond the target."""
        self._do(self._books.expect, key, name, overflow)

    def ready(self, key: int, interpreter: InterpreterFace) -> None:
        """Its interpreter shook hands."""
        self._do(self._books.ready, key, interpreter)
        if self._started is not None:
            self._started()

    def starting(self) -> int:
        """Return how many workers are expected and have not shaken hands."""
        return self._do(self._books.starting)

    def checked(self, key: int, healthy: bool) -> bool:
        """Its health was looked at: an unhealthy one is kept without work, a healthy one gets work again.

        Returns:
            Whether it is to end now, because that was one failure too many in a row.
        """
        return self._do(self._books.checked, key, healthy)

    def at_rest(self) -> tuple[tuple[int, InterpreterFace], ...]:
        """Return the workers that are up and that nobody holds, by their keys."""
        return self._do(self._books.at_rest)

    def degrade(self, key: int) -> None:
        """Keep the worker without work until ``checked`` finds it healthy; a call that it runs goes on."""
        self._do(self._books.degrade, key)

    def overflow_wanted(self) -> int:
        """Return how many workers beyond the target there should be, at least those that there are."""
        return self._do(self._books.overflow.wanted)

    def retire_idle(self, ttl: float) -> list[int]:
        """Give no more work to the overflow workers that nobody has needed for *ttl* seconds; returns their keys."""
        return self._do(self._books.overflow.retire_idle, self.now(), ttl)

    def retire(self, key: int) -> None:
        """The worker is to end; it gets no more work."""
        self._do(self._books.retire, key)

    def gone(self, key: int, certificate: Certificate | None) -> None:
        """The worker's process is dead, or never came to be (then there is no certificate)."""
        self._do(self._books.gone, key, certificate)

    def end_of(self, key: int) -> WorkerEnd | None:
        """Return how the worker with *key* ended; None if it has not, left no certificate, or it was long ago."""
        return self._do(self._books.end_of, key)

    def answers(self) -> int:
        """Return how many calls were answered so far."""
        return self._do(self._books.answers)

    def has_ready(self, seconds: float) -> bool:
        """Return whether a worker has been ready, or has worked, for so long."""
        return self._do(self._books.has_ready, seconds)

    def sweep(self) -> int:
        """Expire sessions that were not used; returns how many ended."""
        return self._do(self._books.sessions.affinity.sweep, self.now())

    def expirations(self) -> int:
        """Return how many sessions have expired so far, whoever found it."""
        return self._books.sessions.affinity.expirations

    def worker_status(self, key: int) -> WorkerStatus | None:
        """Return one worker as it is now; None when it is gone."""
        return self._do(self._books.worker_status, key)

    def _request(self, lease: Lease, timeout: float, spent: float) -> bool:
        """Ask for a worker; returns whether that is decided."""
        decided = self._do(self._books.request, lease, timeout, spent)
        if not decided and not self.wanted:
            self._want()
        crowded = self._crowded if self.max_overflow and not decided else None
        if crowded is not None and self._do(self._books.overflow.is_news, self.now()):
            crowded()
        return decided

    def _want(self) -> None:
        """Somebody needs workers: have them started, if they were not to be before."""
        self.wanted = True
        if self._crowded is not None:
            self._crowded()
