"""What a worker keeps for its sessions: the symbol table and totals of the files it was given.

These are the functions that the driver calls in workers. How tables are merged is in ``packages``; the functions that do
not come back are in ``poison``. Standard library and, at a call, the bridge's ``report``.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final, NamedTuple, final

from actors.demo.census import FileError, FileReport, examine

__all__ = ["Ack", "Table", "Totals", "add_file", "fall", "forget", "held", "read"]

HOLD: Final = 20.0  #: seconds that ``held`` waits for its end


@final
class Ack(NamedTuple):
    """The small reply for a file: it is in its session's table."""

    path: str
    lines: int


@final
class Totals(NamedTuple):
    """Sums over files."""

    files: int = 0  #: counted ones and those with an error
    errors: int = 0
    lines: int = 0
    functions: int = 0
    classes: int = 0

    def plus(self, other: Totals) -> Totals:
        """Return the sums of both."""
        return Totals(*map(int.__add__, self, other))


@final
class Table(NamedTuple):
    """Everything known of one session's files, by path."""

    reports: dict[str, FileReport]
    errors: dict[str, FileError]
    totals: Totals


#: The sessions of this process. In the driver's own process only the serial check has any.
_tables: dict[str, Table] = {}


def add_file(session: str, root: str, path: str) -> Ack:
    """Count the file *path* below *root* into the table of *session*, which begins with its first file.

    Adding a file again changes nothing.

    Raises:
        MemoryError: If the process is out of memory.
    """
    table = _tables.get(session) or Table({}, {}, Totals())
    if path in table.reports or path in table.errors:
        return Ack(path, 0)
    found = examine(root, path)
    if isinstance(found, FileError):
        table.errors[path] = found
        more = Totals(files=1, errors=1)
    else:
        table.reports[path] = found
        more = Totals(1, 0, found.lines, len(found.functions), found.classes)
    _tables[session] = table._replace(totals=table.totals.plus(more))
    return Ack(path, more.lines)


def held(session: str, root: str, path: str) -> Ack:
    """Do the work of ``add_file``, report it, and wait to be killed from outside, up to HOLD seconds."""
    from bridge.interpreter import report

    ack = add_file(session, root, path)
    report(1, 1, path)
    time.sleep(HOLD)
    return ack


def fall(session: str, root: str, path: str) -> Ack:
    """Do the work of ``add_file`` and end by SIGKILL: the strike for a pool that cannot tell which process to strike."""
    ack = add_file(session, root, path)
    os.kill(os.getpid(), signal.SIGKILL)
    return ack


def read(session: str) -> Table:
    """Return the table of *session*; an empty one if this process knows nothing of it."""
    return _tables.get(session) or Table({}, {}, Totals())


def forget(session: str) -> None:
    """Free what *session* left in this process."""
    _tables.pop(session, None)
