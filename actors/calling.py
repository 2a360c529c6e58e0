"""A call from its caller's thread to a worker and back; what ``Pool.call`` and ``Session.call`` share.

Who is granted which worker is the desk's; what is said to a worker, the channel's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, final

from actors.desk import Desk
from actors.errors import CallExpired, PoolNotRunning
from actors.lease import Lease
from actors.ledger import Outcome
from actors.options import check_seconds
from bridge.errors import CallCancelled, CallDeadline, WorkerDied
from bridge.options import InterpreterOptions
from bridge.payload import EncodedCall, encode_call, options_of

if TYPE_CHECKING:
    from bridge.channel import Progress

__all__ = ["Calling"]

T = TypeVar("T")


@final
class Calling:
    """The calls of one pool.

    Args:
        desk: Where workers are checked out.
        options: Of the pool's interpreters: how calls are written.
    """

    def __init__(self, desk: Desk, options: InterpreterOptions) -> None:
        self._desk = desk
        self._owner = os.getpid()
        self._encoding = options_of(options)

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is a forked copy: the pool, its locks and its threads are another process's."""
        return os.getpid() != self._owner

    def run(
        self,
        lease: Lease,
        function: Callable[..., T],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        timeout: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> T:
        """Run the call on a worker granted to *lease*, which is empty; see ``Pool.call``. Blocks."""
        begun = self._desk.now()  # one deadline, for encoding, waiting and running
        check_seconds("timeout", timeout)
        priority = lease.ticket.priority
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise TypeError(
                f"priority {priority!r}: expected a whole number; higher is served first, 0 is usual"
            )
        if not callable(function):
            raise TypeError(f"{function!r} is not callable; give the function first, then its arguments")
        request = encode_call(function, args, kwargs, **self._encoding)
        if self.is_elsewhere:
            raise PoolNotRunning(self._desk.pool, f"of process {self._owner}; this is a forked copy of it")
        try:
            try:
                return cast("T", self._converse(lease, request, timeout, begun, on_progress))
            finally:
                self._leave(lease)
        finally:
            # Once more if an interrupt struck in the first: a worker that nobody gives back is lost to the pool.
            if not lease.over:
                self._leave(lease)

    def _converse(
        self,
        lease: Lease,
        request: EncodedCall,
        timeout: float,
        begun: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> Any:
        """Wait for a worker and run *request* in it; what became of it is written into *lease*."""
        now = self._desk.now
        self._desk.checkout(
            lease, timeout, now() - begun if begun else 0.0
        )  # it was 0 before the pool was open
        assert lease.interpreter is not None
        remaining = lease.ticket.deadline - now()
        if remaining <= 0:  # granted at the last moment, and this thread was late to run
            lease.outcome = Outcome.TIMEOUT
            raise CallExpired(self._desk.pool, timeout)
        lease.dispatched = True
        try:
            result = lease.interpreter.channel.call(request, timeout=remaining, on_progress=on_progress)
            lease.outcome = Outcome.OK
        except CallDeadline as error:
            lease.outcome = Outcome.TIMEOUT
            # The caller's own figure: what was left of it after the wait for a worker is of no use to anybody.
            raise CallDeadline(timeout, error.certificate) from None
        except CallCancelled:
            lease.outcome = Outcome.CANCELLED
            raise
        except WorkerDied:
            lease.outcome = Outcome.LOST
            raise
        except Exception:
            lease.outcome = Outcome.ERROR
            raise
        return result

    def _leave(self, lease: Lease) -> None:
        """Give *lease* back, after the kill of a worker that is in the middle of its call. Twice is fine."""
        # One that was counted may have its worker with the next caller already, whose call is none of ours.
        if lease.tally is None and lease.interpreter is not None and not lease.clean:
            lease.interpreter.kill("its caller left in the middle of a call")
        self._desk.give_back(lease)
