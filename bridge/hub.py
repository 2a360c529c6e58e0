"""The I/O thread of a pool: one poll over everything that its interpreters may say, one ZeroMQ context, one run directory.

What is to be done when something is readable is not here: each interpreter gives its own handlers, and one that raises
harms only its own interpreter.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar, final

import zmq

from bridge.certificate import Certificate
from bridge.channel import Socket
from bridge.errors import HubClosed
from bridge.launchers.launcher import Launcher
from bridge.launchers.process import ProcessLauncher
from bridge.memory_group import KernelKills
from bridge.platform import require_supported
from bridge.run_dir import RunDirectory
from supervision.clock import Clock

__all__ = ["Hub", "Resident"]

#: Milliseconds after which the thread looks around even if nothing happened.
_LONGEST_POLL: Final = 60_000

#: Descriptors that an interpreter may take while it starts, with room for what else happens meanwhile.
_DESCRIPTORS: Final = 32
#: And for each data channel beyond the first.
_FOR_A_LANE: Final = 6
#: ZeroMQ's own limit is 1023 sockets for all interpreters of a hub, of which each channel takes three.
_SOCKETS: Final = 65_535

Source = int | Socket
T = TypeVar("T")


class Resident(Protocol):
    """An interpreter, as far as the hub knows it."""

    def io_failed(self, error: Exception) -> None:
        """One of its handlers raised; on the hub's thread."""

    def hub_failed(self, error: BaseException) -> None:
        """There is no I/O thread any more; on what was the hub's thread."""

    def kill(self, why: str) -> None:
        """Kill its group; never blocks."""

    def bury(self, timeout: float) -> bool:
        """Confirm its death and close what is open."""


