"""Where the threads of an interpreter are, written by its faulthandler into memory that outlives it.

A page of memory that both ends have (a memfd) and not a pipe: nothing has to be read in time, and it is there however the
child ended. What the child does about it is in `interpreter.boot`.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final, final

from bridge.proc import state_of
from bridge.process_group import wait_readable
from bridge.vitals import vitals

__all__ = ["Stacks"]

#: Asks for the stacks. Ignored by default, so it ends nothing that does not know it, and used by next to nobody.
_SIGNAL: Final = signal.SIGURG

#: Seconds between two looks at a dump's size.
_LOOK: Final = 0.002
#: Looks that it may take: of those between which the process ran, or slept; and of all, should it get no processor.
_PATIENCE: Final = 125
_LONGEST: Final = 500
#: Such looks at an unchanged size after which it is complete.
_STILL: Final = 3
#: Lines that a certificate takes; a hundred threads with a hundred frames each would be told in full otherwise.
_LINES: Final = 60
_BYTES: Final = 32 * 1024
#: How the account of a thread begins: of the one that crashed, or that writes; of another.
_THREADS: Final = ("Current thread ", "Thread ")
#: How the account of a crash begins; it counts alone.
_CRASH: Final = "Fatal Python error:"


@final
class Stacks:
    """The host's end. Written by the child alone, when it crashes and when it is asked to.

    Args:
        fd: The memfd; closed by ``close``.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @staticmethod
    def create_fd() -> int:
        """Return a new memfd."""
        return os.memfd_create("treewarden-stacks", os.MFD_CLOEXEC)

    def take(self, pid: int, pidfd: int) -> None:
        """Have a living interpreter write where it is. For one that is about to be killed.

        Blocks some milliseconds; 0.25 s if it writes nothing, and 1 s if it gets no processor.

        One that is stopped is continued for it: for some milliseconds its code goes on. Nothing is asked of one that does
        not listen (it is still starting, or its code has taken the handler away), nor of one that is being traced.
        """
        before = vitals(pid)
        if before is None or not before.catches(_SIGNAL) or before.state in "tZX":
            return
        # An earlier dump is not about this end. The offset is the child's, too: it writes where we say.
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        try:
            signal.pidfd_send_signal(pidfd, _SIGNAL)
            if before.state == "T":
                signal.pidfd_send_signal(pidfd, signal.SIGCONT)
        except OSError:
            return  # it has just ended
        size = still = looks = 0
        used = _processor_time(pid)
        for _ in range(_LONGEST):
            # Nobody tells when it is complete; but it is written in one go, without any lock.
            if wait_readable(pidfd, _LOOK):
                return
            now, before_that, used = os.fstat(self._fd).st_size, used, _processor_time(pid)
            if now != size:
                size, still = now, 0
            elif used != before_that or state_of(pid) != "R":
                # It had its chance. One that waits for a processor may be in the midst of it.
                still += size > 0
                looks += 1
            if still == _STILL or looks == _PATIENCE:
                return

    def lines(self) -> tuple[str, ...]:
        """Return what the child has written; of very much the beginning and the end."""
        size = os.fstat(self._fd).st_size
        text = os.pread(self._fd, _BYTES, max(0, size - _BYTES)).decode("utf-8", "replace")
        lines = [line for line in text[max(0, text.rfind(_CRASH)) :].splitlines() if line]
        if len(lines) <= _LINES:
            return tuple(lines)
        lines = _current_first(lines)
        half = _LINES // 2
        return (*lines[:half], f"... {len(lines) - 2 * half} more lines ...", *lines[-half:])

    def close(self) -> None:
        """Close the memfd. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _current_first(lines: list[str]) -> list[str]:
    """Return *lines* with the thread that crashed before the others: of many threads only the first and last are told."""
    starts = [number for number, line in enumerate(lines) if line.startswith(_THREADS)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        if lines[start].startswith(_THREADS[0]):
            head = lines[: starts[0]]
            return [*head, *lines[start:end], *lines[len(head) : start], *lines[end:]]
    return lines


def _processor_time(pid: int) -> int | None:
    """Return the nanoseconds that the process *pid* has run, all its threads together; None if that cannot be told."""
    try:
        # The clock of another process, as clock_getcpuclockid(3) makes its number.
        return time.clock_gettime_ns(~pid << 3 | 2)
    except OSError:
        return None
