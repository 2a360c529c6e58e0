"""Processes as /proc tells of them: start time, group, and the mark that ours carry in their environment.

Nothing is signalled here (`process_group`). A pid by itself names nobody: it is used together with a pidfd and a start
time. What cannot be looked at, for want of a descriptor say, is not taken for gone: it raises OSError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "MARK",
    "SHORTAGE",
    "Process",
    "is_alive",
    "look",
    "open_member",
    "processes",
    "start_time",
    "state_of",
]

#: The environment variable that says to which run and which worker a process belongs: "RUN-ID.ENTRY".
MARK: Final = "TREEWARDEN_RUN"

_PROC: Final = Path("/proc")

#: Seconds that a process may take between closing its descriptors and having an environment, both within its exec.
#: It runs no code of its own in between and cannot be stopped there: microseconds, more only where no CPU is free.
_EXEC: Final = 0.5
#: Errors that say nothing of what was asked: there was no descriptor, or no memory, to ask with.
SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
#: What the kernel says of a process that is not there.
_GONE: Final = (FileNotFoundError, ProcessLookupError)
_KERNEL_THREAD: Final = 0x00200000  # PF_KTHREAD of the kernel's linux/sched.h


class Process(NamedTuple):
    """One live process."""

    pid: int
    group: int
    session: int
    started: int  #: clock ticks since boot; with the pid it names one process
    mark: str  #: "" if it carries none, or may not be asked


def processes() -> Iterator[Process]:
    """Yield the live processes, zombies left out. A few milliseconds for a few hundred."""
    for name in os.listdir(_PROC):  # noqa: PTH208 (a Path for each process would cost more than the rest)
        if name.isdigit() and (process := look(int(name))) is not None:
            yield process


def look(pid: int) -> Process | None:
    """Return the live process *pid*; None if there is none, or its zombie alone."""
    stat = _stat(pid)
    if stat is None or stat[0] in "ZX":
        return None
    return Process(pid, int(stat[2]), int(stat[3]), int(stat[19]), _mark(pid))


def start_time(pid: int) -> int | None:
    """Return when the process *pid* started, in clock ticks since boot; None if there is none."""
    stat = _stat(pid)
    return None if stat is None else int(stat[19])


def state_of(pid: int) -> str | None:
    """Return the state of the process *pid*, one letter ("R": it runs, "T": it is stopped); None if there is none.

    "?" if it cannot be looked at.
    """
    try:
        stat = _stat(pid)
    except OSError:
        return "?"
    return None if stat is None else stat[0]


def is_alive(pid: int, started: int | None) -> bool:
    """Return whether the process *pid* that began at *started* still runs; a zombie does not, nor a namesake."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX" and int(stat[19]) == started


def open_member(process: Process) -> int | None:
    """Return a pidfd of this very process; None if it is gone, also if its pid has been given to another since.

    Raises:
        OSError: If that cannot be told; it may well live.
    """
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, pidfd)
        if start_time(process.pid) != process.started:
            return None
        undo.pop_all()
    return pidfd


def _stat(pid: int) -> list[str] | None:
    """Return the fields after the command's name, which may hold anything, spaces and parentheses included."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except (*_GONE, PermissionError):
        return None
    return text.rpartition(b")")[2].decode().split()


def _mark(pid: int) -> str:
    """Return the mark of the process *pid*, waiting for the end of an exec that it is in the midst of."""
    prefix = f"{MARK}=".encode()
    deadline = time.monotonic() + _EXEC
    settled = False
    while True:
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except (*_GONE, PermissionError):
            return ""
        for item in environment.split(b"\0"):
            if item.startswith(prefix):
                return item[len(prefix) :].decode("utf-8", "replace")
        if environment or settled or time.monotonic() > deadline:
            return ""
        settled = not _is_in_exec(pid)  # then its environment is there by now: one more look
        if not settled:
            time.sleep(0.0005)


def _is_in_exec(pid: int) -> bool:
    """Return whether *pid* has left its old program and has no environment yet: it reads as empty for that moment.

    Its parent may have been told of the new program by then: subprocess.Popen returns as the old descriptors close.
    """
    stat = _stat(pid)
    # Fields 9 and 51 of proc(5): the flags, and where the environment ends, which the kernel sets last.
    return (
        stat is not None and stat[0] not in "ZX" and not int(stat[6]) & _KERNEL_THREAD and int(stat[48]) == 0
    )
