"""Functions whose call is the end of their interpreter, one for each way to die; standard library only."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import sys
import tempfile

from bridge.interpreter import report

__all__ = [
    "abort",
    "babble",
    "bus_error",
    "crash_when_examined",
    "divide",
    "dump_and_wait",
    "eat_and_leave",
    "fork_and_crash",
    "illegal",
    "segfault",
    "spin",
    "stop",
]


def segfault() -> None:
    """Read at address 0 (SIGSEGV)."""
    _no_core()
    ctypes.string_at(0)


def abort() -> None:
    """End as a failed assertion in C does (SIGABRT)."""
    _no_core()
    ctypes.CDLL(None).abort()


def bus_error() -> None:
    """Read a mapped file behind its end (SIGBUS)."""
    _no_core()
    with tempfile.TemporaryFile() as file:
        file.truncate(mmap.PAGESIZE)
        mapped = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        file.truncate(0)
        ctypes.string_at(ctypes.addressof(ctypes.c_char.from_buffer(mapped)), 1)


def divide() -> None:
    """Raise SIGFPE, in C and in this thread, as a division by zero there does."""
    _raise(signal.SIGFPE)


def illegal() -> None:
    """Raise SIGILL, in C and in this thread, as a machine instruction that does not exist does."""
    _raise(signal.SIGILL)


def babble() -> None:
    """Send what is no message on the data channel, and go on for ever."""
    from bridge_functions import speak_garbage

    speak_garbage()
    dump_and_wait()


def spin() -> None:
    """Say that it runs, then hold the GIL in C for ever, where nothing looks for signals."""
    sys.stdout.write("about to spin\n")
    sys.stdout.flush()
    report(1)
    sum(range(2**62))


def stop() -> None:
    """Say that it runs, and stop as if somebody had sent SIGSTOP; continued, hold the GIL in C for ever."""
    sys.stdout.write("about to stop\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
    sum(range(2**62))


def crash_when_examined() -> None:
    """Crash when the stacks are asked for, as faulthandler does at times; until then hear nothing."""
    signal.signal(signal.SIGURG, lambda *_: segfault())
    report(1)
    while True:
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            continue


def dump_and_wait() -> None:
    """Say that it runs, then wait for a signal; several at once do not end it."""
    report(1)
    while True:
        signal.pause()


def eat_and_leave(code: int) -> None:
    """Have 700 MB for a moment, then end without any clean-up."""
    eaten = b"x" * 700 * 2**20
    os._exit(code if eaten else 0)


def fork_and_crash() -> int:
    """Crash in a copy of this process; return how it ended."""
    pid = os.fork()
    if pid == 0:
        segfault()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _raise(number: int) -> None:
    _no_core()
    ctypes.CDLL(None)["raise"](int(number))


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
