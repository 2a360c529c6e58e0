"""Interpreters without a process, by a script: for tests, and for the failures of a provider that no test can order.

One that starts is a thread that speaks the wire as a real one does, and runs calls in this process, or has them answered
by who made it; so it has this process's modules, and what a call does to its process it does to this one.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, final

import attrs
import zmq

from bridge.certificate import ExitStatus
from bridge.errors import LaunchFailed
from bridge.launchers.fake_lane import FakeLane
from bridge.launchers.launcher import Identity, LaunchSpec, Placement
from bridge.launchers.notices import Fault, Notice, Pending, Preempted
from bridge.options import InterpreterOptions
from bridge.process_group import wait_readable
from bridge.stacks import Stacks
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import CAPABILITIES, VERSION, Kind
from supervision.clock import Clock

__all__ = [
    "FIRST_PID",
    "FakeInterpreter",
    "FakeLauncher",
    "Refuses",
    "Runner",
    "Starts",
    "Step",
    "Stuck",
    "boot_spec",
]

#: The least number that no process has: the kernel's limit is 2**22.
FIRST_PID: Final = 2**22 + 1


@final
@attrs.frozen
class Starts:
    """It starts, shakes hands and answers calls."""


@final
@attrs.frozen
class Stuck:
    """It is accepted and never shakes hands."""

    why: str


@final
@attrs.frozen
class Refuses:
    """The launch fails, and that of its whole gang with it."""

    fault: Fault
    reason: str


Step: TypeAlias = Starts | Stuck | Refuses
#: Given the interpreter, the function, its arguments and keywords; returns the result.
Runner: TypeAlias = Callable[["FakeInterpreter", Callable[..., Any], Sequence[Any], Mapping[str, Any]], Any]


def _run(
    _: FakeInterpreter, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    return function(*args, **kwargs)


@final
class FakeLauncher:
    """Each interpreter takes the next step of the script.

    Args:
        script: What happens to the first ones.
        then: What happens to each after these.
        run: Answers each call, in the interpreter's thread; default: by running it.
    """

    def __init__(self, script: Iterable[Step] = (), *, then: Step | None = None, run: Runner = _run) -> None:
        self._run = run
        self.launched: list[FakeInterpreter] = []  #: those that came to be, in order
        self._steps = itertools.chain(script, itertools.repeat(Starts() if then is None else then))
        self._lock = threading.Lock()  # guards both

    def check(self, options: InterpreterOptions) -> None:
        """Find nothing wrong."""

    def launch(self, gang: Sequence[LaunchSpec]) -> Sequence[Placement]:
        """See `launcher`; does not block."""
        with self._lock:
            steps = [next(self._steps) for _ in gang]
            for spec, step in zip(gang, steps, strict=True):
                if isinstance(step, Refuses):
                    raise LaunchFailed(spec.identity.worker, step.reason, step.fault)
            new = [
                FakeInterpreter(spec, step, FIRST_PID + len(self.launched) + number, self._run)
                for number, (spec, step) in enumerate(zip(gang, steps, strict=True))
            ]
            self.launched += new
        for each in new:
            each.begin()
        return [each.placement() for each in new]

    def adopt(self, run_id: str) -> Sequence[tuple[Identity, Placement]]:
        """Return what lives of the run, as an engine would whose interpreters outlive their service."""
        with self._lock:
            living = [each for each in self.launched if not each.is_dead()]
        return [
            (each.identity, each.placement())
            for each in living
            if each.identity.mark.partition(".")[0] == run_id
        ]


@final
class FakeInterpreter:
    """One that runs; the group and the lifeline of its placement, too. A test makes its fate with the methods below."""

    def __init__(self, spec: LaunchSpec, step: Step, pid: int, run: Runner = _run) -> None:
        self.identity = spec.identity
        self.pid = pid
        self.pidfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        board_fd = Board.create_fd()
        self.board = Board(board_fd, spec.options.threads)
        os.close(board_fd)
        self._stacks = Stacks(Stacks.create_fd())
        self.signals: list[int] = []  #: that it got
        boot = boot_spec(spec.options)
        self._lanes = [FakeLane(self, number, boot, run) for number in range(spec.options.threads)]
        self._ended_calls: deque[int] = deque()  # cancelled ones, whose end is to be told
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._spec = spec
        self._step = step
        self._lock = threading.Lock()  # guards the next
        self._status: ExitStatus | None = None
        self._thread = threading.Thread(target=self._run, name=f"fake/{pid}", daemon=True)

    # Its fate.

    def notify(self, notice: Notice) -> None:
        """Have the provider say *notice* of it."""
        self._spec.sink(notice)

    def preempt(self, grace: float, why: str = "somebody needs its place") -> None:
        """Have its place taken away: a notice, and the end by SIGKILL, which a test need not wait for."""
        self.notify(Preempted(grace, why))
        self.end(ExitStatus(signal="SIGKILL"))

    def end(self, status: ExitStatus) -> None:
        """Let it end; what it says from now on is nobody's. The first end stays."""
        with self._lock:
            if self._status is None:
                self._status = status
                os.eventfd_write(self.pidfd, 1)
        for lane in self._lanes:
            lane.stir()

    # For what answers its calls.

    def rest(self, seconds: float) -> None:
        """Wait so long, in real time; for the running call.

        Raises:
            CallInterrupted: The call is to end, or its interpreter has.
        """
        own = (lane for lane in self._lanes if lane.thread is threading.current_thread())
        next(own, self._lanes[0]).rest(seconds)

    # The group.

    def placement(self) -> Placement:
        """Return what the service holds of it."""
        return Placement(self, self.board, self, {}, self._stacks)

    def interrupt(self) -> bool:
        """Take note of it, and end the calls that rest and are cancelled."""
        if self.is_dead():
            return False
        self.signals.append(signal.SIGINT)
        for lane in self._lanes:
            lane.interrupt()
        return True

    def signal(self, number: int) -> bool:
        """End of it, whichever signal it is: it has no handlers."""
        if self.is_dead():
            return False
        self.signals.append(number)
        self.end(ExitStatus(signal=signal.Signals(number).name))
        return True

    def is_dead(self) -> bool:
        return self._status is not None

    def status(self) -> ExitStatus | None:
        return self._status

    def bury(self, clock: Clock, timeout: float) -> bool:
        """End it, and wait for its threads, which a call that does not end holds up."""
        self.end(ExitStatus(signal="SIGKILL"))
        deadline = clock.now() + timeout
        threads = [self._thread, *(lane.thread for lane in self._lanes)]
        for thread in threads:
            if thread.ident is not None:
                thread.join(min(max(0.0, deadline - clock.now()), threading.TIMEOUT_MAX))
        return not any(thread.is_alive() for thread in threads)

    def close(self) -> None:
        """Give its descriptors back. Idempotent."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            os.close(self._wake_fd)
            self.pidfd = -1

    # Its life.

    def begin(self) -> None:
        """Start, or be stuck."""
        if isinstance(self._step, Stuck):
            self.notify(Pending(self._step.why))
        else:
            for thread in (self._thread, *(lane.thread for lane in self._lanes)):
                thread.start()

    def tell(self, call_id: int) -> None:
        """Have it said what became of the call *call_id*, which was cancelled and has ended. By its lane."""
        self._ended_calls.append(call_id)
        os.eventfd_write(self._wake_fd, 1)

    def _run(self) -> None:
        """Keep the control channel."""
        context: Any = zmq.Context()
        try:
            with context.socket(zmq.DEALER) as control:
                control.linger = 0
                control.connect(self.identity.control)
                self._say(control, Kind.HELLO, 0, self.hello())
                self._serve(control)
        finally:
            context.term()

    def _serve(self, control: Any) -> None:
        poller = zmq.Poller()
        for source in (control, self._wake_fd, self.pidfd):
            poller.register(source, zmq.POLLIN)
        while not wait_readable(self.pidfd, 0):
            poller.poll()
            # What came together with its end comes too late.
            if wait_readable(self.pidfd, 0):
                return
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)
            while self._ended_calls:
                self._tell(control, self._ended_calls.popleft())
            with contextlib.suppress(zmq.Again):
                self._hear(control)

    def _hear(self, control: Any) -> None:
        header, _ = exchange.receive(control)
        if header.kind is Kind.PING:
            self._say(control, Kind.PONG, header.call_id)
        elif header.kind is Kind.CANCEL:
            self._tell(control, header.call_id)
        elif header.kind in {Kind.STOP, Kind.REFUSED}:
            self.end(ExitStatus(code=int(header.kind is Kind.REFUSED)))

    def _tell(self, control: Any, call_id: int) -> None:
        achieved = self._lanes[self.board.lane_of(call_id)].achieved(call_id)
        if achieved is not None:
            self._say(control, Kind.CANCELLED, call_id, achieved.value.encode())

    def _say(self, control: Any, kind: Kind, number: int, *body: bytes) -> None:
        exchange.send(control, kind, self.identity.incarnation, number, body)

    def hello(self) -> bytes:
        """Return what it says first, on each channel."""
        return json.dumps(
            {
                "worker": self.identity.worker,
                "incarnation": self.identity.incarnation,
                "nonce": self.identity.nonce,
                "pid": self.pid,
                "protocol": VERSION,
                "python": "none (a fake)",
                "pyzmq": zmq.__version__,
                "capabilities": CAPABILITIES,
            }
        ).encode()


def boot_spec(options: InterpreterOptions) -> BootSpec:
    """Return what a real interpreter with *options* would have been told, as far as calls depend on it."""
    unused = dict.fromkeys(BootSpec._fields)
    told = {
        "secrets": options.secrets,
        "log_level": options.log_level,
        "codec": options.codec,
        "allowed": options.allowed,
    }
    return BootSpec(**{**unused, **told})  # type: ignore[arg-type]
