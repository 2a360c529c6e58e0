"""The handshake of one incarnation: all its channels must be greeted by the process that we started.

Which message may come when is `protocol`'s rule; what happens once all are open is the interpreter's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from bridge.channel import Socket, receive, send
from bridge.errors import ProtocolError
from bridge.protocol import Conversation, Hello, Line, State
from bridge.wire.exchange import Message
from bridge.wire.frames import Kind

__all__ = ["Handshake"]


@final
class Handshake:
    """All conversations until they are open, and the control channel's afterwards. On the hub's thread only."""

    def __init__(
        self, *, incarnation: int, nonce: str, pid: int, control: Socket, data: Sequence[Socket]
    ) -> None:
        self.hello: Hello | None = None  #: the last accepted one
        self._control = control
        self._conversations = {
            socket: Conversation(line=line, incarnation=incarnation, nonce=nonce, pid=pid)
            for line, sockets in ((Line.CONTROL, [control]), (Line.DATA, data))
            for socket in sockets
        }

    @property
    def complete(self) -> bool:
        """Whether all channels are open."""
        return all(conversation.state is State.OPEN for conversation in self._conversations.values())

    def conversation(self, socket: Socket) -> Conversation:
        """Return how far the channel of *socket* is."""
        return self._conversations[socket]

    def take(self, socket: Socket) -> Message | None:
        """Take one message from *socket*: a hello, or what may come after it; after a goodbye, nothing.

        Returns:
            The message, or None if there was none.

        Raises:
            ProtocolError: If it may not come now, or its sender is not the process that we started; after telling it.
        """
        message = receive(socket)
        if message is None:
            return None
        header, body = message
        conversation = self._conversations[socket]
        try:
            conversation.check(header)
            if header.kind is Kind.HELLO:
                self.hello = Hello.parse(bytes(body[0]))
                self._conversations[socket] = conversation.greet(header, self.hello)
            elif header.kind is Kind.GOODBYE:
                self._conversations[socket] = conversation.closed()
        except ProtocolError as error:
            # Out of courtesy: whether it hears it or not, it is killed.
            send(self._control, Kind.REFUSED, conversation.incarnation, 0, [str(error).encode()])
            raise
        return message
