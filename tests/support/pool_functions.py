"""Functions that the pool's tests send to workers; importable there by name."""

from __future__ import annotations

import collections
import itertools
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bridge.interpreter import cancelled, report

_STATE: dict[str, list[Any]] = {}


def pid() -> int:
    """Return which process runs this."""
    return os.getpid()


def remember(session: str, value: Any) -> int:
    """Keep *value* in this very process; return how many it has of *session*."""
    _STATE.setdefault(session, []).append(value)
    return len(_STATE[session])


def recall(session: str) -> list[Any]:
    """Return what this very process was given for *session*."""
    return _STATE.get(session, [])


def fail(text: str) -> None:
    """Raise."""
    raise ValueError(text)


def die(number: int) -> None:
    """End by a signal."""
    os.kill(os.getpid(), number)


def leave(code: int) -> None:
    """Say a last word and end without any clean-up."""
    sys.stdout.write("leaving\n")
    sys.stdout.flush()
    os._exit(code)


def hold_the_gil() -> None:
    """Never return, never let another thread of this process run, and never look for signals."""
    collections.deque(itertools.repeat(None), maxlen=0)


def wait_to_be_killed() -> None:
    """Say that it runs, then wait for a signal that ends it."""
    report(1, 2, "here")
    while True:
        signal.pause()


def wait_for_file(path: str) -> int:
    """Say that it runs, then block until somebody opens the FIFO *path* for writing."""
    report(1, 2, "here")
    Path(path).read_bytes()
    return os.getpid()


def wait_at(gate: str, value: Any = None) -> Any:
    """Wait at a gate of the test's until it is opened, and return *value*."""
    Path(gate).read_bytes()
    return value


def tell_how_far(steps: int) -> int:
    """Report each of so many steps, and return how many there were."""
    for step in range(steps):
        report(step, steps, f"step {step}")
    return steps


def ask_whether_to_end(gate: str) -> str:
    """Wait at a gate of the test's, and return once this is to end."""
    Path(gate).read_bytes()
    while not cancelled():
        pass
    return "asked"


def wait_at_and_tell(gate: str) -> int:
    """Wait at a gate of the test's until it is opened, and return which process runs this."""
    Path(gate).read_bytes()
    return os.getpid()


def report_and_hold_the_gil() -> None:
    """Say that it runs, then never let another thread of this process run."""
    report(1, 2, "here")
    hold_the_gil()


def ignore_signals() -> None:
    """Say that it runs, and be deaf to whatever can be ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait_to_be_killed()


def after(seconds: float, value: Any) -> Any:
    """Say that it runs, and return *value* after *seconds*; 0 does neither."""
    if seconds > 0:
        report(0)
        time.sleep(seconds)
    return value


class EndsItsReader:
    """What raises an exception that ends programs, in whichever process it is rebuilt."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return _end_the_reader, (self.kind,)


def _end_the_reader(kind: type[BaseException]) -> None:
    raise kind("STAGE is not set")


def ending_its_reader(kind: type[BaseException]) -> EndsItsReader:
    """Return one."""
    return EndsItsReader(kind)
