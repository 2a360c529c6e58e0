"""A session store for tests, other processes that use it, and threads whose errors are not lost."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sources import ROOT

from actors import SessionStore
from supervision import VirtualClock

__all__ = ["PATIENCE", "a_store", "at_once", "processes"]

#: Seconds that nothing here takes, unless it hangs.
PATIENCE = 30.0


@contextlib.contextmanager
def a_store(path: Path, **options: Any) -> Iterator[tuple[SessionStore, VirtualClock]]:
    """Open a store whose time stands still."""
    clock = VirtualClock()
    given: dict[str, Any] = {"clock": clock, "wall": lambda: 1e9, "busy_timeout": 20.0, **options}
    with SessionStore(path, **given) as store:
        yield store, clock


def at_once(*work: Callable[[], object]) -> None:
    """Run each in a thread of its own; an error of one is raised."""
    with ThreadPoolExecutor(len(work)) as threads:
        for future in [threads.submit(each) for each in work]:
            future.result(PATIENCE)


@contextlib.contextmanager
def processes(*commands: tuple[str, ...]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start a process for each, and let them begin at the same time; those that are left are killed."""
    with contextlib.ExitStack() as stack:
        started = []
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "store_work", *command],
                env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield started
