"""Ctrl-C while a run goes on: the first asks it to end, the second ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["draining_on_interrupt"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def draining_on_interrupt(drain: Callable[[], None]) -> Iterator[None]:
    """Within the block, call *drain* at the first SIGINT or SIGTERM, and raise KeyboardInterrupt at the second.

    Outside the main thread, where Python allows no handlers, it changes nothing; nor for a signal that is ignored, as
    SIGINT is for a job in the background of a script.

    Args:
        drain: Must not block nor take a lock: it runs between two instructions of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        drain()

    ignored = (signal.SIG_IGN, None)  # None: C code handles it
    taken = [number for number in _SIGNALS if signal.getsignal(number) not in ignored]
    before = {number: signal.signal(number, handle) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
