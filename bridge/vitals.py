"""What the kernel tells of one process's memory and signals, alive or dead and not reaped yet.

Whose process it is and what is to be done with it is not here (`proc`, `process_group`).
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final, NamedTuple, final

__all__ = ["Vitals", "peak_of_the_dead", "vitals"]

#: The number of the system call waitid, which alone tells what a zombie used without reaping it; ``os.waitid`` does not.
_WAITID: Final = {"x86_64": 247, "aarch64": 95, "riscv64": 95}
#: The place of ``ru_maxrss`` in a ``struct rusage``: after two struct timeval, in longs.
_MAXRSS: Final = 4


@final
class Vitals(NamedTuple):
    """One look at /proc/PID/status."""

    state: str  #: one letter: R, S, D, T (stopped), t (traced), Z (zombie), X
    peak: (
        int | None
    )  #: the most resident memory that it has had since its exec, in bytes; None: a zombie has none left
    caught: int  #: a bit for each signal that it handles

    def catches(self, number: int) -> bool:
        """Return whether it handles the signal *number*."""
        return bool(self.caught >> (number - 1) & 1)


def vitals(pid: int) -> Vitals | None:
    """Return what is known of the process *pid*; None if there is none. Some 50 microseconds."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        peak = int(fields["VmHWM"].split()[0]) * 1024 if "VmHWM" in fields else None
        return Vitals(fields["State"].split()[0], peak, int(fields["SigCgt"], 16))
    except (KeyError, ValueError, IndexError):
        return None  # it ended while the text was being written


def peak_of_the_dead(pidfd: int) -> int | None:
    """Return the kernel's peak of resident memory of a dead child that is not reaped, in bytes, and leave it unreaped.

    It covers the process from its fork on: what it shared with its parent before the exec, and the children that it had
    waited for. None if it cannot be told: it lives, somebody reaped it, or this machine's system call is not known here.
    """
    number = _WAITID.get(platform.machine())
    if number is None:
        return None
    import ctypes  # 5 ms, paid by the first death

    libc = ctypes.CDLL(None)
    info = (ctypes.c_int * 32)()
    usage = (ctypes.c_long * 18)()
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    done: int = libc.syscall(number, os.P_PIDFD, pidfd, ctypes.byref(info), flags, ctypes.byref(usage))
    # Of one that lives it succeeds, too, and fills in nothing.
    return usage[_MAXRSS] * 1024 if done == 0 and usage[_MAXRSS] > 0 else None
