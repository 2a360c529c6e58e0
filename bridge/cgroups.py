"""Where the kernel's control groups of a process lie in the file system, version 1 or 2.

What is read there belongs to who reads it: the count of killed processes to `memory_group`, the processors to
`actors.machine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, final

__all__ = ["PROC", "ControlGroup", "control_groups"]

#: Where the kernel tells of processes and mounts.
PROC: Final = Path("/proc")


@final
class ControlGroup(NamedTuple):
    """One group that a process belongs to."""

    version: int  #: 1 or 2
    directory: Path
    top: Path  #: where the hierarchy is mounted; what lies between limits the group, too


def control_groups(controller: str, pid: int | str = "self", proc: Path = PROC) -> Iterator[ControlGroup]:
    """Yield the groups that may limit *controller* for *pid*: version 1 first, where it has the controller.

    Nothing is yielded where there is none, or it cannot be read.

    Args:
        controller: As the kernel calls it, such as "memory" or "cpu".
        pid: A live process: a zombie belongs to no group of version 1 any more.
        proc: Where the kernel tells of processes and mounts.
    """
    try:
        groups = (proc / str(pid) / "cgroup").read_text().splitlines()
        mounts = (proc / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return
    for version, path in _paths(groups, controller):
        for mounted, root in _mounts(mounts, version, controller):
            try:
                inside = PurePosixPath(path).relative_to(root)
            except ValueError:
                continue  # mounted from another part of the hierarchy
            yield ControlGroup(version, mounted / inside, mounted)


def _paths(groups: list[str], controller: str) -> Iterator[tuple[int, str]]:
    unified: list[tuple[int, str]] = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            yield 1, path
        elif not controllers:
            unified.append((2, path))
    yield from unified


def _mounts(mounts: list[str], version: int, controller: str) -> Iterator[tuple[Path, str]]:
    """Yield where the hierarchy of *version* is mounted, and which part of it."""
    for line in mounts:
        fields, _, kind = line.partition(" - ")
        type_, _, rest = kind.partition(" ")
        options = rest.rpartition(" ")[2].split(",")
        if (version == 2 and type_ == "cgroup2") or (
            version == 1 and type_ == "cgroup" and controller in options
        ):
            _, _, _, root, mounted, *_ = fields.split()
            yield Path(mounted), root
