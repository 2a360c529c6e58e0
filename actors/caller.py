"""What has calls run: a pool, or a session of it. The same three ways for both.

How a call gets to its worker is in ``calling``, for a thread that waits for it, and in ``multiplexer``, for futures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from actors.calling import Calling
from actors.future import CallFuture
from actors.lease import Lease
from actors.mapping import MapOptions, MapResults, OnError, length_of
from actors.multiplexer import Multiplexer, Submission
from actors.options import check_seconds
from actors.ticket import SessionMode
from supervision import Ref

if TYPE_CHECKING:
    from bridge.channel import Progress

__all__ = ["Caller"]

T = TypeVar("T")


class Caller:
    """The base of ``Pool`` and ``Session``.

    Args:
        calling: Of the pool.
        multiplexer: Likewise.
        session: The session whose calls these are; None: none.
        mode: What they do when its worker is not free.
        ttl: Seconds without use after which it expires; None: as the pool says.
    """

    __slots__ = ("_session", "calling", "mode", "multiplexer", "ttl")

    def __init__(
        self,
        calling: Calling,
        multiplexer: Multiplexer,
        session: str | None = None,
        mode: SessionMode = SessionMode.STRICT_QUEUE,
        ttl: float | None = None,
    ) -> None:
        self.calling = calling
        self.multiplexer = multiplexer
        self._session = session
        self.mode = mode
        self.ttl = ttl

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
        """Run ``function(*args, **kwargs)`` in a worker and return its result. Blocks the calling thread.

        Args:
            function: Importable by the worker, or defined in the script that is ``__main__``.
            args: Pickled (protocol 5; big buffers travel beside the pickle, uncopied).
            timeout: Seconds from now, for waiting, sending and running together; ``math.inf``: no limit. A call
                that overruns it while it runs is ended: told, interrupted, and then killed with all that its worker
                started, which takes a second more at the most (``InterpreterOptions.graces``).
            priority: Of those who wait, higher is served first; equals in order of arrival.
            on_progress: Called in this thread for each ``report(n, total)`` of the running function.
            kwargs: Likewise pickled. ``timeout``, ``priority`` and ``on_progress`` are taken; bind one of those names
                of your own function with ``functools.partial``.

        Returns:
            What the function returned.

        Raises:
            PoolError: Nothing was executed; its subclasses say why: ``PoolNotRunning``, ``PoolSaturated``,
                ``CallExpired``, ``PoolCannotStart``, ``PoolGaveUp``; of a session, too: ``SessionLost``,
                ``SessionExpired``, and ``SessionBusy`` if its ``mode`` is not to wait.
            NotPicklable: An argument cannot be sent; nothing was executed.
            CallDeadline: The call ran and overran; its ``certificate`` says whether its worker had to be killed.
            CallCancelled: Another thread cancelled it, by ``Interpreter.cancel``.
            WorkerDied: The worker died under the call; its ``certificate`` says how, ``started`` whether it had begun.
            RemoteError: The function raised what could not be brought over.
            BaseException: Whatever the function raised, with the remote traceback as its cause.
        """
        return self.calling.run(self._lease(priority), function, args, kwargs, timeout, on_progress)

    def submit(
        self,
        function: Callable[..., T],
        /,
        *args: object,
        timeout: float = 30.0,
        priority: int = 0,
        owner: Ref | None = None,
        **kwargs: object,
    ) -> CallFuture[T]:
        """Begin ``function(*args, **kwargs)`` and return its future; of as many as you like at a time.

        Blocks only where the queue is full and ``when_full`` is ``"block"``, within *timeout*. One thread talks to the
        workers for all submitted calls; it also runs the futures' callbacks.

        Args:
            function: As of ``call``, like all that is not named here.
            args: Likewise.
            timeout: Likewise; an error of it is the future's.
            priority: Likewise.
            owner: An actor whose call it is: when that ends, the call is cancelled.
            kwargs: Likewise; *owner* is taken, too.

        Raises:
            PoolError: The pool takes no calls, or not this one; nothing was executed.
            NotPicklable: An argument cannot be sent; nothing was executed.
        """
        submission = self._submission(priority)
        return self.multiplexer.submit(submission, function, args, kwargs, timeout, owner)

    def map(
        self,
        function: Callable[..., T],
        /,
        *iterables: Iterable[Any],
        timeout: float = 30.0,
        priority: int = 0,
        ordered: bool = True,
        on_error: OnError = "raise",
        buffer: int | None = None,
        progress: bool | Callable[[int, int | None], object] = False,
    ) -> MapResults[T]:
        """Call *function* with each item of the *iterables* in the workers, and iterate over the results.

        Lazily: items are taken in by the thread that asks for results, ahead of them by *buffer* at the most. Returns at
        once; the first items are taken in when the first result is asked for.

        Args:
            function: As of ``call``.
            iterables: As of the built-in ``map``: several give several arguments, and the shortest ends it.
            timeout: Seconds for each item, from when it has a worker; only that one's worker may have to die for it.
            priority: As of ``call``.
            ordered: Whether results come in the order of their items; else as they are done.
            on_error: Of an item whose call fails: ``"raise"`` raises its error and cancels the rest, ``"return"`` returns
                it in the result's place, ``"skip"`` leaves it out (``MapResults.failed`` counts).
            buffer: Default: four for each call that the workers run at a time.
            progress: True draws a line on stderr; a function is called with how many are done and how many there are,
                None if the iterables do not say.

        Raises:
            ValueError, TypeError: An argument is out of range.
        """
        check_seconds("timeout", timeout)
        options = MapOptions(
            ordered=ordered, on_error=on_error, progress=progress,
            buffer=4 * self.multiplexer.at_once if buffer is None else buffer,
        )  # fmt: skip

        def submit(item: tuple[object, ...]) -> CallFuture[T]:
            submission = self._submission(priority, limit=timeout)
            submission.patient = True
            return self.multiplexer.submit(submission, function, item, {}, math.inf)

        return MapResults(
            zip(*iterables, strict=False), submit, options, length_of(iterables), self.multiplexer.later
        )

    def _lease(self, priority: int) -> Lease:
        return Lease(self._session, ttl=self.ttl, mode=self.mode, priority=priority)

    def _submission(self, priority: int, *, limit: float = math.inf) -> Submission:
        return Submission(
            self.multiplexer, self._session, ttl=self.ttl, mode=self.mode, priority=priority, limit=limit
        )
