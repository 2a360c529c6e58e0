"""One lane: a channel of its own to the service, and one call at a time in it, until it is asked to stop.

Most interpreters have one, which their main thread runs; who has several, and how they are ended, is in `loop`. What a call
is, is in `calls`; everything that must go on while one runs is in `side`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from bridge.interpreter import calls, copies, hearing, sockets
from bridge.interpreter.hearing import Hearing
from bridge.interpreter.interruption import Achieved, CallInterrupted, Window
from bridge.interpreter.reporting import Reporter
from bridge.interpreter.side import Side
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import LARGEST_DATA, Kind, WireError
from bridge.wire.spinning import AdaptiveSpin

if TYPE_CHECKING:
    from bridge.interpreter.failures import Answer
    from bridge.interpreter.logs import Forwarder

__all__ = ["OUT_OF_MEMORY", "Lane"]

#: Exit code of an interpreter that reached its memory limit; the board says so too.
OUT_OF_MEMORY: Final = 78
#: Milliseconds for the last answer to leave at an orderly end.
_LINGER: Final = 1000


class Lane:
    """See the module. All of it is the lane's thread's, but for what `current` gives to others.

    Args:
        spec: What this interpreter was told.
        context: Makes the socket.
        board: The page.
        number: Which lane of the interpreter it is, from 0 on.
        window: Of its thread.
        side: Is told of cancelled calls that have ended.
        stop_fd: Readable when the service has asked for the end.
    """

    def __init__(
        self,
        spec: BootSpec,
        context: Any,
        board: Board,
        number: int,
        window: Window,
        side: Side,
        stop_fd: int,
    ) -> None:
        self._spec = spec
        self._board = board
        self._words = board.lanes[number]
        self.window = window
        self.reporter = Reporter(self._send_report)
        self._side = side
        self._stop_fd = stop_fd
        self._data = sockets.connect(context, spec.data[number], largest=LARGEST_DATA, linger=_LINGER)
        self._heard = Hearing(spec.incarnation, {Kind.CALL})
        # Of several lanes each would take Python from the others, and be awake for nothing.
        self._spin = AdaptiveSpin(self._data.get, spec.spin if len(spec.data) == 1 else 0.0)

    def greet(self, hello: bytes) -> None:
        """Send the first message."""
        exchange.send(self._data, Kind.HELLO, self._spec.incarnation, 0, [hello], block=True)

    def forward_logs(self, forwarder: Forwarder) -> None:
        """Have the log records of its calls sent, too."""
        self.reporter.lend_for_logs(self._offer_record, self._send_record, forwarder.tell_dropped)

    def run(self) -> None:
        """Serve calls until the service asks for the end; then the channel is closed."""
        data, spin, side = self._data, self._spin, self._side
        watched = [(data, sockets.READABLE), (self._stop_fd, sockets.READABLE)]
        try:
            while True:
                # The end comes before a call that is there.
                if side.stopping or not spin.wait():
                    ready = sockets.wait(watched)
                    if ready[0][0] is not data or len(ready) > 1:
                        break
                spin.came()
                self._serve()
        except WireError as error:
            hearing.end(error)
        except MemoryError:
            if copies.is_copy:
                copies.end()
            self._board.set_out_of_memory()
            # Nothing that needs memory can be relied on any more, a clean end included.
            os._exit(OUT_OF_MEMORY)
        data.close()

    def _serve(self) -> None:
        """Run one call; what it returns or raises is answered, what it holds is gone at the end."""
        call_id, body = self._heard.take_call(self._data)
        words, window, reporter = self._words, self.window, self.reporter

        answer: Answer = (Kind.CANCELLED, [b""])
        try:
            # In here, and only in here, SIGINT may raise, and of that only in the call's own code.
            window.begin(call_id)
            words.started = call_id
            reporter.begin(call_id)
            answer = calls.perform(self._spec, body, window.run)
            window.take_back()
        except CallInterrupted:
            # Before the call's own code, or while its failure was being described.
            window.take_back()
            if words.started == call_id:
                answer = (Kind.CANCELLED, [b"{}"])
        if copies.is_copy:
            copies.end()
        reporter.end()
        kind, parts = answer
        if kind is Kind.ERROR and window.struck == call_id:
            kind = Kind.CANCELLED
        if kind is Kind.CANCELLED:
            window.note(call_id, Achieved.INTERRUPTED if words.started == call_id else Achieved.NOT_STARTED)
        exchange.send(self._data, kind, self._spec.incarnation, call_id, parts, block=True)
        words.finished = call_id
        if words.cancelled == call_id:
            self._side.tell(call_id)

    def _send_report(self, call_id: int, report: bytes) -> None:
        if self._spec.secrets:
            # Not at the top: few workers have any.
            from bridge.wire.redaction import Redactor

            report = Redactor(self._spec.secrets)(report.decode()).encode()
        exchange.send(self._data, Kind.PROGRESS, self._spec.incarnation, call_id, [report], block=True)

    def _offer_record(self, call_id: int, record: bytes) -> bool:
        try:
            exchange.send(self._data, Kind.LOG, self._spec.incarnation, call_id, [record])
        except sockets.Again:
            return False
        return True

    def _send_record(self, call_id: int, record: bytes) -> None:
        exchange.send(self._data, Kind.LOG, self._spec.incarnation, call_id, [record], block=True)
