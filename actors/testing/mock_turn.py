"""One call in an interpreter of ``mock``, and the channel that takes one at a time.

A call runs in its caller's thread, a submitted one in a thread of its own. The multiplexer's board watches such a channel by
an eventfd, which is readable when the call is over, or its interpreter.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from actors.testing.answers import Answers
from bridge.cancel import CancelOutcome
from bridge.certificate import CallRecord, ExitStatus
from bridge.enforcement import CANCELLED, OVERRAN
from bridge.errors import CallCancelled, CallDeadline, ChannelUnavailable, WorkerDied
from bridge.interpreter import calls, current
from bridge.interpreter.interruption import CallInterrupted
from bridge.launchers.fake import boot_spec
from bridge.options import InterpreterOptions
from bridge.outcome import decode_plain_result, decode_result, error_of
from bridge.payload import EncodedCall
from bridge.reports import Progress, progress_of
from bridge.switchboard import READABLE
from bridge.wire.codec import PICKLE
from bridge.wire.frames import Kind
from supervision.arguments import checked_timeout
from supervision.clock import Clock, open_gate

if TYPE_CHECKING:
    from actors.testing.mock import MockInterpreter

__all__ = ["MockChannel", "MockTurn"]

#: Real seconds for an interpreter that takes no more calls to have ended.
_END: Final = 1.0


@final
class MockTurn:
    """One call, and the stage of its answer."""

    def __init__(
        self,
        owner: MockInterpreter,
        clock: Clock,
        id: int,
        label: str,
        timeout: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._owner = owner
        self._on_progress = on_progress
        self._clock = clock
        self.id = id
        self.label = label
        self.since = clock.now()
        self.timeout = timeout
        self.due = self.since + timeout
        #: What the child would have sent; None until then, and for ever if its interpreter ended first.
        self.answer: tuple[Kind, Sequence[Any]] | None = None
        self.over = threading.Event()  #: answered, or its interpreter has ended
        #: What struck its caller's thread, which computes the answer: nothing of the call's.
        self.struck: BaseException | None = None
        self.late = False  #: whether its deadline was found to have come
        self.interrupted = False  #: whether its rest was cut short
        self._stirred = False  # whether it is to end; only ever becomes true
        self._gate = threading.Lock()  # opened then, for a call that rests
        self._gate.acquire()

    @property
    def window(self) -> MockTurn:
        """For ``cancelled``."""
        return self

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to end."""
        return self._stirred or self._clock.now() >= self.due

    @property
    def reporter(self) -> MockTurn:
        """For ``report``."""
        return self

    def report(self, body: bytes) -> None:
        """Tell its caller, at once: there is nothing between the two."""
        if self._on_progress is not None:
            try:
                self._on_progress(progress_of(self._owner, [memoryview(body)]))
            except BaseException as error:
                self.struck = error
                raise

    def offer(self, _: bytes) -> bool:
        """Send no log record: no handler makes any."""
        return False

    insist = offer

    def disown(self) -> None:
        """In a forked copy of the test's process: nothing is sent anyway."""

    @property
    def is_answered(self) -> bool:
        return self.over.is_set()

    def look(self) -> bool:
        return self.over.is_set()

    def rest(self, seconds: float) -> None:
        """Wait so long on the pool's clock; see ``Stage``."""
        left = max(0.0, self.due - self._clock.now())
        if self._clock.acquire(self._gate, min(seconds, left)) or seconds > left:
            self.interrupted = True
            raise CallInterrupted

    def run(
        self,
        answers: Answers,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Have the call answered, and keep apart what is raised in this thread and not by the answer: an interrupt."""
        before = current.enter(self)
        try:
            return answers.run(self, function, args, kwargs)
        except (Exception, CallInterrupted, SystemExit):
            raise
        except BaseException as error:
            self.struck = error
            raise
        finally:
            current.enter(before)

    def end(self, status: ExitStatus) -> None:
        """Let the interpreter end; see ``Stage``."""
        self._owner.end(status)

    def stir(self) -> None:
        """Have it end, if it rests, or when it will."""
        self._stirred = True
        open_gate(self._gate)


@final
class MockChannel:
    """See ``ChannelFace``."""

    def __init__(
        self, owner: MockInterpreter, lane: int, answers: Answers, options: InterpreterOptions, clock: Clock
    ) -> None:
        self._owner = owner
        self._answers = answers
        self._codec = options.codec
        self._patience = options.graces.total
        self._boot = boot_spec(options)
        self._clock = clock
        self._lease = threading.Lock()  # held while a call is in it, and for ever once it is drained
        self._draining = (
            False  # whether that has begun: who finds the lease taken meets the interpreter's end
        )
        self._clean = True  # this and the next two: written under the lease
        self._step = options.threads  # between two numbers of its calls: see ``lane_of``
        self._last_id = lane + 1 - self._step
        self._turn: MockTurn | None = None
        self._fd_lock = threading.Lock()  # guards the next two
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False

    @property
    def clean(self) -> bool:
        return self._clean and not self._lease.locked()

    @property
    def watched(self) -> Sequence[tuple[Any, int]]:
        return [(self._fd, READABLE)]

    def running(self) -> CallRecord | None:
        turn = self._turn
        if turn is None or turn.over.is_set():
            return None
        return CallRecord(turn.id, turn.label, self._clock.now() - turn.since)

    def call(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> Any:
        turn = self._enter(request, timeout, on_progress)
        try:
            self._perform(turn, request)
            if turn.struck is not None:
                turn.answer = None
                raise turn.struck
            return self._told(turn)
        finally:
            self._leave(turn)

    def begin(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> MockTurn:
        turn = self._enter(request, timeout, on_progress)
        name = f"{self._owner.worker}/call"
        threading.Thread(target=self._perform, args=(turn, request), name=name, daemon=True).start()
        return turn

    def complete(self, turn: MockTurn) -> Any:
        try:
            if not turn.over.wait(self._patience):
                # Its answer is computed by a function of the test's, which nothing can interrupt.
                self._owner.kill(OVERRAN.why, OVERRAN.verdict)
            return self._told(turn)
        finally:
            self._leave(turn)

    def cancel(self, call_id: int) -> CancelOutcome:
        """End the call *call_id*; ``KILLED``: it has not ended after the graces, so its interpreter is to. Blocks."""
        turn = self._turn
        if turn is None or turn.id != call_id or turn.over.is_set():
            return CancelOutcome.TOO_LATE
        turn.stir()
        return CancelOutcome.INTERRUPTED if turn.over.wait(self._patience) else CancelOutcome.KILLED

    def give_up(self, why: str) -> None:
        self._owner.kill(why)

    def owner_ended(self) -> None:
        """Let the call that is in it end without an answer. Any thread; never blocks."""
        turn = self._turn
        if turn is not None:
            turn.stir()
            self._end(turn)

    def drain(self, timeout: float) -> bool:
        """Take no more calls once the one in it has ended; returns whether it has within *timeout* seconds."""
        self._draining = True
        return self._clock.acquire(self._lease, timeout)

    def close(self) -> None:
        """Close the descriptor, when the call that is in it has ended. Never blocks; idempotent."""
        with self._fd_lock:
            self._closing = True
            if self._turn is None:
                self._close_fd()

    def _enter(
        self, request: EncodedCall, timeout: float, on_progress: Callable[[Progress], None] | None
    ) -> MockTurn:
        checked_timeout(timeout)
        ended = self._owner.certificate(0.0)
        if ended is not None:
            raise WorkerDied(ended, started=False)
        if not self._lease.acquire(blocking=False):
            ended = self._owner.certificate(_END) if self._draining else None
            if ended is not None:
                raise WorkerDied(ended, started=False)
            raise ChannelUnavailable(self._owner.worker, "another call holds it")
        self._clean = False
        self._last_id += self._step
        self._turn = turn = MockTurn(
            self._owner, self._clock, self._last_id, request.label, timeout, on_progress
        )
        if self._owner.certificate(0.0) is not None:  # in this moment: it did not see the call
            self.owner_ended()
        return turn

    def _perform(self, turn: MockTurn, request: EncodedCall) -> None:
        """Do what the child does."""
        answer = calls.perform(
            self._boot, _received(request.frames), functools.partial(turn.run, self._answers)
        )
        if self._owner.certificate(0.0) is None:
            turn.answer = answer
        self._end(turn)

    def _end(self, turn: MockTurn) -> None:
        """It is over: tell whoever waits."""
        turn.over.set()
        with self._fd_lock:
            if self._turn is turn and self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def _told(self, turn: MockTurn) -> Any:
        """Return or raise what the caller is to be told, as ``turn.Turn`` decides it."""
        certificate = self._owner.certificate(0.0)
        if turn.answer is None:
            assert certificate is not None  # it ended first
            if certificate.verdict is OVERRAN.verdict:
                raise CallDeadline(turn.timeout, certificate)
            if certificate.verdict is CANCELLED.verdict:
                raise CallCancelled(turn.label, True, certificate)
            raise WorkerDied(certificate, started=True)
        if self._clock.now() >= turn.due:
            raise CallDeadline(turn.timeout, None)
        if turn.interrupted:
            raise CallCancelled(turn.label, True)
        kind, frames = turn.answer
        views = _received(frames)
        if kind is not Kind.RESULT:
            raise error_of(turn.label, views, self._codec == PICKLE)
        return decode_result(turn.label, views) if self._codec == PICKLE else decode_plain_result(views)

    def _leave(self, turn: MockTurn) -> None:
        """Let the next call in."""
        with self._fd_lock:
            self._turn = None
            if self._fd >= 0:
                if turn.over.is_set():
                    _drain(self._fd)
                if self._closing:
                    self._close_fd()
        self._clean = turn.answer is not None
        self._lease.release()

    def _close_fd(self) -> None:
        """Under its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _received(frames: Sequence[bytes | memoryview]) -> list[memoryview]:
    """Return *frames* as a wire would give them: nobody else's, for who reads them makes a copy of what it cannot write."""
    return [memoryview(frame).toreadonly() for frame in frames]


def _drain(fd: int) -> None:
    try:
        os.eventfd_read(fd)
    except BlockingIOError:  # nobody had written
        return
