"""What other processes do to a session store: ``python -m store_work VERB PATH ...``, and functions for threads."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.store.session_store import SessionStore


def one_more(value: int) -> int:
    """Count."""
    return value + 1


def increment(store: SessionStore, times: int, told: Callable[[int], object] = lambda _: None) -> None:
    """Count to the session "n", and tell each count after it was stored."""
    for _ in range(times):
        told(store.update("n", one_more, default=0).value)


def append(store: SessionStore, name: str, times: int) -> None:
    """Append own entries to the session "s"."""
    for number in range(times):
        store.update("s", functools.partial(_longer, f"{name}{number}"))


def _longer(entry: str, value: Any) -> Any:
    return [*value, entry]


def main(verb: str, path: str, *arguments: str) -> None:
    """Say "ready", wait for a line, and begin; each verb is one of the above."""
    print("ready", flush=True)
    sys.stdin.readline()
    with SessionStore(Path(path), busy_timeout=20.0) as store:
        match verb:
            case "increment":
                increment(store, int(arguments[0]))
            case "for-ever":
                increment(store, sys.maxsize, lambda count: print(count, flush=True))
            case "append":
                append(store, arguments[0], int(arguments[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
