"""A memory cgroup of a test's own, below the one that the test runs in: where the machine allows it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.memory_group import oom_kills_file
from bridge.process_group import wait_readable

__all__ = ["memory_group"]

#: By version of the hierarchy, as its files are named: the limit, and what may be used besides.
_LIMITS = (("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"), ("memory.max", "memory.swap.max"))


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """Make a group whose processes have *limit* bytes together; skip the test, aloud, where that is not allowed."""
    counted = oom_kills_file(os.getpid())
    if counted is None:
        pytest.skip("this machine has no memory cgroup whose oom_kill count can be read")
    group = counted.parent / f"treewarden-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made here: {error}")
    try:
        _limit(group, limit)
        yield group
    finally:
        for pid in map(int, (group / "cgroup.procs").read_text().split()):
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(pid)
                wait_readable(pidfd, 5)
                os.close(pidfd)
        group.rmdir()


def _limit(group: Path, limit: int) -> None:
    for memory, swap in _LIMITS:
        if not (group / memory).exists():
            continue
        try:
            (group / memory).write_text(str(limit))
            if (group / swap).exists():
                (group / swap).write_text("0" if "swap" in swap.split(".") else str(limit))
        except OSError as error:
            pytest.skip(f"a memory cgroup cannot be limited here: {error}")
        return
    pytest.skip("the memory controller is not handed down to cgroups that are made here")
