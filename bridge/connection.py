"""One connection for an incarnation's life: how much may wait in it, that there is no second, and that it is not lost.

What travels over it is not looked at here (`channel`, `handshake`); what follows from a fault is `interpreter_process`'s.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final, final

import zmq

from bridge.errors import ProtocolError
from bridge.hub import Hub, Resident
from bridge.protocol import Line
from bridge.wire.frames import LARGEST_CONTROL, LARGEST_DATA, QUEUE, Fault
from supervision.clock import Timer

__all__ = ["Connection", "Connections"]

_LARGEST: Final = MappingProxyType({Line.DATA: LARGEST_DATA, Line.CONTROL: LARGEST_CONTROL})
#: As ZeroMQ writes an event: its number, and a value of its own.
_TOLD: Final = struct.Struct("=hi")
#: Seconds between the loss of a connection and the end of the process, if that is the cause.
_GRACE: Final = 1.0
_MADE: Final = zmq.EVENT_ACCEPTED
_LOST: Final = (
    zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


@final
class Connection:
    """What ZeroMQ takes on one channel, and tells of its connections. On the hub's thread, once it is made.

    A frame that is too large ends the connection before it is read; a sender has to wait while too many messages do.

    Args:
        line: Which channel it is.
        socket: The host's end, before it is bound; its limits are set.
    """

    def __init__(self, line: Line, socket: zmq.Socket[bytes]) -> None:
        socket.linger = 0
        socket.maxmsgsize = _LARGEST[line]
        socket.rcvhwm = QUEUE
        self.line = line
        self._socket = socket
        self._stopped = False
        self.made = 0  #: how many there were; more than one is a fault
        self.monitor: zmq.Socket[bytes] = socket.get_monitor_socket(
            _MADE | _LOST
        )  #: readable when something is told
        self.monitor.linger = 0

    def take(self) -> str | None:
        """Take what was told.

        Returns:
            None as long as it holds; else what became of it: lost, which its process's own end explains if that follows.

        Raises:
            ProtocolError: If there is a second one: whatever is sent might go to it.
        """
        lost = None
        while self.monitor.poll(0):
            # pyzmq's own reading of it would import asyncio.
            event, _ = _TOLD.unpack(self.monitor.recv_multipart(zmq.NOBLOCK)[0])
            if event & _MADE:
                self.made += 1
            elif event & _LOST:
                name = str(zmq.Event(event).name).lower()
                lost = f"the connection of its {self.line.value} channel was lost ({name})"
        if self.made > 1:
            raise ProtocolError(
                Fault.CONNECTION,
                f"connection {self.made} to the {self.line.value} channel, which has one for life",
            )
        return lost

    def stop(self) -> None:
        """Have nothing told any more; before the socket is closed. Idempotent.

        ZeroMQ's I/O thread, which serves every interpreter of the service, waits for ever to tell what nobody takes. This is
        the one thing that may be done with a socket while another thread uses it: ZeroMQ guards it by a lock of its own.
        """
        if not self._stopped:
            self._stopped = True
            self._socket.disable_monitor()

    def close(self) -> None:
        """Watch it no more. Idempotent."""
        self.stop()
        self.monitor.close()


@final
class Connections:
    """Those of one interpreter, watched by its hub; its ``io_failed`` hears of a fault. On the hub's thread."""

    def __init__(self, hub: Hub, owner: Resident, each: Sequence[Connection]) -> None:
        self._hub = hub
        self._owner = owner
        self._each = each
        self._lost: Timer | None = None

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._each)

    def watch(self) -> None:
        """Begin."""
        for each in self._each:
            self._hub.watch(each.monitor, self._owner, functools.partial(self._on_event, each))

    def unwatch(self) -> None:
        """End, for good: from now on they may be lost. Idempotent."""
        for each in self._each:
            self._hub.unwatch(each.monitor)
            each.stop()

    def close(self) -> None:
        """Close the monitors, which are in the hub's poll no more. Idempotent."""
        self.unwatch()
        if self._lost is not None:
            self._lost.cancel()
        for each in self._each:
            each.close()

    def _on_event(self, connection: Connection) -> None:
        lost = connection.take()
        if lost is not None:
            self.unwatch()
            # A process that ends closes it, too, a moment before its end can be seen.
            error = ProtocolError(Fault.CONNECTION, lost)
            self._lost = self._hub.clock.call_at(
                self._hub.clock.now() + _GRACE,
                lambda: self._tell(error),
            )

    def _tell(self, error: ProtocolError) -> None:
        self._hub.run_there(lambda: self._owner.io_failed(error), 0, self._owner)
