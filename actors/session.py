"""A session: calls that all go to one worker, because their state lives there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, final

if TYPE_CHECKING:
    from actors.pool import Pool
    from bridge.channel import Progress

__all__ = ["Session"]

T = TypeVar("T")


@final
class Session:
    """Made by ``Pool.session``. A light handle: any number of them may name one session, from any thread."""

    __slots__ = ("_pool", "id")

    def __init__(self, pool: Pool, id: str) -> None:
        self._pool = pool
        self.id = id

    def call(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        timeout: float = 30.0,
        on_progress: Callable[[Progress], None] | None = None,
        **kwargs: object,
    ) -> T:
        """Run *function* in the session's worker; the first call binds the session to one.

        Blocks, takes, returns and raises as ``Pool.call``, and:

        Raises:
            SessionLost: That worker has died, and with it the session's state; nothing was executed.
            SessionExpired: The session was not used for its time to live; nothing was executed.
        """
        return self._pool.run(self.id, function, args, kwargs, timeout, on_progress)

    def rebind(self) -> None:
        """Begin anew: the next call binds the session to a worker, which knows nothing of its state. Never blocks."""
        self._pool.desk.rebind(self.id)

    def end(self) -> None:
        """Forget the binding. What the session left in the worker's memory is its functions' own business."""
        self._pool.desk.end_session(self.id)
