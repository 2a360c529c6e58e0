"""Programs that a test starts to strike them with SIGINT: whatever became of that signal in the process that tests.

A shell starts a background job with SIGINT ignored, and what is ignored is inherited, through exec, by every process
below it: Python then leaves it ignored, and a Ctrl-C that a test sends does nothing.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["sigint_as_by_default"]


@contextlib.contextmanager
def sigint_as_by_default() -> Iterator[None]:
    """Have what is started in this block begin with SIGINT as in a terminal.

    What this process does at SIGINT is put back at the end; while nothing is ignored, nothing is changed. In another
    thread than the main one, where Python lets nobody handle signals, it can only say so.

    Raises:
        RuntimeError: SIGINT is ignored, and this is not the main thread.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("SIGINT is ignored here: start the program from the main thread")
    # Not SIG_DFL: a Ctrl-C for the tests themselves in this moment is the usual exception. A handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
