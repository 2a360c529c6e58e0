"""Which worker a session belongs to: bound, lost with its worker, or expired. Pure.

Who waits for that worker is in ``scheduler``.
"""

from __future__ import annotations

from collections.abc import Container
from typing import final

import attrs

__all__ = ["Affinity", "Binding"]


@final
@attrs.define
class Binding:
    """One session. Written by ``Affinity`` alone."""

    worker: int | None = None  #: incarnation that holds its state; None before its first call
    lost: int | None = None  #: incarnation that died with its state; until ``rebind``
    expired: bool = False  #: not used for its time to live; until ``rebind``
    used_at: float = 0.0
    moves: int = 0  #: how often it was bound anew


@final
class Affinity:
    """The sessions of one pool.

    Args:
        ttl: Seconds without use after which a session expires; ``math.inf``: never.
    """

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self._sessions: dict[str, Binding] = {}
        self._of_worker: dict[int, set[str]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def touch(self, session: str, now: float) -> Binding:
        """Return *session*'s binding, a new one if it is not known, and note that it is used."""
        binding = self._sessions.get(session)
        if binding is None:
            binding = self._sessions[session] = Binding(used_at=now)
        elif not binding.expired and now - binding.used_at > self.ttl:
            self._expire(session, binding)
        if not binding.expired:
            binding.used_at = now
        return binding

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
        self._sessions.setdefault(session, Binding()).worker = worker
        self._of_worker.setdefault(worker, set()).add(session)

    def rebind(self, session: str, now: float) -> None:
        """Let *session* be bound anew at its next call; counts as a move."""
        binding = self._sessions.setdefault(session, Binding())
        self._release(session, binding)
        binding.lost, binding.expired, binding.used_at = None, False, now
        binding.moves += 1

    def end(self, session: str) -> None:
        """Forget *session*; fine if it is not known."""
        binding = self._sessions.pop(session, None)
        if binding is not None:
            self._release(session, binding)

    def worker_gone(self, worker: int) -> frozenset[str]:
        """Mark the sessions of *worker* as lost and return them."""
        sessions = self._of_worker.pop(worker, set())
        for session in sessions:
            binding = self._sessions[session]
            binding.worker, binding.lost = None, worker
        return frozenset(sessions)

    def load(self, worker: int) -> int:
        """Return how many sessions are bound to *worker*."""
        return len(self._of_worker.get(worker, ()))

    def sweep(self, now: float) -> int:
        """Expire what was not used for ``ttl``, forget what has been expired for another; return how many ended."""
        ended = 0
        for session, binding in list(self._sessions.items()):
            idle = now - binding.used_at
            if idle > 2 * self.ttl:
                self.end(session)
            elif idle > self.ttl and not binding.expired:
                self._expire(session, binding)
                ended += 1
        return ended

    def mend(self, alive: Container[int]) -> None:
        """Make whole what an exception cut off half-way; the bindings are the truth, the rest follows from them.

        Args:
            alive: The workers that are known; a session of any other is lost.
        """
        self._of_worker = {}
        for session, binding in self._sessions.items():
            if binding.worker is None:
                continue
            if binding.expired:
                binding.worker = None
            elif binding.worker in alive:
                self._of_worker.setdefault(binding.worker, set()).add(session)
            else:
                binding.worker, binding.lost = None, binding.worker

    def _expire(self, session: str, binding: Binding) -> None:
        # First: a session without a worker that is not expired would pass for a new one.
        binding.expired = True
        self._release(session, binding)

    def _release(self, session: str, binding: Binding) -> None:
        if binding.worker is not None:
            self._of_worker.get(binding.worker, set()).discard(session)
            binding.worker = None
