"""Raise an asynchronous exception at a chosen line of the code under test, as a signal's handler would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

import actors.affinity
import actors.books
import actors.calling
import actors.desk
import actors.guard
import actors.idle
import actors.lease
import actors.ledger
import actors.pool
import actors.scheduler
import actors.session_books
import actors.ticket_heap
import actors.waiters
import actors.worker_state

#: The code that must bear it.
STRUCK = (
    actors.affinity,
    actors.books,
    actors.calling,
    actors.desk,
    actors.guard,
    actors.idle,
    actors.ledger,
    actors.lease,
    actors.pool,
    actors.scheduler,
    actors.session_books,
    actors.ticket_heap,
    actors.waiters,
    actors.worker_state,
)


class Struck(KeyboardInterrupt):
    """The interrupt."""


class Strike:
    """Raises once, in the calling thread, at the *number*-th line that runs in *modules*; 0 never does."""

    def __init__(self, number: int, modules: tuple[ModuleType, ...] = STRUCK) -> None:
        self.left = number
        self.lines = 0  #: that ran until it struck, or at all
        self.struck = ""  #: where
        self._files = {module.__file__ for module in modules}

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and self.left >= 0:
            self.lines += 1
            self.left -= 1
            if self.left == 0:
                self.left = -1
                self.struck = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise Struck(self.struck)
        return self._line

    @contextmanager
    def on(self) -> Iterator[None]:
        """Strike in here."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)


@contextmanager
def unstruck() -> Iterator[None]:
    """Run what others do meanwhile, which is not struck."""
    before = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(before)
