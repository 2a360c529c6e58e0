"""SIGINT for a call that runs in a thread of its own: Python handles signals in the main thread only, which passes it on.

It arrives as an asynchronous exception: at the thread's next line of Python, so a call that sits in C code, in a sleep for
example, gets it when that returns. What comes too late is taken back before the thread goes on.

Imported where a worker runs several calls at a time only: it needs `ctypes`.
"""

from __future__ import annotations

import ctypes
import threading
from typing import final

from bridge.interpreter.interruption import CallInterrupted, Window
from bridge.wire.board import Words

__all__ = ["ThreadWindow"]


class _TakenBack(BaseException):
    """Put in the place of what is on its way."""


@final
class ThreadWindow(Window):
    """Made in the thread whose calls it is for."""

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock = threading.Lock()  # guards the next
        self._sent = False  # whether an exception is on its way, or has come
        self._came = 0  # signals; the main thread's

    def on_sigint(self, *_: object) -> None:
        self._came += 1
        came = 0
        # Does not wait: where another holds the lock the call has come to its end, or interrupts itself. Where this very
        # handler holds it, which the next signal has interrupted, it looks once more.
        while came != self._came and self._lock.acquire(blocking=False):
            came = self._came
            try:
                call_id = self.open
                if call_id and not self._sent and self._words.cancelled == call_id:
                    self._sent, self.struck = True, call_id
                    _set_exception(self._thread, ctypes.py_object(CallInterrupted))
            finally:
                self._lock.release()

    def strike(self, call_id: int) -> None:
        self.open = 0
        self.take_back()
        super().strike(call_id)

    def take_back(self) -> None:
        # What is on its way strikes on one of these lines at the latest, or never; then this is run once more.
        with self._lock:
            if self._sent:
                self._await_another()
                self._sent = False

    def _await_another(self) -> None:
        # Until an exception has arrived, Python 3.11 and 3.12 stop at every call and jump to look for it, and where the code
        # is traced 3.11 never goes on. To ask for none, which it allows, is such a request, too, and never ends: so one of
        # our own takes the place of the other, and arrives here; again if it struck in code that the garbage collector runs.
        try:
            while True:
                _set_exception(self._thread, ctypes.py_object(_TakenBack))
        except _TakenBack:
            pass


def _set_exception(thread: ctypes.c_ulong, kind: ctypes.py_object[type[BaseException]]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, kind)
