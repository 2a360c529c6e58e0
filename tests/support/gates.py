"""Calls that run until a test lets them go: each reads a FIFO to its end."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["Gate", "gates"]


class Gate:
    """What a call waits at; give ``str(gate)`` to ``pool_functions.wait_at``."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        os.mkfifo(path)
        self._path = path
        self._opened = opened
        self._end: BinaryIO | None = None

    def __str__(self) -> str:
        return str(self._path)

    def reached(self) -> None:
        """Wait until the call is there."""
        # Blocks until somebody reads.
        self._end = self._opened.enter_context(self._path.open("wb"))

    def open(self) -> None:
        """Let it go on; waits until it is there."""
        if self._end is None:
            self.reached()
        assert self._end is not None
        self._end.close()


@contextmanager
def gates(folder: Path) -> Iterator[Iterator[Gate]]:
    """Give gates, one after the other; what waits at one that was reached goes on at the end."""
    with ExitStack() as opened:
        yield (Gate(folder / f"gate{number}", opened) for number in itertools.count())
