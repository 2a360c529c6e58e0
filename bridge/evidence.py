"""What is known of a process besides its status: stacks, its most memory, and whether the kernel took it for want of that.

What follows from it is in `certificate`; when it is asked for, in `inquest`.
"""

from __future__ import annotations

import os
from typing import Final, final

from bridge.certificate import ExitStatus, OutOfMemory, PeakMemory
from bridge.launchers.launcher import Group
from bridge.memory_group import KernelKills
from bridge.stacks import Stacks
from bridge.vitals import peak_of_the_dead, vitals

__all__ = ["Evidence"]

#: Bytes by which two of the kernel's figures of the same memory may differ: it counts in batches, one for each processor.
_IMPRECISION: Final = 8 * 1024 * 1024


@final
class Evidence:
    """Of one incarnation. Used under the lock of its `inquest`, but for ``take_stacks``.

    Args:
        group: Its processes.
        stacks: Where its faulthandler writes.
        kernel: Where the kernel's kills are given to deaths.
    """

    def __init__(self, group: Group, stacks: Stacks, kernel: KernelKills) -> None:
        self._group = group
        self._stacks = stacks
        self._kernel = kernel
        self._memory_group = kernel.group_of(group.pid)
        # Until its exec a child has its parent's memory, and the kernel's peak of the dead does not forget it.
        parent = vitals(os.getpid())
        self._inherited = None if parent is None else parent.peak
        self._sampled: int | None = None

    def settled(self) -> None:
        """It is up: whoever wanted to move it to a memory group of its own has done so."""
        self._memory_group = self._kernel.group_of(self._group.pid) or self._memory_group

    def take_stacks(self) -> None:
        """Have it write down where its threads are; blocks 1 s at the most, mostly some 10 ms."""
        self._stacks.take(self._group.pid, self._group.pidfd)

    def sample(self) -> None:
        """It is about to be killed: look at its memory while it has one."""
        now = vitals(self._group.pid)
        self._sampled = None if now is None else now.peak

    def stacks(self) -> tuple[str, ...]:
        """Return what its faulthandler has written."""
        return self._stacks.lines()

    def peak(self) -> PeakMemory | None:
        """Return the most resident memory that it had; None if that cannot be told."""
        used = peak_of_the_dead(self._group.pidfd)
        if used is not None and (self._inherited is None or used > self._inherited + _IMPRECISION):
            return PeakMemory(used)
        if self._sampled is not None:
            return PeakMemory(self._sampled)
        return None if used is None else PeakMemory(used, exact=False)

    def out_of_memory(self, status: ExitStatus, *, ours: bool, said: bool) -> OutOfMemory:
        """Return what is known of a lack of memory.

        Args:
            status: What the kernel says of its end.
            ours: Whether we sent a signal that may have been its end.
            said: Whether it said itself that it had reached its own limit.
        """
        if said:
            return OutOfMemory.LIMIT
        if status.code is not None or status.signal not in (None, "SIGKILL") or ours:
            return OutOfMemory.NO
        if status.signal is None:
            # Somebody took the status: a rise would be a hint, but perhaps another's, who died by SIGKILL for certain.
            return OutOfMemory.UNKNOWN
        rose = self._kernel.claim(self._memory_group)
        return {True: OutOfMemory.KERNEL, False: OutOfMemory.NO, None: OutOfMemory.UNKNOWN}[rose]
