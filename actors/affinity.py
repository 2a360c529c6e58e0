"""A pool's sessions: tracked in every pool, and, where they are bound, the worker that each belongs to. Pure.

What a session is at a moment follows from when it was last used, whether or not a sweep has come by: bound or not bound
yet, lost with its worker, expired, and after as long again never known. Who waits for a worker is in ``waiters``.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Container, Iterable, Mapping
from typing import Final, final

import attrs

__all__ = ["Affinity", "Binding"]

#: Entries of the agenda that may be out of date before it is worth while to clear them out.
_SPARE: Final = 64


@final
@attrs.define(eq=False)
class Binding:
    """One session. Written by ``Affinity`` alone."""

    worker: int | None = None  #: incarnation that holds its state; None before its first call
    lost: int | None = None  #: incarnation that died with its state; until ``rebind``
    expired: bool = False  #: not used for its time to live; until ``rebind``
    ttl: float = math.inf  #: seconds without use after which it expires
    started_at: float = 0.0
    used_at: float = 0.0
    moves: int = 0  #: how often it was bound anew
    calls: int = 0  #: requests that were not refused for the session's sake
    users: int = 0  #: of these, those that have not ended; in use it does not expire


@final
class Affinity:
    """The sessions of one pool.

    Args:
        ttl: Seconds without use after which a session expires that has no time of its own; ``math.inf``: never.
        binds: Whether they are bound to workers; else they are only tracked.
    """

    def __init__(self, ttl: float, *, binds: bool = True) -> None:
        self.ttl = ttl
        self.binds = binds
        self._sessions: dict[str, Binding] = {}
        #: When to look at which: a heap, of what may have been used since then.
        self._agenda: list[tuple[float, int, str, Binding]] = []
        self._numbers = itertools.count()
        self._of_worker: dict[int, set[str]] = {}
        self._lost: set[str] = set()
        self._expired: set[str] = set()
        self.expirations = 0  #: how often a session has expired
        self.moves = 0  #: how often a session was bound anew; counted where they are bound
        self.changed: dict[
            int, None
        ] = {}  #: workers whose load may have changed, until who orders by it clears it

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session: str, now: float) -> Binding | None:
        """Return *session*'s binding as it is at *now*, if it is known; that is no use of it."""
        binding = self._sessions.get(session)
        if binding is None or binding.users:
            return binding
        idle = now - binding.used_at
        if idle > 2 * binding.ttl:
            self.end(session)
            return None
        if idle > binding.ttl and not binding.expired:
            self._expire(session, binding)
        return binding

    def touch(self, session: str, now: float, ttl: float | None = None) -> Binding:
        """Return *session*'s binding, a new one if it is not known, and note that it is used.

        Args:
            session: Its id.
            now: The present.
            ttl: Its time to live from now on; None: as it was, or, of a new one, as of all.
        """
        binding = self.find(session, now)
        if binding is None:
            return self._begin(session, now, ttl)
        if not binding.expired:
            binding.used_at = now
            self._let_live(session, binding, ttl)
        return binding

    def release(self, binding: Binding, now: float) -> None:
        """A request that used the session of *binding* has ended."""
        binding.users -= 1
        binding.used_at = now

    def lost_worker_of(self, session: str) -> int | None:
        """Return the worker that died with *session*'s state, if so."""
        binding = self._sessions.get(session)
        return None if binding is None else binding.lost

    def worker_of(self, session: str) -> int | None:
        """Return the worker that *session* is bound to, or None."""
        binding = self._sessions.get(session)
        return None if binding is None else binding.worker

    def bind(self, session: str, worker: int) -> None:
        """Give *session*, which is not bound, to *worker*; the first binding holds until it is undone."""
        binding = self._sessions.get(session) or self._begin(session, 0.0, None)
        # A call that only hinted at a worker that has died does without what was lost there.
        binding.worker, binding.lost = worker, None
        self._lost.discard(session)
        self._of_worker.setdefault(worker, set()).add(session)
        self.changed[worker] = None

    def rebind(self, session: str, now: float, ttl: float | None = None) -> None:
        """Let *session* be bound anew at its next call; counts as a move. *ttl* as of ``touch``."""
        binding = self._sessions.get(session) or self._begin(session, now, ttl)
        self._let_live(session, binding, ttl)
        worker = binding.worker
        # In one: with it the session is rebound, and a mend sees to the rest.
        binding.worker, binding.lost, binding.expired, binding.used_at, binding.moves, self.moves = (
            None, None, False, now, binding.moves + 1, self.moves + self.binds,
        )  # fmt: skip
        self._expired.discard(session)
        self._forget(session, worker)
        self._plan(session, binding)

    def end(self, session: str) -> None:
        """Forget *session*; fine if it is not known."""
        binding = self._sessions.pop(session, None)
        if binding is not None:
            self._expired.discard(session)
            self._unbind(session, binding)

    def worker_gone(self, worker: int) -> frozenset[str]:
        """Mark the sessions of *worker* as lost and return them."""
        sessions = self._of_worker.pop(worker, set())
        for session in sessions:
            binding = self._sessions[session]
            binding.worker, binding.lost = None, worker
            self._lost.add(session)
        self.changed.pop(worker, None)
        return frozenset(sessions)

    def load(self, worker: int) -> int:
        """Return how many sessions are bound to *worker*."""
        return len(self._of_worker.get(worker, ()))

    def sweep(self, now: float) -> int:
        """Expire what was not used for its time to live, forget what was not for another; return how many expired.

        Takes as long as there are such, and those that were used since they were last looked at.
        """
        ended = 0
        looked_at = []
        while self._agenda and self._agenda[0][0] < now:
            _, _, session, binding = heapq.heappop(self._agenda)
            if self._sessions.get(session) is binding:
                was = binding.expired
                self.find(session, now)
                ended += binding.expired and not was
                looked_at.append((session, binding))
        # Not before: whatever the sums are rounded to, each is looked at once.
        for session, binding in looked_at:
            if self._sessions.get(session) is binding:
                self._plan(session, binding)
        return ended

    def sessions(self, now: float) -> Mapping[str, Binding]:
        """Return all that are known at *now*, longest unused first."""
        self.sweep(now)
        return dict(sorted(self._sessions.items(), key=lambda item: item[1].used_at))

    def statistics(self, now: float) -> Mapping[str, int]:
        """Return how many are what at *now*; nothing where they are not bound."""
        if not self.binds:
            return {}
        self.sweep(now)
        return {
            "bound": sum(map(len, self._of_worker.values())),
            "expired": len(self._expired),
            "lost": len(self._lost),
        }

    def mend(self, alive: Container[int], used: Iterable[Binding] = ()) -> None:
        """Make whole what an exception cut off half-way; the bindings are the truth, the rest follows from them.

        Args:
            alive: The workers that are known; a session of any other is lost.
            used: The binding of each request that has not ended.
        """
        self._of_worker = {}
        for session, binding in self._sessions.items():
            binding.users = 0
            if binding.worker is None:
                continue
            if binding.expired:
                binding.worker = None
            elif binding.worker in alive:
                self._of_worker.setdefault(binding.worker, set()).add(session)
            else:
                binding.worker, binding.lost = None, binding.worker
        self._lost = {
            session
            for session, binding in self._sessions.items()
            if binding.lost is not None and not binding.expired
        }
        for binding in used:
            binding.users += 1
        self._expired = {session for session, binding in self._sessions.items() if binding.expired}
        self._tidy()
        self.changed = {}

    def _begin(self, session: str, now: float, ttl: float | None) -> Binding:
        new = Binding(ttl=self.ttl if ttl is None else ttl, started_at=now, used_at=now)
        self._sessions[session] = new
        self._plan(session, new)
        return new

    def _let_live(self, session: str, binding: Binding, ttl: float | None) -> None:
        if ttl is not None and ttl != binding.ttl:
            binding.ttl = ttl
            self._plan(session, binding)

    def _plan(self, session: str, binding: Binding) -> None:
        """Have it looked at when it may have expired, or may be forgotten."""
        due = binding.used_at + binding.ttl * (2 if binding.expired else 1)
        if due < math.inf:
            heapq.heappush(self._agenda, (due, next(self._numbers), session, binding))
            if len(self._agenda) > 2 * len(self._sessions) + _SPARE:
                self._tidy()

    def _tidy(self) -> None:
        """Make the agenda anew, with one entry for each session."""
        self._agenda = []
        for session, binding in self._sessions.items():
            self._plan(session, binding)

    def _expire(self, session: str, binding: Binding) -> None:
        # First: a session without a worker that is not expired would pass for a new one.
        binding.expired = True
        self._expired.add(session)
        self.expirations += 1
        self._unbind(session, binding)

    def _unbind(self, session: str, binding: Binding) -> None:
        worker, binding.worker = binding.worker, None
        self._forget(session, worker)

    def _forget(self, session: str, worker: int | None) -> None:
        """*session* is not bound to *worker* any more, nor lost."""
        self._lost.discard(session)
        if worker is not None:
            sessions = self._of_worker.get(worker, set())
            sessions.discard(session)
            if not sessions:
                self._of_worker.pop(worker, None)
            self.changed[worker] = None
