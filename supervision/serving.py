"""A tree as the main work of a service: it runs until a signal asks the process to end, and then stops in good order.

Opt-in: nothing else of this package touches signals. What stopping means is in ``ending``.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, final

from supervision.errors import NotMainThread
from supervision.exit_reason import ExitReason

if TYPE_CHECKING:
    from supervision.tree import Tree

__all__ = ["SERVICE_SIGNALS", "serve"]

#: What asks a service to end: a service manager's or container's stop, and Ctrl-C.
SERVICE_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(
    tree: Tree,
    *,
    signals: Sequence[signal.Signals] = SERVICE_SIGNALS,
    stop_timeout: float = 10.0,
    on_signal: Callable[[signal.Signals], object] | None = None,
) -> ExitReason | None:
    """Start *tree*, unless it runs, and block until it has ended: by itself, or because one of *signals* came.

    The first signal stops the tree within *stop_timeout*, a second one leaves what has not ended yet to itself. The
    signals' old handlers are back when this returns.

    Args:
        tree: Yours; it is stopped when this returns.
        signals: Those that end it.
        stop_timeout: Seconds of the tree's clock for the orderly stop; ``math.inf`` waits for ever, or for a second
            signal.
        on_signal: Told of the first signal, in this thread, before the stop.

    Returns:
        The root's exit reason; None if it was left to itself and has not ended.

    Raises:
        NotMainThread: Python lets only the main thread handle signals.
        StartError, TreeNotRunning: As ``Tree.start``.
    """
    if threading.current_thread() is not threading.main_thread():
        raise NotMainThread("serve() was called", threading.current_thread().name)
    with _News(signals) as news:
        if not tree.has_started():
            tree.start()
        news.tell_when(lambda: tree.wait(math.inf), "end")
        came = news.wait()
        if came is not None:
            if on_signal is not None:
                on_signal(came)
            news.tell_when(lambda: tree.stop(stop_timeout), "stop")
            news.wait()  # that it has stopped, or a second signal
        tree.stop(0)
    return tree.wait(0)


@final
class _News:
    """What the main thread waits for: one of *signals*, or word from another thread, whichever comes first.

    It waits for a pipe and not for a lock. Python runs a signal's handler between two steps of the main thread; one that
    arrives just before that thread waits for a lock, or in another thread, would be handled when the lock is free. The
    interpreter's C handler writes the signal's number into the pipe wherever and whenever it comes.
    """

    _WORD: Final = 0  #: the byte of a thread: no signal has this number

    def __init__(self, signals: Sequence[signal.Signals]) -> None:
        self._signals = signals
        self._lock = threading.Lock()  #: guards the writing end, which a thread may come late for
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._handlers: dict[signal.Signals, Any] = {}
        self._woken = -1

    def __enter__(self) -> _News:
        # A full pipe has news enough.
        self._woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for each in self._signals:
            self._handlers[each] = signal.signal(each, _leave_it_to_the_pipe)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._handlers.items():
            # None: it was not set from Python, and Python cannot set it again.
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._woken)
        with self._lock:
            os.close(self._write)
            self._write = -1
        os.close(self._read)

    def wait(self) -> signal.Signals | None:
        """Return the signal that came, or None for a thread's word. Blocks."""
        while True:
            number = os.read(self._read, 1)[0]
            if number == self._WORD:
                return None
            if number in self._signals:
                return signal.Signals(number)

    def tell_when(self, blocks: Callable[[], object], what: str) -> None:
        """Run *blocks* in a thread of its own, and send word when it returns."""

        def run() -> None:
            blocks()
            with self._lock:
                if self._write != -1:
                    with contextlib.suppress(BlockingIOError):
                        os.write(self._write, bytes([self._WORD]))

        threading.Thread(target=run, name=f"serve-{what}", daemon=True).start()


def _leave_it_to_the_pipe(number: int, frame: FrameType | None) -> None:
    """Handle a signal by doing nothing: without a handler in Python there is none that writes into the pipe."""
