"""The child's side thread: answers on the control channel while calls run, and ends the child if the service is gone.

It is not what the death of the service depends on (`bridge.lifeline`): a call that holds the GIL stops it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, final

from bridge.interpreter import hearing, sockets
from bridge.interpreter.hearing import Hearing
from bridge.interpreter.interruption import Achieved
from bridge.wire import exchange
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import LARGEST_CONTROL, Kind, WireError

__all__ = ["Side"]

#: Milliseconds for the goodbye to leave.
_LINGER: Final = 1000


@final
class Side:
    """The thread and its socket; it writes to *stop_fd* when the host asks for an end.

    Args:
        context: Makes the socket.
        spec: Where to connect, and what to watch.
        stop_fd: An eventfd.
        hello: The first message.
        achieved: Says what became of a cancelled call; None: it runs.
    """

    def __init__(
        self,
        context: Any,
        spec: BootSpec,
        stop_fd: int,
        hello: bytes,
        achieved: Callable[[int], Achieved | None],
    ) -> None:
        self._context = context
        self._spec = spec
        self._stop_fd = stop_fd
        self.stopping = False  #: whether it was; only ever becomes true
        self._hello = hello
        self._achieved = achieved
        self._heard = Hearing(spec.incarnation, {Kind.PING, Kind.STOP, Kind.CANCEL, Kind.REFUSED})
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC)
        #: Cancelled calls that have ended; None: the end of all. Written by the main thread.
        self._told: deque[int | None] = deque()
        self._thread = threading.Thread(target=self._run, name="treewarden/side", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell(self, call_id: int) -> None:
        """Have the thread tell the host what became of the call *call_id*, which was cancelled and has ended."""
        self._told.append(call_id)
        os.eventfd_write(self._wake_fd, 1)

    def end(self, timeout: float) -> None:
        """Have the thread say goodbye, close its socket and end; wait for it, at most *timeout* seconds."""
        self._told.append(None)
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join(timeout)

    def _run(self) -> None:
        # It is meant for the code of a call, which would not notice if this thread took it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        spec = self._spec
        socket = sockets.connect(self._context, spec.control, largest=LARGEST_CONTROL, linger=0)
        exchange.send(socket, Kind.HELLO, spec.incarnation, 0, [self._hello], block=True)
        watched = [
            (socket, sockets.READABLE),
            (spec.service_fd, sockets.READABLE),
            # Nobody ever writes into it: readable means closed.
            (spec.lifeline_fd, sockets.READABLE | sockets.CLOSED),
            (self._wake_fd, sockets.READABLE),
        ]
        while True:
            for source, _ in sockets.wait(watched):
                if source is socket:
                    self._answer(socket)
                elif source == self._wake_fd:
                    os.eventfd_read(self._wake_fd)
                    while self._told:
                        if (call_id := self._told.popleft()) is None:
                            self._say_goodbye(socket)
                            return
                        self._tell(socket, call_id)
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
        elif header.kind is Kind.CANCEL:
            # One that runs is told of when it ends: the word was on the board before this message was sent.
            self._tell(socket, header.call_id)
        elif header.kind is Kind.STOP:
            self.stopping = True
            os.eventfd_write(self._stop_fd, 1)
        elif header.kind is Kind.REFUSED:
            os.write(2, b"the service refused the handshake: " + b"".join(body) + b"\n")
            os._exit(1)

    def _say_goodbye(self, socket: Any) -> None:
        try:
            exchange.send(socket, Kind.GOODBYE, self._spec.incarnation, 0)
        except sockets.Again:
            pass  # then it is not heard
        socket.close(linger=_LINGER)

    def _tell(self, socket: Any, call_id: int) -> None:
        if (achieved := self._achieved(call_id)) is not None:
            text = achieved.value.encode()
            exchange.send(socket, Kind.CANCELLED, self._spec.incarnation, call_id, [text], block=True)