@final
class Hub:
    """One per pool: everything that its interpreters share.

    Args:
        name: Of the thread, and in errors.
        clock: Counts deadlines.
        launcher: Brings its interpreters to life; None: as processes of this machine.
    """

    def __init__(self, name: str, *, clock: Clock, launcher: Launcher | None = None) -> None:
        self.name = name
        self.clock = clock
        self.launcher: Final[Launcher] = ProcessLauncher() if launcher is None else launcher
        self.kernel_kills = KernelKills()
        self.unseen: list[Certificate] = []  #: of what dead services had left; complete once started
        self.on_failure: Callable[[BaseException], None] | None = (
            None  #: told, on its last breath, if the thread dies
        )
        self._context: zmq.Context[Socket] | None = None
        self._run: RunDirectory | None = None
        self._thread: threading.Thread | None = None
        self._wake_fd = -1
        self._owner = os.getpid()
        self._entries = itertools.count(1)
        self._closing = threading.Lock()  # held by the one thread that closes
        self._lock = (
            threading.Lock()
        )  # guards the next three, and the end of the descriptor that wakes the thread
        self._posted: deque[Callable[[], object]] = deque()
        self._residents: dict[int, Resident] = {}
        self._accepting = False
        self._poller = zmq.Poller()  # this and the next: the hub's thread only
        self._watched: dict[Source, tuple[Resident, Callable[[], None]]] = {}

    @property
    def run(self) -> RunDirectory:
        """The run directory.

        Raises:
            HubClosed: If the hub was not started.
        """
        if self._run is None:
            raise HubClosed(self.name)
        return self._run

    def start(self) -> None:
        """Make the run directory, the context and the thread. Blocks while leftovers of dead services are swept.

        Raises:
            PlatformUnsupported: If this machine lacks what is needed.
            RunDirectoryUnusable: If there is no place for the sockets.
        """
        require_supported()
        self._run = RunDirectory.create(self.clock, unseen=self.unseen.append)
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, _SOCKETS)
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller.register(self._wake_fd, zmq.POLLIN)
        self._accepting = True
        self._thread = threading.Thread(target=self._main, name=f"{self.name}/io", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Kill and bury the interpreters that are left, end the thread and the context. Idempotent, from any thread.

        Does nothing in a forked copy of the service.

        Args:
            timeout: Seconds for all of it; math.inf: no limit.

        Returns:
            Whether everything is closed. If not, a thread is still inside a call (the context is left to it), or a process
            has not died, or another thread closes: call it again.
        """
        if os.getpid() != self._owner or self._run is None:
            return True
        deadline = self.clock.now() + timeout
        if not self.clock.acquire(self._closing, timeout):
            return False
        try:
            return self._close(self._run, deadline)
        finally:
            self._closing.release()

    def unburied(self) -> int:
        """Return how many interpreters are not buried; from any thread."""
        return len(self._residents)

    def _close(self, run: RunDirectory, deadline: float) -> bool:
        with self._lock:
            self._accepting = False
            residents = list(self._residents.values())
        for resident in residents:
            resident.kill(f"hub {self.name} closed")
        buried = [resident.bury(max(0.0, deadline - self.clock.now())) for resident in residents]
        if not all(buried):
            return False
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._post(self._stop)
            thread.join(min(max(0.1, deadline - self.clock.now()), threading.TIMEOUT_MAX))
            if thread.is_alive():
                self._thread = thread
                return False
        if self._context is not None:
            # Every socket is closed and none lingers, so this does not wait.
            self._context.term()
            self._context = None
            with self._lock:
                os.close(self._wake_fd)
                self._wake_fd = -1
        run.remove()
        return True

    # For interpreters.

    def admit(self, lanes: int = 1) -> int:
        """Return the number of a new interpreter, unique in the run.

        Args:
            lanes: How many data channels it will have.

        Raises:
            HubClosed: If the hub does not run.
            OSError: If descriptors are running out.
        """
        if not self._accepting:
            raise HubClosed(self.name)
        # ZeroMQ aborts the whole process when it gets no descriptor for a socket, so they are asked for here first.
        with contextlib.ExitStack() as taken:
            for _ in range(_DESCRIPTORS + _FOR_A_LANE * (lanes - 1)):
                taken.callback(os.close, os.dup(self._wake_fd))
        return next(self._entries)

    def bind(self, path: Path, prepare: Callable[[Socket], T]) -> tuple[Socket, T]:
        """Return a new socket that is bound to *path*, the calling thread's for now, and what *prepare* made of it before.

        Raises:
            HubClosed: If the hub does not run.
            OSError: If it cannot be made: no more descriptors, or its directory is gone.
        """
        if self._context is None:
            raise HubClosed(self.name)
        try:
            socket = self._context.socket(zmq.DEALER)
            try:
                prepared = prepare(socket)
                socket.bind(f"ipc://{path}")
            except BaseException:
                socket.close()
                raise
        except zmq.ZMQError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        return socket, prepared

    def enter(self, number: int, resident: Resident, attach: Callable[[], None]) -> bool:
        """Take in an interpreter and run *attach* on the hub's thread; False if the hub has been closed meanwhile."""
        with self._lock:
            if not self._accepting:
                return False
            self._residents[number] = resident
        self._post(lambda: self._guarded(resident, attach))
        return True

    def keep(self, number: int, resident: Resident) -> None:
        """Take in, at whatever time, an interpreter that could not be buried: it is tried again when the hub closes."""
        with self._lock:
            self._residents[number] = resident

    def leave(self, number: int) -> None:
        """Forget an interpreter, which watches nothing any more."""
        with self._lock:
            self._residents.pop(number, None)

    def watch(self, source: Source, resident: Resident, handler: Callable[[], None]) -> None:
        """Run *handler* whenever *source* is readable. On the hub's thread only."""
        self._watched[source] = (resident, handler)
        self._poller.register(source, zmq.POLLIN)

    def unwatch(self, source: Source) -> None:
        """Stop watching *source*; to be done before it is closed. On the hub's thread only. Idempotent."""
        if self._watched.pop(source, None) is not None:
            self._poller.unregister(source)

    def blame(self, number: int, error: Exception) -> None:
        """Tell the interpreter *number*, if there is one, what was raised on its behalf. On the hub's thread."""
        if (resident := self._residents.get(number)) is not None:
            resident.io_failed(error)

    def run_there(self, action: Callable[[], object], timeout: float, owner: Resident | None = None) -> bool:
        """Run *action* on the hub's thread, or here if there is none; wait at most *timeout* seconds for it.

        Args:
            action: What is to be done.
            timeout: Seconds; 0 does not wait.
            owner: On whose behalf: what *action* raises harms it alone. None: that is the end of the hub's thread.

        Returns:
            Whether it has run.
        """
        if owner is not None:
            action = functools.partial(self._guarded, owner, action)
        thread = self._thread
        if thread is None or not thread.is_alive() or thread is threading.current_thread():
            action()
            return True
        done = threading.Lock()
        done.acquire()

        def run() -> None:
            try:
                action()
            finally:
                # A wait on a virtual clock that has expired opened it already.
                with contextlib.suppress(RuntimeError):
                    done.release()

        return self._post(run) and self.clock.acquire(done, timeout)

    # The thread.

    def _post(self, action: Callable[[], object]) -> bool:
        """Have *action* run by the thread; return whether there may still be one."""
        with self._lock:
            if self._wake_fd < 0:
                return False
            self._posted.append(action)
            os.eventfd_write(self._wake_fd, 1)
        return True

    def _main(self) -> None:
        try:
            while True:
                for source, _ in self._poller.poll(_LONGEST_POLL):
                    if source == self._wake_fd:
                        os.eventfd_read(self._wake_fd)
                        while self._posted:
                            self._posted.popleft()()
                    # A handler earlier in this round may have ended the watch.
                    elif (watch := self._watched.get(source)) is not None:
                        self._guarded(*watch)
        except _Stopped:
            pass
        except BaseException as error:
            self._fail(error)

    @staticmethod
    def _guarded(resident: Resident, handler: Callable[[], object]) -> None:
        try:
            handler()
        except Exception as error:  # whatever it is, it is this interpreter's alone
            resident.io_failed(error)

    @staticmethod
    def _stop() -> None:
        raise _Stopped

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._accepting = False
            residents = list(self._residents.values())
        for resident in residents:
            resident.kill(f"hub {self.name} failed: {error!r}")
        for resident in residents:
            # Whatever one's listener raises: the others are to hear of their ends, and the owner of this.
            with contextlib.suppress(Exception):
                resident.hub_failed(error)
        if self.on_failure is not None:
            self.on_failure(error)


class _Stopped(Exception):
    """Ends the thread."""
