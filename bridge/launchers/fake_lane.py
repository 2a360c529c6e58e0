"""One lane of a fake interpreter: real messages on a real data channel, and calls run in a thread of this process."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Any, final

import zmq

from bridge.interpreter import calls, current
from bridge.interpreter.interruption import Achieved, CallInterrupted
from bridge.interpreter.reporting import Reporter
from bridge.process_group import wait_readable
from bridge.wire import exchange
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import Kind

if TYPE_CHECKING:
    from bridge.interpreter.failures import Answer
    from bridge.launchers.fake import FakeInterpreter, Runner

__all__ = ["FakeLane"]


@final
class FakeLane:
    """Its thread's, but for what says otherwise.

    Args:
        owner: The interpreter.
        number: Which of its lanes.
        spec: What a real one would have been told.
        run: Answers each call.
    """

    def __init__(self, owner: FakeInterpreter, number: int, spec: BootSpec, run: Runner) -> None:
        self._owner = owner
        self._words = owner.board.lanes[number]
        self._endpoint = owner.identity.data[number]
        self._spec = spec
        self._run = functools.partial(run, owner)
        self._running = 0  # the call; read by others, too
        self._noted = (0, Achieved.TOO_LATE)  # the last call that did not end of itself; likewise
        self._stirred = threading.Event()  # a call that rests is to end
        self._data: Any = None
        self.reporter = Reporter(self._send_report)
        self.thread = threading.Thread(target=self._main, name=f"fake/{owner.pid}/{number}", daemon=True)

    @property
    def window(self) -> FakeLane:
        """For ``cancelled``."""
        return self

    @property
    def is_cancelled(self) -> bool:
        """Whether the running call is to end."""
        return self._running != 0 and self._words.cancelled == self._running

    def achieved(self, call_id: int) -> Achieved | None:
        """Return what cancelling the call *call_id* has achieved; None: it has not ended yet. From any thread."""
        if self._words.finished < call_id:
            return None
        noted = self._noted
        return noted[1] if noted[0] == call_id else Achieved.TOO_LATE

    def interrupt(self) -> None:
        """End the call that rests, if it is cancelled: no signal ends any other that runs in this process. Any thread."""
        if self.is_cancelled:
            self._stirred.set()

    def stir(self) -> None:
        """The interpreter has ended. Any thread."""
        self._stirred.set()

    def rest(self, seconds: float) -> None:
        """See ``FakeInterpreter.rest``."""
        if self._stirred.wait(min(seconds, threading.TIMEOUT_MAX)):
            raise CallInterrupted

    def _main(self) -> None:
        context: Any = zmq.Context()
        current.enter(self)
        try:
            with context.socket(zmq.DEALER) as data:
                self._data = data
                data.linger = 0
                data.connect(self._endpoint)
                exchange.send(data, Kind.HELLO, self._owner.identity.incarnation, 0, [self._owner.hello()])
                self._serve(data)
        finally:
            current.enter(None)
            context.term()

    def _serve(self, data: Any) -> None:
        poller = zmq.Poller()
        poller.register(data, zmq.POLLIN)
        poller.register(self._owner.pidfd, zmq.POLLIN)
        while not wait_readable(self._owner.pidfd, 0):
            poller.poll()
            # What came together with its end comes too late.
            if wait_readable(self._owner.pidfd, 0):
                return
            with contextlib.suppress(zmq.Again):
                self._answer(data)

    def _answer(self, data: Any) -> None:
        header, body = exchange.receive(data)
        call_id = header.call_id
        self._stirred.clear()
        self._running = call_id
        if self._words.cancelled == call_id:
            self._noted = (call_id, Achieved.NOT_STARTED)
            answer: Answer = (Kind.CANCELLED, [b""])
        else:
            self._words.started = call_id
            self.reporter.begin(call_id)
            answer = calls.perform(self._spec, body, self._run)
            self.reporter.end()
            if answer[0] is Kind.ERROR and self._stirred.is_set():
                self._noted = (call_id, Achieved.INTERRUPTED)
                answer = (Kind.CANCELLED, answer[1])
        self._running = 0
        # Not what it would have said after its end.
        if not self._owner.is_dead():
            exchange.send(data, answer[0], header.incarnation, call_id, answer[1])
            self._words.finished = call_id
            if self._words.cancelled == call_id:
                self._owner.tell(call_id)

    def _send_report(self, call_id: int, report: bytes) -> None:
        # In the call's own thread, which is this one: another has no lane.
        incarnation = self._owner.identity.incarnation
        while not wait_readable(self._owner.pidfd, 0):
            try:
                exchange.send(self._data, Kind.PROGRESS, incarnation, call_id, [report])
            except zmq.Again:
                # Its caller is behind; or it has ended, and nobody will read any more.
                zmq.zmq_poll([(self._data, zmq.POLLOUT), (self._owner.pidfd, zmq.POLLIN)], -1)
            else:
                return
