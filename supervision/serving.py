"""A tree as the main work of a service: it runs until a signal asks the process to end, and then stops in good order.

Opt-in: nothing else of this package touches signals. What stopping means is in ``ending``.
"""

from __future__ import annotations

import math
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final, final

import attrs

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
    # The one queue whose put may be called in a signal handler, whatever this thread was doing (it is reentrant).
    news: queue.SimpleQueue[_Came | None] = queue.SimpleQueue()
    with _handled(signals, news):
        if not tree.has_started():
            tree.start()
        _tell_when(lambda: tree.wait(math.inf), news, "end")
        came = news.get()
        if came is not None:
            if on_signal is not None:
                on_signal(came.signal)
            _tell_when(lambda: tree.stop(stop_timeout), news, "stop")
            news.get()  # that it has stopped, or a second signal
        tree.stop(0)
    return tree.wait(0)


@final
@attrs.frozen
class _Came:
    """A signal came."""

    signal: signal.Signals


@contextmanager
def _handled(signals: Sequence[signal.Signals], news: queue.SimpleQueue[_Came | None]) -> Iterator[None]:
    def handle(number: int, _: FrameType | None) -> None:
        news.put(_Came(signal.Signals(number)))

    old = {}
    try:
        for each in signals:
            old[each] = signal.signal(each, handle)
        yield
    finally:
        for each, handler in old.items():
            # None: it was not set from Python, and Python cannot set it again.
            signal.signal(each, signal.SIG_DFL if handler is None else handler)


def _tell_when(blocks: Callable[[], object], news: queue.SimpleQueue[_Came | None], what: str) -> None:
    """Run *blocks* in a thread of its own, for a thread that waits for a lock cannot also wait for a signal."""

    def run() -> None:
        blocks()
        news.put(None)

    threading.Thread(target=run, name=f"serve-{what}", daemon=True).start()
