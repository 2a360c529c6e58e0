"""A session: calls that all go to one worker, because their state lives there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, final

from actors.lease import Lease
from actors.ticket import SessionMode

if TYPE_CHECKING:
    from actors.pool import Pool
    from bridge.channel import Progress

__all__ = ["Session"]

T = TypeVar("T")


@final
class Session:
    """Made by ``Pool.session``. A light handle: any number of them may name one session, from any thread."""

    __slots__ = ("_pool", "id", "mode")

    def __init__(self, pool: Pool, id: str, mode: SessionMode) -> None:
        self._pool = pool
        self.id = id
        self.mode = mode

    def call(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        timeout: float = 30.0,
        priority: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
        **kwargs: object,
    ) -> T:
        """Run *function* in the session's worker; the first call binds the session to one.

        Blocks, takes, returns and raises as ``Pool.call``, and:

        Raises:
            SessionLost: That worker has died, and with it the session's state; nothing was executed.
            SessionExpired: The session was not used for its time to live; nothing was executed.
            SessionBusy: Its worker is not free, and ``mode`` is ``strict_fail_fast``; nothing was executed.
        """
        lease = Lease(self.id, mode=self.mode, priority=priority)
        return self._pool.calling.run(lease, function, args, kwargs, timeout, on_progress)

    def worker(self) -> int:
        """Return the incarnation of the worker that the session is bound to; asking is no use of it. Never blocks.

        Raises:
            SessionExpired: It was not used for its time to live.
            SessionLost: The worker has died, and with it the session's state.
            SessionNotBound: No call has bound it yet, or it ended, or expired so long ago that it is forgotten.
        """
        return self._pool.desk.worker_of(self.id)

    def touch(self) -> None:
        """Note that the session is used, so that it does not expire; begin it, if it is not known. Never blocks.

        Raises:
            SessionExpired: It was not used for its time to live.
        """
        self._pool.desk.touch_session(self.id)

    def rebind(self) -> None:
        """Begin anew: the next call binds the session to a worker, which knows nothing of its state. Never blocks."""
        self._pool.desk.rebind(self.id)

    def end(self) -> None:
        """Forget the binding. What the session left in the worker's memory is its functions' own business."""
        self._pool.desk.end_session(self.id)
