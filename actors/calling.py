"""A call from its caller's thread to a worker and back; what ``Pool.call`` and ``Session.call`` share.

Who is granted which worker is the desk's; what is said to a worker, the channel's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, final

from actors.desk import Desk
from actors.errors import CallExpired, PoolNotRunning
from actors.lease import Lease
from actors.ledger import Outcome
from actors.options import check_seconds
from bridge.errors import BridgeError, CallCancelled, CallDeadline, WorkerDied
from bridge.options import InterpreterOptions
from bridge.payload import EncodedCall, encode_call, options_of

if TYPE_CHECKING:
    from bridge.channel import Progress

__all__ = ["Calling", "leave", "outcome_of", "time_left"]

T = TypeVar("T")


def outcome_of(error: BaseException, lease: Lease) -> Outcome:
    """Return what the request of *lease* is counted under, which had been sent to its worker and ended with *error*."""
    if not isinstance(error, BridgeError) and not lease.clean:
        return Outcome.CANCELLED  # no answer, but raised in its caller, who left in the midst of the call
    match error:
        case CallDeadline():
            return Outcome.TIMEOUT
        case CallCancelled():
            return Outcome.CANCELLED
        case WorkerDied():
            return Outcome.LOST
    return Outcome.ERROR


def leave(desk: Desk, lease: Lease) -> None:
    """Give *lease* back, after the kill of a worker that is in the middle of its call. Never blocks. Twice is fine."""
    # One that was counted may have its worker with the next caller already, whose call is none of ours.
    if lease.tally is None and lease.interpreter is not None and not lease.clean:
        lease.channel.give_up("its caller left in the middle of a call")
    desk.give_back(lease)


def time_left(desk: Desk, lease: Lease) -> float:
    """Return the seconds that are left for a call that has just got its worker.

    Raises:
        CallExpired: None: it was granted at the last moment, and this thread was late to run.
    """
    remaining = lease.ticket.deadline - desk.now()
    if remaining <= 0:
        lease.outcome = Outcome.TIMEOUT
        raise CallExpired(desk.pool, lease.timeout)
    return remaining


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

    def encode(
        self,
        lease: Lease,
        function: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        timeout: float,
    ) -> EncodedCall:
        """Return the call, ready to be sent; what was given is checked here, in the caller's thread."""
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
        return request

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
        request = self.encode(lease, function, args, kwargs, timeout)
        try:
            try:
                result: T = self._converse(lease, request, timeout, begun, on_progress)
                return result
            finally:
                leave(self._desk, lease)
        finally:
            # Once more if an interrupt struck in the first: a worker that nobody gives back is lost to the pool.
            if not lease.over:
                leave(self._desk, lease)

    def _converse(
        self,
        lease: Lease,
        request: EncodedCall,
        timeout: float,
        begun: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> Any:
        """Wait for a worker and run *request* in it; what became of it is written into *lease*."""
        # It was 0 before the pool was open.
        self._desk.checkout(lease, timeout, self._desk.now() - begun if begun else 0.0)
        remaining = time_left(self._desk, lease)
        lease.dispatched = True
        try:
            result = lease.channel.call(request, timeout=remaining, on_progress=on_progress)
        except Exception as error:
            lease.outcome = outcome_of(error, lease)
            if isinstance(error, CallDeadline):
                # The caller's own figure: what was left of it after the wait for a worker is of no use to anybody.
                raise CallDeadline(timeout, error.certificate) from None
            raise
        lease.outcome = Outcome.OK
        return result
