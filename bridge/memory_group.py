"""The kernel's count of processes that it killed for want of memory, by memory cgroup, version 1 or 2.

The count says how many, not who: that a rise belongs to a certain death is concluded here, and called a verdict in
`certificate`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final, NamedTuple, final

from bridge.cgroups import PROC, control_groups

__all__ = ["KernelKills", "MemoryGroup", "oom_kills", "oom_kills_file"]


@final
class MemoryGroup(NamedTuple):
    """Where the kernel counts for one process, and how far it had counted when that was looked up."""

    file: Path
    before: int


def oom_kills_file(pid: int, proc: Path = PROC) -> Path | None:
    """Return the file with the count for the process *pid*; None if there is none that we may read.

    Args:
        pid: A live process: a zombie belongs to no group of version 1 any more.
        proc: Where the kernel tells of processes and mounts.
    """
    for group in control_groups("memory", pid, proc):
        for name in _FILES[group.version]:
            file = group.directory / name
            if oom_kills(file) is not None:
                return file
    return None


#: Groups that are remembered.
_MOST: Final = 64

#: The first that can be read counts. Without ".local" those killed in groups below this one are counted, too.
_FILES: Final = {1: ("memory.oom_control",), 2: ("memory.events.local", "memory.events")}


def oom_kills(file: Path) -> int | None:
    """Return how many processes the kernel has killed, as *file* says; None if it does not."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.isdigit():
            return int(value)
    return None


@final
class KernelKills:
    """Which deaths are the kernel's: each rise of a count is the cause of one death. One for each hub; any thread.

    Args:
        proc: Where the kernel tells of processes and mounts.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._lock = threading.Lock()  # guards the next
        self._claimed: dict[Path, int] = {}  # how far each count has been given to deaths
        #: By what the kernel says of a process's groups: where the file is takes half a millisecond to find.
        self._files: dict[bytes, Path | None] = {}

    def group_of(self, pid: int) -> MemoryGroup | None:
        """Return the group of the live process *pid* as it stands now; None: there is no count to be read."""
        try:
            groups = (self._proc / str(pid) / "cgroup").read_bytes()
        except OSError:
            return None
        if len(self._files) >= _MOST:
            self._files.clear()  # every process has a group of its own here
        if groups not in self._files:
            self._files[groups] = oom_kills_file(pid, self._proc)
        file = self._files[groups]
        before = None if file is None else oom_kills(file)
        return None if file is None or before is None else MemoryGroup(file, before)

    def claim(self, group: MemoryGroup | None) -> bool | None:
        """Return whether a death by SIGKILL in *group* was the kernel's; None if that cannot be told.

        It was if the count has risen since the process was looked at, and that rise is not another death's already.
        """
        if group is None or (count := oom_kills(group.file)) is None:
            return None
        with self._lock:
            given = max(self._claimed.get(group.file, 0), group.before)
            if count <= given:
                return False
            self._claimed[group.file] = given + 1
            return True
