"""Four files whose processing ends the process: a segfault, a hang in C, all memory, an exit.

Each is a small real file, written by the driver to a directory of its own, and one function here that counts it and then
really does the deed. What is made of the deaths is in ``poisoned``. Workers import this: standard library only.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, final

from actors.demo.table import Ack, add_file

__all__ = ["POISONS", "Poison", "gorge", "hang", "leave", "segfault", "write"]

_BITE: Final = 16 << 20  # bytes


@final
class Poison(NamedTuple):
    """One of the four, and the death that must come of it."""

    path: str
    source: str
    function: Callable[[str, str, str], Ack]
    verdict: str  #: the name of the certificate's; and, if not None, its
    signal: str | None = None
    exit_code: int | None = None
    timeout: float = 60.0  #: seconds that it has


def segfault(session: str, root: str, path: str) -> Ack:
    """Read the memory at address 0 (SIGSEGV)."""
    ack = _begin(session, root, path, "about to read address 0")
    ctypes.string_at(0)
    return ack


def hang(session: str, root: str, path: str) -> Ack:
    """Match a regular expression that needs 2**64 steps, in C, without ever letting the GIL go."""
    ack = _begin(session, root, path, "about to match (a+)+$")
    re.match(r"(a+)+$", "a" * 64 + "b")
    return ack


def gorge(session: str, root: str, path: str) -> Ack:
    """Fill memory up to the limit of the process.

    Raises:
        MemoryError: When it is reached.
        RuntimeError: If there is no limit: not at the machine's expense.
    """
    ack = _begin(session, root, path, "about to fill the memory")
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        raise RuntimeError("this process has no memory limit; set RLIMIT_AS before it is told to reach it")
    eaten = []
    while ack.path:
        eaten.append(b"\xff" * _BITE)  # written to, so that it is memory and not only address space
    return ack


def leave(session: str, root: str, path: str) -> Ack:
    """Exit with code 3, past every handler."""
    _begin(session, root, path, "about to call os._exit(3)")
    os._exit(3)


def write(directory: str) -> None:
    """Write the four files to *directory*."""
    for poison in POISONS:
        Path(directory, poison.path).write_text(poison.source, encoding="utf-8")


def _begin(session: str, root: str, path: str, last_words: str) -> Ack:
    ack = add_file(session, root, path)
    print(f"{path}: {ack.lines} lines, {last_words}", flush=True)
    return ack


POISONS: Final = (
    Poison(
        "poison_segfault.py",
        "import ctypes\nctypes.string_at(0)\n",
        segfault,
        "CRASH_SIGNAL",
        signal="SIGSEGV",
    ),
    Poison(
        "poison_hang.py", 'import re\nre.match("(a+)+$", "a" * 64 + "b")\n', hang, "DEADLINE", timeout=5.0
    ),
    Poison(
        "poison_memory.py",
        "eaten = []\nwhile True:\n    eaten.append(b'x' * 2**24)\n",
        gorge,
        "OUT_OF_MEMORY",
    ),
    Poison("poison_exit.py", "import os\nos._exit(3)\n", leave, "EXITED", exit_code=3),
)
