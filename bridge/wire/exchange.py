"""One message on one socket: header and first part in one frame, big buffers each in a frame of its own.

ZeroMQ is not imported here, only its socket's methods are used, so that both ends share the code and `bridge.wire`
stays free of it. Who may use the socket at the moment is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, final

from bridge.wire.frames import HEADER_SIZE, Header, Kind, check_body, pack, unpack

__all__ = ["NOBLOCK", "Bare", "Message", "MessageSocket", "read", "receive", "send"]

NOBLOCK = 1  #: zmq.NOBLOCK
_SNDMORE = 2  # zmq.SNDMORE
_RCVMORE = 13  # zmq.RCVMORE

Message = tuple[Header, list[memoryview]]


class MessageSocket(Protocol):
    """The part of a ZeroMQ socket that is used here."""

    def send(self, data: Any, flags: int = 0) -> Any:
        """Queue one frame."""

    def recv(self, flags: int = 0, copy: bool = True) -> Any:
        """Take one frame."""

    def get(self, option: int) -> Any:
        """Return an option of the socket."""


@final
class Bare:
    """A ZeroMQ socket's own methods, without what pyzmq wraps around them in Python, which costs as much as they do."""

    __slots__ = ("get", "recv", "send")

    def __init__(self, socket: MessageSocket) -> None:
        own: Any = super(type(socket), socket)
        self.send = own.send
        self.recv = own.recv
        self.get = own.get


def send(
    socket: MessageSocket, kind: Kind, incarnation: int, call_id: int, body: Sequence[bytes | memoryview] = (),
    *, block: bool = False,
) -> None:  # fmt: skip
    """Queue one message. Does not wait, unless *block* is set and the socket's queue is full.

    Raises:
        WireError: If *body* is too large for its kind; nothing was sent.
        zmq.Again: If there is no peer or no room (only without *block*); nothing was sent.
    """
    flags = 0 if block else NOBLOCK
    first = pack(kind, incarnation, call_id, body)
    last = len(body) - 1
    if last < 1:
        socket.send(first, flags)
        return
    # Copied: without a copy pyzmq would start a thread and a context for the whole process to free it later.
    socket.send(first, flags | _SNDMORE)
    for part in body[1:last]:
        socket.send(part, flags | _SNDMORE)
    socket.send(body[last], flags)


def receive(socket: MessageSocket) -> Message:
    """Take one message that is already there; does not wait.

    Returns:
        Its header and the parts of its body, at least one, which may be empty. The buffers are the receiver's own.

    Raises:
        WireError: If the message is not well formed. It has been read to its end, so that the next one starts where it
            should.
        zmq.Again: If there is none.
    """
    return read(socket, socket.recv(NOBLOCK))


def read(socket: MessageSocket, first: bytes) -> Message:
    """Take the rest of the message whose *first* frame was taken; as ``receive``.

    Raises:
        WireError: Likewise.
    """
    try:
        header = unpack(first)
    except ValueError:
        while socket.get(_RCVMORE):
            socket.recv(NOBLOCK, False)
        raise
    body = [memoryview(first)[HEADER_SIZE:]]
    size = len(first) - HEADER_SIZE
    if header.frames == 0 and header.size == size:
        # Whole. Whether more follows is not asked, which costs as much as the rest: it is the next message, and no good one.
        return header, body
    frames = 0
    while socket.get(_RCVMORE):
        # Kept where ZeroMQ put it.
        part = socket.recv(NOBLOCK, False).buffer
        size += part.nbytes
        frames += 1
        # More than was announced is read and not kept.
        if frames <= header.frames:
            body.append(part)
    check_body(header, frames, size)
    return header, body
