"""The data channels of one interpreter: one for each call that it may run at a time.

Most interpreters run one. One call's numbers go up by how many lanes there are, so that a number tells its lane
(`Board.lane_of`). What a call does in its channel is `channel`'s; how the child runs several is `interpreter.threads`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from bridge.certificate import CallRecord
from bridge.channel import DataChannel, Incarnation, Socket
from bridge.enforcement import Enforcement, Target
from bridge.handshake import Handshake
from bridge.ladder import Graces
from bridge.launchers.launcher import Placement
from supervision.clock import Clock

__all__ = ["Lanes"]


@final
class Lanes:
    """See the module.

    Args:
        owner: The interpreter.
        sockets: Bound; one for each lane.
        handshake: Of these sockets.
        placement: The process.
        target: What can be done to it from outside.
        graces: How a call is ended.
        clock: Counts deadlines.
        codec: How calls are written.
    """

    def __init__(
        self,
        owner: Incarnation,
        sockets: Sequence[Socket],
        handshake: Handshake,
        placement: Placement,
        *,
        target: Target,
        graces: Graces,
        clock: Clock,
        codec: str,
    ) -> None:
        self._board = placement.board
        self._handshake = handshake
        self._clock = clock
        self.channels = tuple(
            DataChannel(
                owner,
                socket,
                handshake.conversation(socket),
                placement.pidfd,
                placement.board,
                number,
                clock,
                Enforcement(target, graces, clock),
                codec,
            )
            for number, socket in enumerate(sockets)
        )

    @property
    def sockets(self) -> list[Socket]:
        """The host's ends."""
        return [channel.socket for channel in self.channels]

    def of(self, call_id: int) -> DataChannel:
        """Return the channel of the call *call_id*."""
        return self.channels[self._board.lane_of(call_id)]

    def open(self) -> None:
        """Hand the sockets over: the handshake is complete. On the hub's thread."""
        for channel in self.channels:
            channel.open(self._handshake.conversation(channel.socket))

    def running(self) -> tuple[CallRecord, ...]:
        """Return the calls that are in the interpreter, the longest first. From any thread."""
        records = (channel.running() for channel in self.channels)
        return tuple(sorted(filter(None, records), key=lambda record: -record.age))

    def close(self, timeout: float) -> bool:
        """Close all sockets that no call holds; blocks at most *timeout* seconds. Returns whether that is all. Idempotent."""
        deadline = self._clock.now() + timeout
        closed = [channel.close(max(0.0, deadline - self._clock.now())) for channel in self.channels]
        return all(closed)
