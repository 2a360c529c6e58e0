"""One connection for an incarnation's life: how much may wait in it, that there is no second, and that it is not lost.

What travels over it is not looked at here (`channel`, `handshake`); what follows from a fault is `interpreter_process`'s.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, final

import zmq
from zmq.utils.monitor import recv_monitor_message

from bridge.errors import ProtocolError
from bridge.protocol import Line
from bridge.wire.frames import LARGEST_CONTROL, LARGEST_DATA, QUEUE, Fault

__all__ = ["Connection"]

_LARGEST: Final = MappingProxyType({Line.DATA: LARGEST_DATA, Line.CONTROL: LARGEST_CONTROL})
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
            told = recv_monitor_message(self.monitor)
            if told["event"] & _MADE:
                self.made += 1
            elif told["event"] & _LOST:
                event = str(zmq.Event(told["event"]).name).lower()
                lost = f"the connection of its {self.line.value} channel was lost ({event})"
        if self.made > 1:
            raise ProtocolError(
                Fault.CONNECTION,
                f"connection {self.made} to the {self.line.value} channel, which has one for life",
            )
        return lost

    def close(self) -> None:
        """Watch it no more. Idempotent."""
        self.monitor.close()
