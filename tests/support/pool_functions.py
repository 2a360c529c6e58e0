"""Functions that the pool's tests send to workers; importable there by name."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from bridge.interpreter import report

_STATE: dict[str, list[Any]] = {}


def pid() -> int:
    return os.getpid()


def remember(session: str, value: Any) -> int:
    """Keep *value* in this very process; return how many it has of *session*."""
    _STATE.setdefault(session, []).append(value)
    return len(_STATE[session])


def recall(session: str) -> list[Any]:
    return _STATE.get(session, [])


def fail(text: str) -> None:
    raise ValueError(text)


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def leave(code: int) -> None:
    print("leaving", flush=True)
    os._exit(code)


def hold_the_gil() -> None:
    """Never return, and never let another thread of this process run."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def wait_to_be_killed() -> None:
    """Say that it runs, then wait for a signal that ends it."""
    report(1, 2, "here")
    while True:
        signal.pause()


def wait_for_file(path: str) -> int:
    """Say that it runs, then block until somebody opens the FIFO *path* for writing."""
    report(1, 2, "here")
    with open(path, "rb") as fifo:
        fifo.read()
    return os.getpid()
