"""What a process holds of the system, read from /proc: child processes, threads, descriptors, run directories.

What of it is a leak is not decided here; see ``leaks``. Where there is no /proc, nothing is seen.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final, final

import attrs

__all__ = ["TEST_VARIABLE", "Kind", "Resource", "held"]

#: Set in the environment during a test: who carries its value was started by that test, whoever its parent is now.
TEST_VARIABLE: Final = "TREEWARDEN_TEST"


class Kind(Enum):
    """What sort of thing is held."""

    PROCESS = "process"
    THREAD = "thread"
    SOCKET = "socket"
    DESCRIPTOR = "descriptor"
    RUN_DIRECTORY = "run directory"


@final
@attrs.frozen
class Resource:
    """One thing that is held; equal to itself in a later look, and to nothing that took its number since."""

    kind: Kind
    identity: tuple[object, ...]
    name: str = attrs.field(eq=False)  #: for people

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


def held(token: str) -> frozenset[Resource]:
    """Return what this process holds now, and every process started under ``TEST_VARIABLE=token``. Never waits."""
    return frozenset([*_processes(token), *_threads(), *_descriptors(), *_run_directories()])


def _processes(token: str) -> Iterator[Resource]:
    mark = f"{TEST_VARIABLE}={token}".encode()
    tracker = _resource_tracker("_pid")
    for entry in _entries(Path("/proc")):
        try:
            state, parent, started = _stat(entry)
            ours = parent == os.getpid() or mark in (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
        if ours and int(entry.name) != tracker:
            end = ", ended but not reaped" if state == "Z" else ""
            yield Resource(Kind.PROCESS, (entry.name, started), f"{entry.name}: {command or '?'}{end}")


def _threads() -> Iterator[Resource]:
    """Yield the threads of C code, such as ZeroMQ's, as well as Python's."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    for entry in _entries(Path("/proc/self/task")):
        try:
            _, _, started = _stat(entry)
            name = names.get(int(entry.name)) or (entry / "comm").read_text().strip()
        except OSError:
            continue  # it ended meanwhile
        yield Resource(Kind.THREAD, (entry.name, started), f"{name!r} (tid {entry.name})")


def _descriptors() -> Iterator[Resource]:
    tracker = _resource_tracker("_fd")
    for entry in _entries(Path("/proc/self/fd")):
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # closed meanwhile, such as the one that listed the directory
        number = int(entry.name)
        if number == tracker:
            continue
        if target.startswith("socket:"):
            yield Resource(Kind.SOCKET, (number, target), f"{number}: {_endpoint(number) or target}")
        else:
            yield Resource(Kind.DESCRIPTOR, (number, target), f"{number}: {target}")


def _run_directories() -> Iterator[Resource]:
    """Yield those of this process; without ``bridge`` imported it can have made none."""
    module = sys.modules.get("bridge.run_dir")
    if module is not None:
        for path in module.of_this_process():
            yield Resource(Kind.RUN_DIRECTORY, (str(path),), str(path))


def _entries(directory: Path) -> list[Path]:
    """Return the entries of a directory of /proc that are numbers."""
    try:
        return [entry for entry in directory.iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _stat(entry: Path) -> tuple[str, int, int]:
    """Return state, parent and start time (ticks since boot) of a process or thread."""
    # The command in parentheses may hold anything, spaces and parentheses included: read from its end.
    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[19])


def _endpoint(descriptor: int) -> str:
    """Return what a socket is bound to, or an empty string."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return f"{copy.family.name} {copy.type.name} {copy.getsockname() or 'unnamed'}"
    except (OSError, AttributeError):
        return ""


def _resource_tracker(attribute: str) -> int | None:
    """Return the pid or descriptor of multiprocessing's resource tracker, which lives as long as its process."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return getattr(getattr(module, "_resource_tracker", None), attribute, None)
