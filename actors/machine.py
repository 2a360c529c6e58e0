"""How many processors this process may really use: its affinity, and the quota of the control groups that it is in.

What the machine has, `os.cpu_count()`, says nothing in a container or under `taskset`: a pool of that many workers
would only have them wait for each other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bridge.cgroups import PROC, ControlGroup, control_groups

__all__ = ["cpu_quotas", "cpus_of", "usable_cpus"]


def usable_cpus(proc: Path = PROC) -> int:
    """Return how many processors this process may use, at least 1; reads a few small files.

    Args:
        proc: Where the kernel tells of processes and mounts.
    """
    return cpus_of(len(os.sched_getaffinity(0)), cpu_quotas(proc))


def cpus_of(affinity: int, quotas: Iterable[float]) -> int:
    """Return how many workers *affinity* processors keep busy under *quotas*, each in processors; at least 1.

    The smallest quota counts, rounded up: the part of a processor that is left over is worth a worker.
    """
    return max(1, math.ceil(min([affinity, *quotas])))


def cpu_quotas(proc: Path = PROC) -> tuple[float, ...]:
    """Return every limit, in processors, that a control group sets for this process; none: it is not limited.

    Args:
        proc: Where the kernel tells of processes and mounts.
    """
    return tuple(quota for group in control_groups("cpu", proc=proc) for quota in _quotas(group))


def _quotas(group: ControlGroup) -> Iterator[float]:
    """Yield what limits *group*: its own quota, and that of each group around it."""
    for directory in (group.directory, *group.directory.parents):
        try:
            if group.version == 2:
                quota, period = (directory / "cpu.max").read_text().split()
            else:
                quota = (directory / "cpu.cfs_quota_us").read_text().strip()
                period = (directory / "cpu.cfs_period_us").read_text().strip()
            # "max", in version 1 a negative number: no limit.
            if quota != "max" and int(quota) > 0 and int(period) > 0:
                yield int(quota) / int(period)
        except (OSError, ValueError):
            pass  # the root of a hierarchy has no limit, and no file
        if directory == group.top:
            return
