"""Calls that fork the interpreter they run in, for the bridge's tests; importable there by name."""

from __future__ import annotations

import os
from typing import Any

from bridge.interpreter import current, report

__all__ = [
    "fork_and_ask_too_much",
    "fork_and_come_back",
    "fork_and_leave",
    "fork_and_raise",
    "fork_and_report",
]


def fork_and_come_back() -> tuple[str, int]:
    """Fork; both come back, the interpreter with the exit code of its copy."""
    return _fork() or ("the copy", 0)


def fork_and_raise() -> tuple[str, int]:
    """Fork; the copy comes back with an exception."""
    if (told := _fork()) is None:
        raise LookupError("of the copy")
    return told


def fork_and_ask_too_much() -> tuple[str, int]:
    """Fork; the copy runs out of memory."""
    if (told := _fork()) is None:
        raise MemoryError("of the copy")
    return told


def fork_and_report() -> tuple[str, int]:
    """Fork while a report is being sent, by another thread as it were; the copy reports before it comes back."""
    lane: Any = current.lane()
    lane.reporter._lock.acquire()
    copy = os.fork()
    if copy == 0:
        report(1, 1, "of the copy")
        return "the copy", 0
    lane.reporter._lock.release()
    return _end_of(copy)


def fork_and_leave() -> tuple[str, int]:
    """Fork; the copy ends itself, as it should."""
    if (told := _fork()) is None:
        os._exit(5)
    return told


def _fork() -> tuple[str, int] | None:
    """Fork; return None in the copy, and in the interpreter how the copy ended."""
    copy = os.fork()
    return None if copy == 0 else _end_of(copy)


def _end_of(copy: int) -> tuple[str, int]:
    _, status = os.waitpid(copy, 0)
    return "the interpreter", os.waitstatus_to_exitcode(status)
