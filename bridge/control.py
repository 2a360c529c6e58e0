"""The control channel: what may be asked of an interpreter while a call runs: for an answer to a ping, and for its end.

What comes in on it is read by `interpreter_process`, on the hub's thread, by the rules of `handshake`; calls go over the
other channel (`channel`).
"""

from __future__ import annotations

import itertools
import threading
from typing import final

from bridge.channel import Socket, send
from bridge.errors import NoPong
from bridge.hub import Hub
from bridge.launchers.launcher import Identity
from bridge.wire.frames import Kind

__all__ = ["ControlChannel"]


@final
class ControlChannel:
    """The host's end of one incarnation's control channel. Its socket is the hub's thread's, also when others ask."""

    def __init__(self, hub: Hub, socket: Socket, identity: Identity) -> None:
        self.socket = socket
        self._hub = hub
        self._identity = identity
        self._pings: dict[int, threading.Event] = {}
        self._ping_ids = itertools.count(1)

    def ask_to_stop(self) -> None:
        """Ask for the end after the running call. On the hub's thread."""
        self._say(Kind.STOP, 0)

    def ping(self, timeout: float) -> float:
        """Return the seconds of a round trip to the child's side thread, which answers while a call runs. Blocks.

        Raises:
            NoPong: If there is no answer within *timeout* seconds.
        """
        number = next(self._ping_ids)
        self._pings[number] = answered = threading.Event()
        since = self._hub.clock.now()
        try:
            self._hub.run_there(lambda: self._say(Kind.PING, number), timeout)
            if not answered.wait(timeout):
                raise NoPong(self._identity.worker, timeout)
            return self._hub.clock.now() - since
        finally:
            del self._pings[number]

    def answered(self, number: int) -> None:
        """Take the answer to ping *number*; one that nobody waits for any more changes nothing. On the hub's thread."""
        if (answered := self._pings.get(number)) is not None:
            answered.set()

    def close(self) -> None:
        """Close the socket, which is in the hub's poll no more. On the hub's thread. Idempotent."""
        self.socket.close(linger=0)

    def _say(self, kind: Kind, number: int) -> None:
        if not self.socket.closed:
            send(self.socket, kind, self._identity.incarnation, number)
