"""The same work over ``concurrent.futures.ProcessPoolExecutor``: the program that ``compare`` runs, alone in its session.

It reads one line of JSON from stdin and writes to the descriptor named there: a line for each result, and last one line
of JSON that says how it ended. Its start, deadline and end are in ``compare``.
"""

from __future__ import annotations

import fcntl
import json
import operator
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from actors.demo.poison import POISONS
from actors.demo.source import one_line
from actors.demo.table import add_file, fall

__all__ = ["limit_memory", "main", "work"]

_FUNCTIONS = {"add_file": add_file, "fall": fall, **{poison.path: poison.function for poison in POISONS}}


def main() -> None:
    """Do what stdin says."""
    order = json.loads(sys.stdin.readline())
    _die_with_the_one_who_asked()
    with os.fdopen(order["results"], "w", encoding="utf-8") as results:
        for line in work(order):
            print(line, file=results, flush=True)


def work(order: Mapping[str, Any]) -> Iterable[str]:
    """Map *order*'s tasks over a pool, and yield a line for each result and one for the end."""
    names, sessions, roots, paths = zip(*order["tasks"], strict=True)
    began = time.monotonic()
    with ProcessPoolExecutor(order["workers"], initializer=limit_memory, initargs=(order["memory"],)) as pool:
        results = pool.map(operator.call, [_FUNCTIONS[name] for name in names], sessions, roots, paths)
        try:
            for _ in results:
                yield ""
            ended = "done"
        except BrokenProcessPool as error:
            ended = f"BrokenProcessPool: {one_line(error)}"
        except Exception as error:
            ended = f"ended by {type(error).__name__}, which the function raised"
        yield json.dumps({"ended": ended, "seconds": time.monotonic() - began})


def limit_memory(memory: int | None) -> None:
    """Set the address space of this process to *memory* bytes, as the workers of the other side have it."""
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _die_with_the_one_who_asked() -> None:
    """Have the kernel kill our process group when the other end of stdin is closed, however that comes about."""
    fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have been closed before; the order was one line, so whatever can be read now is that end.
    if select.select([0], [], [], 0)[0]:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
