"""The child's main thread: take a call, run it, answer, until asked to stop.

What a call is, is in `calls`; everything that must go on while one runs is in `side`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from bridge.interpreter import calls, copies, hearing, interruption, reporting, sockets
from bridge.interpreter.hearing import Hearing
from bridge.interpreter.interruption import Achieved
from bridge.interpreter.side import Side
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import CAPABILITIES, LARGEST_DATA, VERSION, Kind, WireError
from bridge.wire.json_text import json_text

if TYPE_CHECKING:
    from bridge.interpreter.failures import Answer

__all__ = ["OUT_OF_MEMORY", "run"]

#: Exit code of an interpreter that reached its memory limit; the board says so too.
OUT_OF_MEMORY: Final = 78
#: Seconds for the side thread to end, which has nothing to wait for.
_END: Final = 1.0
#: Milliseconds for the last answer to leave at an orderly end.
_LINGER: Final = 1000


def run(spec: BootSpec) -> None:
    """Serve calls until the host asks for the end."""
    board = Board(spec.board_fd)
    os.close(spec.board_fd)
    context = sockets.new_context()
    stop_fd = os.eventfd(0, os.EFD_CLOEXEC)
    hello = _hello(spec)
    interruption.install(board)
    copies.install()
    side = Side(context, spec, stop_fd, hello, interruption.achieved)
    side.start()
    data = sockets.connect(context, spec.data, largest=LARGEST_DATA, linger=_LINGER)
    exchange.send(data, Kind.HELLO, spec.incarnation, 0, [hello], block=True)

    def send_report(call_id: int, report: bytes) -> None:
        exchange.send(data, Kind.PROGRESS, spec.incarnation, call_id, [report], block=True)

    reporting.lend(send_report)
    if spec.log_level is not None:
        _forward_logs(spec, data)
    watched = [(data, sockets.READABLE), (stop_fd, sockets.READABLE)]
    heard = Hearing(spec.incarnation, {Kind.CALL})
    try:
        while True:
            ready = sockets.wait(watched)
            if ready[0][0] is not data or len(ready) > 1:
                break
            _serve(spec, board, data, heard, side)
    except WireError as error:
        hearing.end(error)
    except MemoryError:
        if copies.is_copy:
            copies.end()
        board.set_out_of_memory()
        # Nothing that needs memory can be relied on any more, a clean end included.
        os._exit(OUT_OF_MEMORY)
    side.end(_END)
    data.close()
    context.term()


def _serve(spec: BootSpec, board: Board, data: Any, heard: Hearing, side: Side) -> None:
    """Run one call; what it returns or raises is answered, what it holds is gone at the end."""
    header, body = heard.take(data)
    call_id = header.call_id

    answer: Answer = (Kind.CANCELLED, [b""])
    try:
        # In here, and only in here, SIGINT may raise, and of that only in the call's own code.
        interruption.begin(call_id)
        board.started = call_id
        reporting.begin(call_id)
        answer = calls.perform(spec, body)
        interruption.window = 0
    except interruption.CallInterrupted:
        # Before the call's own code, or while its failure was being described. The window is closed.
        if board.started == call_id:
            answer = (Kind.CANCELLED, [b"{}"])
    if copies.is_copy:
        copies.end()
    reporting.end()
    kind, parts = answer
    if kind is Kind.ERROR and interruption.struck == call_id:
        kind = Kind.CANCELLED
    if kind is Kind.CANCELLED:
        interruption.note(call_id, Achieved.INTERRUPTED if board.started == call_id else Achieved.NOT_STARTED)
    exchange.send(data, kind, spec.incarnation, call_id, parts, block=True)
    board.finished = call_id
    if board.cancelled == call_id:
        side.tell(call_id)


def _forward_logs(spec: BootSpec, data: Any) -> None:
    # Not at the top: nobody else needs the standard library's logging.
    from bridge.interpreter import logs

    def offer_record(call_id: int, record: bytes) -> bool:
        try:
            exchange.send(data, Kind.LOG, spec.incarnation, call_id, [record])
        except sockets.Again:
            return False
        return True

    def send_record(call_id: int, record: bytes) -> None:
        exchange.send(data, Kind.LOG, spec.incarnation, call_id, [record], block=True)

    forwarder = logs.install(spec, reporting.offer, reporting.insist)
    reporting.lend_for_logs(offer_record, send_record, forwarder.tell_dropped)


def _hello(spec: BootSpec) -> bytes:
    return json_text(
        {
            "worker": spec.worker,
            "incarnation": spec.incarnation,
            "nonce": spec.nonce,
            "pid": os.getpid(),
            "protocol": VERSION,
            "python": sys.version.split()[0],
            "pyzmq": sockets.PYZMQ,
            "capabilities": CAPABILITIES,
        }
    ).encode()
