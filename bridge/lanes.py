"""The data channels of one interpreter: one for each call that it may run at a time.

Most interpreters run one. One call's numbers go up by how many lanes there are, so that a number tells its lane
(`wire.numbers`). What a call does in its channel is `channel`'s; how the child runs several is `interpreter.threads`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol, final

from bridge.certificate import CallRecord
from bridge.channel import DataChannel, Incarnation, Socket
from bridge.enforcement import Enforcement, Target
from bridge.handshake import Handshake
from bridge.hub import Hub, Resident
from bridge.launch import Launched
from bridge.options import InterpreterOptions

__all__ = ["Lanes"]


class _Owner(Incarnation, Resident, Protocol):
    """The interpreter."""


@final
class Lanes:
    """See the module.

    Args:
        owner: The interpreter.
        hub: Its hub.
        launched: With a socket for each lane.
        handshake: Of these sockets.
        target: What can be done to the process from outside.
        options: How a call is ended, and how long who waits for it stays awake.
        greeted: Told of each hello, on the hub's thread.
    """

    def __init__(
        self,
        owner: _Owner,
        hub: Hub,
        launched: Launched,
        handshake: Handshake,
        *,
        target: Target,
        options: InterpreterOptions,
        greeted: Callable[[], None],
    ) -> None:
        placement = launched.placement
        self._owner = owner
        self._hub = hub
        self._board = placement.board
        self._handshake = handshake
        self._greeted = greeted
        self.channels = tuple(
            DataChannel(
                owner,
                socket,
                handshake.conversation(socket),
                placement.pidfd,
                placement.board,
                number,
                hub.clock,
                Enforcement(target, options.graces, hub.clock),
                launched.codec,
                options.spin,
            )
            for number, socket in enumerate(launched.data)
        )

    def of(self, call_id: int) -> DataChannel:
        """Return the channel of the call *call_id*."""
        return self.channels[self._board.lane_of(call_id)]

    def running(self) -> tuple[CallRecord, ...]:
        """Return the calls that are in the interpreter, the longest first. From any thread."""
        records = (channel.running() for channel in self.channels)
        return tuple(sorted(filter(None, records), key=lambda record: -record.age))

    def close(self, timeout: float) -> bool:
        """Close all sockets that no call holds; blocks at most *timeout* seconds. Returns whether that is all. Idempotent."""
        deadline = self._hub.clock.now() + timeout
        closed = [channel.close(max(0.0, deadline - self._hub.clock.now())) for channel in self.channels]
        return all(closed)

    # On the hub's thread.

    def watch(self) -> None:
        """Wait for the hellos."""
        for channel in self.channels:
            self._hub.watch(channel.socket, self._owner, functools.partial(self._on_hello, channel.socket))

    def unwatch(self) -> None:
        """Wait for them no more. Idempotent."""
        for channel in self.channels:
            self._hub.unwatch(channel.socket)

    def open(self) -> None:
        """Hand the sockets over: the handshake is complete."""
        for channel in self.channels:
            channel.open(self._handshake.conversation(channel.socket))

    def _on_hello(self, socket: Socket) -> None:
        if self._handshake.take(socket) is not None:
            # From now on it is the lease holder's.
            self._hub.unwatch(socket)
            self._greeted()
