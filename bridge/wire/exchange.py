"""One message on one socket: header first, then its payload frames.

ZeroMQ is not imported here, only its socket's methods are used, so that both ends share the code and `bridge.wire`
stays free of it. Who may use the socket at the moment is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from bridge.wire.frames import Header, Kind, check_body, pack, unpack

__all__ = ["Message", "MessageSocket", "receive", "send"]

_NOBLOCK = 1  # zmq.NOBLOCK
_SNDMORE = 2  # zmq.SNDMORE

#: From this size on a received frame stays where ZeroMQ put it; below it the bookkeeping costs more than the copy.
_BIG = 64 * 1024

Message = tuple[Header, list[memoryview]]


class MessageSocket(Protocol):
    """The part of a ZeroMQ socket that is used here."""

    @property
    def rcvmore(self) -> Any:
        """Whether more frames of the same message follow."""

    def send(self, data: Any, flags: int = 0) -> Any:
        """Queue one frame."""

    def recv(self, flags: int = 0, copy: bool = True) -> Any:
        """Take one frame."""


def send(
    socket: MessageSocket, kind: Kind, incarnation: int, call_id: int, body: Sequence[bytes | memoryview] = (),
    *, block: bool = False,
) -> None:  # fmt: skip
    """Queue one message. Does not wait, unless *block* is set and the socket's queue is full.

    Raises:
        WireError: If *body* is too large for its kind; nothing was sent.
        zmq.Again: If there is no peer or no room (only without *block*); nothing was sent.
    """
    flags = 0 if block else _NOBLOCK
    header = pack(kind, incarnation, call_id, body)
    if not body:
        socket.send(header, flags)
        return
    socket.send(header, flags | _SNDMORE)
    last = len(body) - 1
    for index, part in enumerate(body):
        # Copied: without a copy pyzmq would start a thread and a context for the whole process to free it later.
        socket.send(part, flags if index == last else flags | _SNDMORE)


def receive(socket: MessageSocket) -> Message:
    """Take one message that is already there; does not wait.

    A message that is refused has been read to its end, so the next one starts where it should.

    Raises:
        WireError: If the message is not well formed.
        zmq.Again: If there is none.
    """
    first = socket.recv(_NOBLOCK)
    if not socket.rcvmore:
        header = unpack(first)
        check_body(header, 0, 0)
        return header, []
    # A big message is kept where ZeroMQ put it, a small one is cheaper to copy: how big it is stands in the header.
    try:
        header = unpack(first)
    except ValueError:
        while socket.rcvmore:
            socket.recv(_NOBLOCK, False)
        raise
    copy = header.size < _BIG
    body: list[memoryview] = []
    size = 0
    while socket.rcvmore:
        part = socket.recv(_NOBLOCK, copy)
        view = memoryview(part) if copy else part.buffer
        size += view.nbytes
        body.append(view)
    check_body(header, len(body), size)
    return header, body
