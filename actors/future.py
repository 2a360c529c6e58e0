"""The future of a submitted call: a ``concurrent.futures.Future`` that can also end a call which runs already.

Who runs the call and sets the future is `multiplexer`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import _base as states  # their names have no other home
from typing import TYPE_CHECKING, Any, TypeVar, final

if TYPE_CHECKING:
    from bridge.reports import Progress

__all__ = ["CallFuture"]

T = TypeVar("T")


@final
class CallFuture(Future[T]):
    """Made by ``Pool.submit``.

    Whatever works with the standard library's futures works with it: ``wait``, ``as_completed``, ``asyncio.wrap_future``,
    and callbacks, which run in the thread that ends the call and must not block.
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        #: Told once, when it is cancelled, whether it was running.
        self._abandon: Callable[[bool], None] | None = None

    @property
    def progress(self) -> Progress | None:
        """The last ``report(n, total)`` of the running function; None before the first. Never blocks."""
        return self._progress

    def cancel(self) -> bool:
        """Cancel the call; never blocks. One that waits for a worker is not executed at all.

        Unlike one of the standard library, a call that runs is ended, too: told, interrupted, and then killed with all
        that its worker started, each after its grace (``InterpreterOptions.graces``). The future is cancelled at once;
        its worker is another call's when that has ended.

        Returns:
            Whether it is cancelled; False: it was done before.
        """
        with self._condition:
            if self._state == states.FINISHED:
                return False
            if self._state in {states.CANCELLED, states.CANCELLED_AND_NOTIFIED}:
                return True
            running = self._state == states.RUNNING
            # At once what ``set_running_or_notify_cancel`` makes of it: nobody else will come to tell the waiters.
            self._state = states.CANCELLED_AND_NOTIFIED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        abandon, self._abandon = self._abandon, None
        if abandon is not None:
            abandon(running)
        self._invoke_callbacks()  # type: ignore[attr-defined]
        return True

    # For who runs the call.

    def attach(self, abandon: Callable[[bool], None]) -> None:
        """Have *abandon* called, in the canceller's thread, when this is cancelled. Before anybody else has it.

        Args:
            abandon: Is told whether the call was running.
        """
        self._abandon = abandon

    def note(self, progress: Progress) -> None:
        """Keep the last report."""
        self._progress = progress

    def begin(self) -> bool:
        """Note that the call is about to be sent; returns False if it was cancelled."""
        with self._condition:
            if self._state != states.PENDING:
                return False
            self._state = states.RUNNING
            return True

    def finish(self, error: BaseException | None, result: Any = None) -> None:
        """Set what came of it; whoever cancelled it in the meantime is told no more."""
        with self._condition:
            if self._state in {states.CANCELLED_AND_NOTIFIED, states.FINISHED}:
                return
            self._result, self._exception = result, error
            self._state = states.FINISHED
            for waiter in self._waiters:
                if error is None:
                    waiter.add_result(self)
                else:
                    waiter.add_exception(self)
            self._condition.notify_all()
        self._tell_callbacks()
        self._abandon = None

    def _tell_callbacks(self) -> None:
        """Run them as the standard library's futures do, but that a SystemExit of one is its own: others need the thread."""
        for callback in self._done_callbacks:  # type: ignore[attr-defined]
            try:
                callback(self)
            except BaseException:
                states.LOGGER.exception("exception calling callback for %r", self)
