"""One interpreter's processes: signal them, see that every one is dead, and only then reap the leader.

The unreaped leader keeps its pid, and with it the group's id, from being given to somebody else; so signalling and
reaping exclude each other. What a death means is not here (`certificate`).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Final, final

from bridge.certificate import ExitStatus
from bridge.proc import Process, open_member, processes
from supervision.clock import Clock

__all__ = ["ProcessGroup", "kill_all", "wait_readable"]

_UNKNOWN: Final = ExitStatus()


@final
class ProcessGroup:
    """A leader in a session of its own, and whatever it starts.

    Args:
        popen: The leader. Its own ``wait`` and ``poll`` are never used: they answer 0 for a status that was stolen.
        pidfd: The leader's; closed by ``close``.
        mark: What it and all its descendants carry in their environment, also those that left the group.
    """

    def __init__(self, popen: subprocess.Popen[bytes], pidfd: int, mark: str) -> None:
        self.pid = popen.pid
        self.pidfd = pidfd
        self._popen = (
            popen  # kept: subprocess reaps what a dropped Popen leaves behind, at a moment of its choice
        )
        self._mark = mark
        self._lock = threading.Lock()
        self._reaped = False  # written under the lock
        self._status: ExitStatus | None = None  # likewise; final once known
        self._owner = os.getpid()

    def signal(self, number: int) -> bool:
        """Send *number* to every process of the group. Never blocks; returns whether it was sent.

        Nothing is sent once the leader is reaped, nor from a forked copy of the service.
        """
        if os.getpid() != self._owner:
            # Before the lock, which another thread of the service may have held when this copy was forked.
            return False
        with self._lock:
            if self._reaped:
                return False
            if self._peek() is _UNKNOWN:
                # Somebody reaped the leader behind our back: its group id may name strangers by now.
                return False
            try:
                os.killpg(self.pid, number)
            except (ProcessLookupError, PermissionError):
                return False
            return True

    def interrupt(self) -> bool:
        """Send SIGINT to the leader alone. Never blocks; returns whether it was sent. The rest is as with ``signal``."""
        if os.getpid() != self._owner:
            return False
        with self._lock:
            if self._reaped:
                return False
            # By the pidfd, so that it never reaches a stranger.
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGINT)
                return True
            return False

    def is_dead(self) -> bool:
        """Return whether the leader has ended."""
        return wait_readable(self.pidfd, 0)

    def status(self) -> ExitStatus | None:
        """Return how the leader ended without reaping it; None while it lives."""
        with self._lock:
            return self._peek()

    def bury(self, clock: Clock, timeout: float) -> bool:
        """Kill what is left, wait until every process is dead, then reap the leader. Idempotent.

        Args:
            clock: Counts the timeout.
            timeout: Seconds to wait; 0 looks once.

        Returns:
            Whether all are dead and the leader is reaped.
        """
        if self._reaped:
            return True
        deadline = clock.now() + timeout
        self.signal(signal.SIGKILL)
        if not wait_readable(self.pidfd, timeout):
            return False
        if not kill_all(self._is_member, clock, max(0.0, deadline - clock.now())):
            return False
        with self._lock:
            self._reap()
        return True

    def close(self) -> None:
        """Close the pidfd. Only after ``bury``."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def _is_member(self, process: Process) -> bool:
        if process.mark == self._mark:
            return True
        # By number only while the leader's zombie keeps the number ours.
        with self._lock:
            held = not self._reaped and self._peek() is not _UNKNOWN
        return held and self.pid in (process.group, process.session)

    def _peek(self) -> ExitStatus | None:
        """Look at the leader's exit status and leave it there. Under the lock."""
        if self._reaped:
            return self._status
        try:
            result = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # Seen before it was stolen: then it is known all the same, but the pid is no longer ours.
            if self._status is None:
                self._status = _UNKNOWN
            return _UNKNOWN
        if result is None:
            return None
        if self._status is None:
            if result.si_code == os.CLD_EXITED:
                self._status = ExitStatus(code=result.si_status)
            else:
                self._status = ExitStatus(signal=_signal_name(result.si_status))
        return self._status

    def _reap(self) -> None:
        """Take the leader's exit status off the kernel. Under the lock."""
        if self._reaped:
            return
        self._peek()
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
        self._reaped = True
        # subprocess would otherwise warn of a child that still runs, and wait for the pid.
        self._popen.returncode = 0


def kill_all(is_member: Callable[[Process], bool], clock: Clock, timeout: float) -> bool:
    """Kill every live process that *is_member* accepts, this one excepted, and wait until none is left.

    Args:
        is_member: Asked for each live process.
        clock: Counts the timeout.
        timeout: Seconds to wait; 0 looks once.

    Returns:
        Whether none is left. False also if there were not enough descriptors to see that.
    """
    deadline = clock.now() + timeout
    # A member may have started another since it was listed, so all are listed again until there is none.
    while True:
        with _pidfds(is_member) as (pidfds, complete):
            if not pidfds:
                return complete
            for pidfd in pidfds:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            for pidfd in pidfds:
                if not wait_readable(pidfd, max(0.0, deadline - clock.now())):
                    return False


def wait_readable(fd: int, timeout: float) -> bool:
    """Wait until *fd* (of a pidfd: its process has ended) is readable, at most *timeout* seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(min(timeout, 1_000_000) * 1000))


@contextlib.contextmanager
def _pidfds(is_member: Callable[[Process], bool]) -> Iterator[tuple[list[int], bool]]:
    """Give a pidfd of each, and whether these are all."""
    pidfds: list[int] = []
    try:
        complete = True
        try:
            for process in processes():
                if process.pid != os.getpid() and is_member(process):
                    pidfd = open_member(process)
                    if pidfd is not None:
                        pidfds.append(pidfd)
        except OSError:
            # Descriptors are running out, most likely; those that were found are killed, and give theirs back.
            complete = False
        yield pidfds, complete
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time signal has no name of its own
