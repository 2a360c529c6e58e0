"""Which call this code is of: asked by what user code may take of the interpreter, from whatever thread.

A worker that runs one call at a time has one lane, and all its threads are of that call. One that runs several knows the
lane by the thread that it is; a thread that a call has started belongs to none.
"""

from __future__ import annotations

import threading
from typing import Protocol

__all__ = ["Running", "enter", "lane", "lanes", "set_only"]


class _Window(Protocol):
    @property
    def is_cancelled(self) -> bool:
        """Whether the call is to end."""


class _Reporter(Protocol):
    def report(self, body: bytes) -> None:
        """Tell the caller of the call."""

    def offer(self, record: bytes) -> bool:
        """Send a log record if there is room; returns whether it was sent."""

    def insist(self, record: bytes) -> bool:
        """Send one, and wait for room; likewise."""

    def disown(self) -> None:
        """This is a forked copy: nobody is told any more."""


class Running(Protocol):
    """Where calls run: a `lane`, or what a test has in its place."""

    @property
    def window(self) -> _Window: ...
    @property
    def reporter(self) -> _Reporter: ...


_only: Running | None = None
_by_thread: dict[int, Running] = {}


def set_only(lane: Running) -> None:
    """Say that *lane* is the only one of this process."""
    global _only  # noqa: PLW0603 (a process runs one loop)
    _only = lane


def enter(lane: Running | None) -> Running | None:
    """Say that this thread is *lane*'s, or nobody's, and return whose it was: to be entered again when that is over."""
    before = _by_thread.pop(threading.get_ident(), None)
    if lane is not None:
        _by_thread[threading.get_ident()] = lane
    return before


def lane() -> Running | None:
    """Return the lane that runs this code; None: none does, or nobody can say which."""
    return _by_thread.get(threading.get_ident(), _only)


def lanes() -> list[Running]:
    """Return all that there are."""
    return [*_by_thread.values(), *([] if _only is None else [_only])]
