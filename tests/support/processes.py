"""Processes found by a mark in their environment, and watched through pidfds: for tests that kill a whole service."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from pathlib import Path

__all__ = ["alive_after", "marked"]


def marked(variable: str, value: str, program: str = "") -> dict[int, int]:
    """Return pidfd by pid of every process whose environment has *variable* = *value*; close the pidfds when done.

    Args:
        variable: Set by the test for what it starts, and inherited.
        value: Unique to the test.
        program: Only processes with this in their command line. A process that was forked and has not called exec
            yet has the environment and the command line of its parent: to stop one then is to stop its parent.
    """
    mark = f"{variable}={value}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The pidfd first: if the mark is there afterwards, it is this very process's.
            pidfd = os.pidfd_open(int(entry.name))
        except OSError:
            continue
        try:
            ours = mark in (entry / "environ").read_bytes().split(b"\0")
            ours = ours and program.encode() in (entry / "cmdline").read_bytes()
        except OSError:
            ours = False
        if ours:
            found[int(entry.name)] = pidfd
        else:
            os.close(pidfd)
    return found


def alive_after(pidfds: Iterable[int], seconds: float) -> int:
    """Wait until all these processes have ended, at most *seconds*; return how many have not.

    Raises:
        ValueError: One of *pidfds* is not open: nothing can be said of its process.
    """
    waiting = set(pidfds)
    poll = select.poll()
    for pidfd in waiting:
        poll.register(pidfd, select.POLLIN)
    deadline = os.times().elapsed + seconds
    while waiting and (left := deadline - os.times().elapsed) > 0:
        for pidfd, events in poll.poll(left * 1000):
            if events & select.POLLNVAL:
                raise ValueError(f"descriptor {pidfd} is closed: expected the open pidfd of a process")
            poll.unregister(pidfd)
            waiting.discard(pidfd)
    return len(waiting)
