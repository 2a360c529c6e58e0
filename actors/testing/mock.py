"""Interpreters that are neither a process nor on a wire: layer 1 of the test kit.

All that is a pool's is real: its tree, desk, sessions, multiplexer, statistics and errors. What a call does is what the child
does with it, codec and all (``bridge.interpreter.calls``); only its function is answered by the test. How one call in
such an interpreter goes is in ``mock_turn``.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Final, final

from actors.testing.answers import Answers
from actors.testing.mock_turn import MockChannel
from actors.unbridged import Unbridged
from bridge.cancel import CancelOutcome
from bridge.certificate import Cause, Certificate, ExitStatus, OutOfMemory, Phase, Verdict, verdict_of
from bridge.enforcement import CANCELLED
from bridge.errors import NoPong
from bridge.events import InterpreterDied, InterpreterReady
from bridge.launchers.fake import FIRST_PID
from bridge.options import InterpreterOptions
from bridge.suspects import Suspects
from bridge.wire.numbers import lane_of
from supervision.clock import Clock
from supervision.events import Event

__all__ = ["MockInterpreter", "MockLauncher"]

_pids = itertools.count(FIRST_PID)
_KILL: Final = ExitStatus(signal="SIGKILL")


@final
class MockLauncher(Unbridged):
    """``Pool(launcher=MockLauncher(answers))``: a pool that starts no process and opens no socket."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.launched: list[MockInterpreter] = []  #: all that ever lived, in order

    def launch(
        self,
        clock: Clock,
        options: InterpreterOptions,
        *,
        worker: str,
        incarnation: int,
        listener: Callable[[Event], None],
    ) -> MockInterpreter:
        """See ``Unbridged``; never fails."""
        new = MockInterpreter(
            self._answers, clock, options, worker=worker, incarnation=incarnation, listener=listener
        )
        self.launched.append(new)
        listener(
            InterpreterReady(
                worker=worker, incarnation=incarnation, pid=new.pid, python="none (a mock)", pyzmq="none"
            )
        )
        return new


@final
class MockInterpreter:
    """One of them. A test may end it as a process would end: ``end``."""

    def __init__(
        self,
        answers: Answers,
        clock: Clock,
        options: InterpreterOptions,
        *,
        worker: str,
        incarnation: int,
        listener: Callable[[Event], None],
    ) -> None:
        self.worker = worker
        self.incarnation = incarnation
        self.pid = next(_pids)  #: a number that no process has
        self.silence = ""  #: it is never silent
        self.channels = tuple(
            MockChannel(self, lane, answers, options, clock) for lane in range(options.threads)
        )
        self.channel = self.channels[0]
        self._clock = clock
        self._listener = listener
        self._born = clock.now()
        self._stopping = False
        self._lock = threading.Lock()  # guards the next
        self._certificate: Certificate | None = None
        self._dead = threading.Event()  # set once there is one

    def end(self, status: ExitStatus, cause: Cause | None = None) -> None:
        """Let it end; the first end stays. Never blocks.

        Args:
            status: How.
            cause: Why we ended it; None: it was not us.
        """
        with self._lock:
            if self._certificate is not None:
                return
            calls = [channel.running() for channel in self.channels]
            suspects = Suspects.of([call for call in calls if call is not None])
            idle = Phase.STOPPING if self._stopping else Phase.IDLE
            phase = Phase.RUNNING if suspects.calls else idle
            verdict = verdict_of(status, phase=phase, cause=cause, out_of_memory=OutOfMemory.NO)
            self._certificate = certificate = Certificate(
                worker=self.worker,
                incarnation=self.incarnation,
                pid=self.pid,
                verdict=verdict,
                phase=phase,
                exit_code=status.code,
                signal=status.signal,
                sent_by_us=cause.why if cause is not None and verdict.is_ours else None,
                uptime=self._clock.now() - self._born,
                call=suspects.call,
                others=suspects.others,
            )
        self._dead.set()
        for channel in self.channels:
            channel.owner_ended()
        self._listener(InterpreterDied(certificate=certificate))

    def kill(self, why: str, verdict: Verdict = Verdict.KILLED_BY_US) -> None:
        """End it because of *why*; the first cause stays. Never blocks."""
        self.end(_KILL, Cause(why, verdict))

    def stop(self, why: str, timeout: float) -> Certificate | None:
        """End it after its call, or kill it after *timeout* seconds (0 does not wait, ``math.inf`` waits for ever)."""
        self._stopping = True
        deadline = self._clock.now() + timeout
        drained = [channel.drain(max(0.0, deadline - self._clock.now())) for channel in self.channels]
        if self._certificate is None and all(drained):
            self.end(ExitStatus(code=0), Cause(why, Verdict.STOPPED))
        else:
            self.kill(why)
        return self._certificate

    def certificate(self, timeout: float) -> Certificate | None:
        """Wait until it has ended, at most *timeout* seconds of real time; None if it lives."""
        self._dead.wait(min(timeout, threading.TIMEOUT_MAX))
        return self._certificate

    def bury(self, timeout: float) -> bool:
        """End it, and close what it has; never blocks. Idempotent."""
        self.end(_KILL)
        for channel in self.channels:
            channel.close()
        return True

    def ping(self, timeout: float) -> float:
        """Return at once, while it lives; nothing keeps it from that.

        Raises:
            NoPong: It has ended.
        """
        if self._certificate is not None:
            raise NoPong(self.worker, timeout)
        return 0.0

    def cancel(self, call_id: int) -> CancelOutcome:
        """End the call *call_id*, if it runs: at once where it rests, else with the interpreter after the graces."""
        achieved = self.channels[lane_of(call_id, len(self.channels))].cancel(call_id)
        if achieved is CancelOutcome.KILLED:
            self.kill(CANCELLED.why, CANCELLED.verdict)
        return achieved
