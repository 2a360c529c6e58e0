"""The child's life: a lane for each call that may run at a time, the side thread beside them, and the orderly end of all.

What a lane does with a call is in `lane`.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from bridge.interpreter import copies, current, interruption, sockets
from bridge.interpreter.interruption import Achieved, Window
from bridge.interpreter.lane import Lane
from bridge.interpreter.side import Side
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import CAPABILITIES, VERSION
from bridge.wire.json_text import json_text

__all__ = ["run"]

#: Seconds for the side thread to end, which has nothing to wait for.
_END: Final = 1.0


def run(spec: BootSpec) -> None:
    """Serve calls until the host asks for the end."""
    count = len(spec.data)
    board = Board(spec.board_fd, count)
    os.close(spec.board_fd)
    context = sockets.new_context()
    stop_fd = os.eventfd(0, os.EFD_CLOEXEC)
    hello = _hello(spec)
    copies.install()

    def achieved(call_id: int) -> Achieved | None:
        return windows[board.lane_of(call_id)].achieved(call_id)

    windows: dict[int, Window] = {}
    side = Side(context, spec, stop_fd, hello, achieved)

    def make(number: int, window: Window) -> Lane:
        windows[number] = window
        return Lane(spec, context, board, number, window, side, stop_fd)

    def ready(lanes: list[Lane]) -> None:
        interruption.install(windows.values())
        side.start()
        _greet(spec, lanes, hello)

    if count == 1:
        only = make(0, Window(board.lanes[0]))
        current.set_only(only)
        ready([only])
        only.run()
    else:
        # Not at the top: most workers run one call at a time.
        from bridge.interpreter import threads

        threads.run(board, make, ready)
    side.end(_END)
    context.term()


def _greet(spec: BootSpec, lanes: list[Lane], hello: bytes) -> None:
    """Say hello, now that everything is there; the service may answer with a call."""
    if spec.log_level is not None:
        # Not at the top: nobody else needs the standard library's logging.
        from bridge.interpreter import logs, reporting

        forwarder = logs.install(spec, reporting.offer, reporting.insist)
        for lane in lanes:
            lane.forward_logs(forwarder)
    for lane in lanes:
        lane.greet(hello)


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
