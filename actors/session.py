"""A session: calls that all go to one worker, because their state lives there."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from actors.caller import Caller
from actors.ticket import SessionMode

if TYPE_CHECKING:
    from actors.pool import Pool

__all__ = ["Session"]


@final
class Session(Caller):
    """Made by ``Pool.session``. A light handle: any number of them may name one session, from any thread."""

    __slots__ = ("_desk", "id")

    def __init__(self, pool: Pool, id: str, mode: SessionMode, ttl: float | None) -> None:
        super().__init__(pool.calling, pool.multiplexer, id, mode, ttl)
        self._desk = pool.desk
        self.id = id

    def worker(self) -> int:
        """Return the incarnation of the worker that the session is bound to; asking is no use of it. Never blocks.

        Raises:
            SessionExpired: It was not used for its time to live.
            SessionLost: The worker has died, and with it the session's state.
            SessionNotBound: No call has bound it yet, or it ended, or expired so long ago that it is forgotten.
        """
        return self._desk.worker_of(self.id)

    def touch(self) -> None:
        """Note that the session is used, so that it does not expire; begin it, if it is not known. Never blocks.

        Raises:
            SessionExpired: It was not used for its time to live.
        """
        self._desk.touch_session(self.id, self.ttl)

    def rebind(self) -> None:
        """Begin anew: the next call binds the session to a worker, which knows nothing of its state. Never blocks."""
        self._desk.rebind(self.id, self.ttl)

    def end(self) -> None:
        """Forget the binding. What the session left in the worker's memory is its functions' own business."""
        self._desk.end_session(self.id)
