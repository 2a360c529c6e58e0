"""The dead-man's pipe: the kernel kills an interpreter's whole group when its service ends, however it ends.

Only the service holds the write end. Its closing makes the kernel send SIGKILL to the group that the read end was armed
for, so neither a held GIL, nor C code, nor a stopped process can survive. What the child itself does about it is
not here (`interpreter.side`): that is for copies of the service that C code forked.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from typing import Final, final

__all__ = ["Lifeline", "close_private", "keep_private"]

#: Descriptors that a forked copy of the service must not hold: write ends, locks. The one thing here that is shared by
#: the whole process, since a fork copies the whole process. Its lock is taken before each fork, so none is in between.
_private: Final[set[int]] = set()
_lock: Final = threading.RLock()


def keep_private(fd: int) -> None:
    """Have *fd* closed in every forked copy of this process."""
    with _lock:
        _private.add(fd)


def close_private(fd: int) -> None:
    """Close *fd*, which was kept private, unless that was done already."""
    with _lock:
        if fd in _private:
            _private.remove(fd)
            os.close(fd)


def _close_in_copy() -> None:
    for fd in _private:
        os.close(fd)
    _private.clear()
    # Held by the thread that forked, which is the only one here.
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_close_in_copy)


@final
class Lifeline:
    """One pipe for one process: owner and O_ASYNC belong to the open file, so two processes cannot share one."""

    def __init__(self) -> None:
        with _lock:
            self.read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC)
            _private.add(self._write_fd)

    def arm(self, group: int) -> None:
        """Have the kernel kill process group *group* at the service's end, and give the read end away.

        The group must exist. Until here the child itself looks whether the pipe was closed under it, see
        `interpreter.boot`.
        """
        fcntl.fcntl(self.read_fd, fcntl.F_SETOWN, -group)
        fcntl.fcntl(self.read_fd, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(self.read_fd, fcntl.F_SETFL, os.O_ASYNC)
        self._close_read()

    def close(self) -> None:
        """Close both ends; what is left of the group dies. Idempotent."""
        self._close_read()
        close_private(self._write_fd)

    def _close_read(self) -> None:
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1


#: Python names it only where its C library did at build time; the number is the kernel's.
_F_SETSIG: Final[int] = getattr(fcntl, "F_SETSIG", 10)
