"""Several lanes, each in a thread of its own; the main thread passes signals on to them, and waits for their end.

Imported where a worker runs several calls at a time only.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bridge.interpreter import current, sockets
from bridge.interpreter.thread_window import ThreadWindow
from bridge.wire.board import Board

if TYPE_CHECKING:
    from bridge.interpreter.interruption import Window
    from bridge.interpreter.lane import Lane

__all__ = ["run"]

_SIGNALS: Final = 4096  #: that are taken note of at a time


def run(board: Board, make: Callable[[int, Window], Lane], ready: Callable[[list[Lane]], None]) -> None:
    """Run a lane for each of *board*'s until the service asks for the end. In the main thread.

    Args:
        board: The page.
        make: Makes a lane, given its number and window, in the lane's own thread.
        ready: Is given all of them once they are made; then they run.
    """
    # While there is one thread: several that ask for what has not run of it would each find half of it.
    _ = importlib.import_module("zmq").Context
    lanes: list[Lane] = []
    together = threading.Barrier(len(board.lanes) + 1)
    ended_fd = os.eventfd(0, os.EFD_CLOEXEC)
    # A signal that comes in the moment before the wait is not slept through: it has written here, whatever thread it met.
    came_fd, wakeup_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)

    def work(number: int) -> None:
        try:
            lane = make(number, ThreadWindow(board.lanes[number]))
            current.enter(lane)
            lanes.append(lane)
            together.wait()
            together.wait()
            lane.run()
        except BaseException:  # it has nobody above it, and its callers would wait
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os.eventfd_write(ended_fd, 1)

    for number in range(len(board.lanes)):
        threading.Thread(target=work, args=(number,), name=f"treewarden/call-{number}", daemon=True).start()
    together.wait()
    ready(lanes)
    together.wait()
    left = len(lanes)
    while left:
        # Handlers run here, in the main thread.
        for source, _ in sockets.wait([(ended_fd, sockets.READABLE), (came_fd, sockets.READABLE)]):
            if source == ended_fd:
                left -= os.eventfd_read(ended_fd)
            else:
                os.read(came_fd, _SIGNALS)
