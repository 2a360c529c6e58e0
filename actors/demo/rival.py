"""The same work over ``concurrent.futures.ProcessPoolExecutor``: the program that ``compare`` runs, alone in its session.

It reads one line of JSON from stdin and writes to the descriptor named there: a line for each result, and last one line
of JSON that says how it ended. Its start, deadline and end are in ``compare``.
"""

from __future__ import annotations

import json
import operator
import os
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from actors.demo.poison import POISONS
from actors.demo.table import add_file, fall
from actors.demo.words import one_line

__all__ = ["limit_memory", "main", "work"]

_FUNCTIONS = {"add_file": add_file, "fall": fall, **{poison.path: poison.function for poison in POISONS}}


def main() -> None:
    """Do what stdin says."""
    # With the order comes the certainty that the kernel ends our process group when the one who asked is gone.
    order = json.loads(sys.stdin.readline())
    with os.fdopen(order["results"], "w", encoding="utf-8") as results:
        for line in work(order):
            print(line, file=results, flush=True)


def work(order: Mapping[str, Any]) -> Iterable[str]:
    """Map *order*'s tasks over a pool, and yield a line for each result and one for the end."""
    names, sessions, roots, paths = zip(*order["tasks"], strict=True)
    began = time.monotonic()
    with ProcessPoolExecutor(order["workers"], initializer=limit_memory, initargs=(order["memory"],)) as pool:
        try:
            # It can break while map() still hands the tasks over, so that is inside, too.
            for _ in pool.map(operator.call, [_FUNCTIONS[name] for name in names], sessions, roots, paths):
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


if __name__ == "__main__":
    main()
