"""The child's side thread: answers on the control channel while calls run, and ends the child if the service is gone.

It is not what the death of the service depends on (`bridge.lifeline`): a call that holds the GIL stops it.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, final

import zmq

from bridge.interpreter import hearing
from bridge.interpreter.hearing import Hearing
from bridge.wire import exchange
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import LARGEST_CONTROL, QUEUE, Kind, WireError

__all__ = ["Side"]


@final
class Side:
    """The thread and its socket; it writes to *stop_fd* when the host asks for an end."""

    def __init__(self, context: Any, spec: BootSpec, stop_fd: int, hello: bytes) -> None:
        self._context = context
        self._spec = spec
        self._stop_fd = stop_fd
        self._hello = hello
        self._heard = Hearing(spec.incarnation, {Kind.PING, Kind.STOP, Kind.REFUSED})
        self._end_fd = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="treewarden/side", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self, timeout: float) -> None:
        """Have the thread close its socket and end; wait for it, at most *timeout* seconds."""
        os.eventfd_write(self._end_fd, 1)
        self._thread.join(timeout)

    def _run(self) -> None:
        spec = self._spec
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 0
        socket.reconnect_ivl = -1
        socket.maxmsgsize = LARGEST_CONTROL
        socket.rcvhwm = QUEUE
        socket.connect(spec.control)
        exchange.send(socket, Kind.HELLO, spec.incarnation, 0, [self._hello], block=True)
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(spec.service_fd, zmq.POLLIN)
        # Nobody ever writes into it: readable means closed.
        poller.register(spec.lifeline_fd, zmq.POLLIN | zmq.POLLERR)
        poller.register(self._end_fd, zmq.POLLIN)
        while True:
            for source, _ in poller.poll():
                if source is socket:
                    self._answer(socket)
                elif source == self._end_fd:
                    socket.close()
                    return
                else:
                    # A copy of the service that C code forked may hold the pipe open; its pidfd is not deceived.
                    os.killpg(0, signal.SIGKILL)

    def _answer(self, socket: Any) -> None:
        try:
            header, body = self._heard.take(socket)
        except WireError as error:
            hearing.end(error)
        if header.kind is Kind.PING:
            exchange.send(socket, Kind.PONG, self._spec.incarnation, header.call_id, block=True)
        elif header.kind is Kind.STOP:
            os.eventfd_write(self._stop_fd, 1)
        elif header.kind is Kind.REFUSED:
            os.write(2, b"the service refused the handshake: " + b"".join(body) + b"\n")
            os._exit(1)
