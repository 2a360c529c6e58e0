"""Which lane runs this code: asked by what user code may take of the interpreter, from whatever thread.

A worker that runs one call at a time has one lane, and all its threads are of that call. One that runs several knows the
lane by the thread that it is; a thread that a call has started belongs to none.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.interpreter.lane import Lane

__all__ = ["enter", "lane", "lanes", "set_only"]

_only: Lane | None = None
_by_thread: dict[int, Lane] = {}


def set_only(lane: Lane) -> None:
    """Say that *lane* is the only one."""
    global _only  # noqa: PLW0603 (a process runs one loop)
    _only = lane


def enter(lane: Lane) -> None:
    """Say that this thread is *lane*'s, for good."""
    _by_thread[threading.get_ident()] = lane


def lane() -> Lane | None:
    """Return the lane that runs this code; None: none does, or nobody can say which."""
    return _only or _by_thread.get(threading.get_ident())


def lanes() -> list[Lane]:
    """Return all that there are."""
    return [*_by_thread.values()] if _only is None else [_only]
