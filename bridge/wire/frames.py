"""The header of each message: magic, version, kind, whose it is, how much follows.

What the bytes after the header mean is not here (`codec`), nor which message may come when (`bridge.protocol`).
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

__all__ = [
    "CAPABILITIES",
    "HEADER_SIZE",
    "LARGEST_CONTROL",
    "LARGEST_DATA",
    "LIMITS",
    "MAX_FRAMES",
    "QUEUE",
    "VERSION",
    "Fault",
    "Header",
    "Kind",
    "WireError",
    "check_body",
    "opening_of",
    "pack",
    "unpack",
    "usual",
]

VERSION = 1  #: Raised with every change of a header or a payload that an older end would misread.
MAX_FRAMES = 65_535  #: Out-of-band buffers of one message.

#: What this end can do beyond calls, pings and an orderly end; a hello tells it, unknown words in one mean nothing.
CAPABILITIES = ("progress",)

_MAGIC = b"TWdn"
_HEADER = struct.Struct("!4sHHIQQQ")
HEADER_SIZE = _HEADER.size
#: A header is told apart in two: what is known beforehand of the message that is waited for, and what is not.
_KNOWN = struct.Struct("!4sHHIQ")
_REST = struct.Struct("!QQ")


class Kind(enum.IntEnum):
    """What a message is."""

    HELLO = 1  #: child to host, both channels: who I am (JSON)
    REFUSED = 2  #: host to child, control: the hello was not accepted (text)
    CALL = 3  #: host to child, data: a pickled call
    RESULT = 4  #: child to host, data: the pickled result
    ERROR = 5  #: child to host, data: description (JSON), then the pickled exception if there is one
    PROGRESS = 6  #: child to host, data: n, total, note (JSON)
    PING = 7  #: host to child, control
    PONG = 8  #: child to host, control: answers the ping with the same id
    STOP = 9  #: host to child, control: end after the running call
    LOG = 10  #: child to host, data: a log record of the running call (JSON)
    CANCEL = 11  #: host to child, control: tell what becomes of this call, which the board calls cancelled
    CANCELLED = 12  #: child to host. Data: as ERROR, of a call that was interrupted; empty: it never began. Control: what
    #: the cancelling of this call has achieved (text)
    GOODBYE = 13  #: child to host, control: the last message, of an orderly end


class Fault(enum.Enum):
    """In which way a message is wrong."""

    GARBAGE = "garbage"  #: not one of our messages at all
    TRUNCATED = "truncated"  #: shorter than it says
    OVERSIZED = "oversized"  #: longer than it says, or than its kind may be
    VERSION = "version"  #: of another version of the protocol
    WRONG_ID = "wrong id"  #: of another incarnation, or an answer to a call that was never sent
    WRONG_NONCE = "wrong nonce"  #: a hello from somebody whom we did not start
    UNEXPECTED = "unexpected"  #: well formed, but not now or not on this channel
    DUPLICATE = "duplicate"  #: about a call that is over: said before, or out of order
    CONNECTION = "connection"  #: it was lost while its process lived, or there was a second one


_SMALL = 64 * 1024
_LARGE = 1 << 34

#: The most payload bytes a message of each kind may have.
LIMITS: Mapping[Kind, int] = MappingProxyType(
    {
        kind: _LARGE if kind in (Kind.CALL, Kind.RESULT, Kind.ERROR, Kind.CANCELLED) else _SMALL
        for kind in Kind
    }
)

#: The most bytes of one frame on each channel: ZeroMQ takes no more, and ends the connection.
LARGEST_DATA = _LARGE + HEADER_SIZE
LARGEST_CONTROL = _SMALL + HEADER_SIZE

#: Messages that may wait at each end of a channel; with that many the other end has to wait.
QUEUE = 256

_KINDS = {int(kind): kind for kind in Kind}
_new = tuple.__new__


class WireError(ValueError):
    """A message that cannot be taken: *fault* is its class, *detail* what was found and what was expected."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.detail}"


class Header(NamedTuple):
    """The header of one message."""

    kind: Kind
    incarnation: int
    call_id: int  #: the call or ping that it belongs to; 0 if none
    frames: (
        int  #: how many frames follow the first one, in which the header and the first part of the body lie
    )
    size: int  #: bytes of the body, in all frames


def pack(kind: Kind, incarnation: int, call_id: int, body: Sequence[bytes | memoryview] = ()) -> bytes:
    """Return the first frame of a message: its header and the first part of *body*; the other parts follow it.

    Raises:
        WireError: If *body* is larger than a message of this kind may be.
    """
    if not body:
        return _HEADER.pack(_MAGIC, VERSION, kind, 0, incarnation, call_id, 0)
    first = body[0]
    size = len(first)
    more = len(body) - 1
    if more:
        size = sum(memoryview(part).nbytes for part in body)
    if more or size > _SMALL:
        _check_size(kind, more, size)
    return _HEADER.pack(_MAGIC, VERSION, kind, more, incarnation, call_id, size) + first


def unpack(data: bytes | memoryview) -> Header:
    """Return the header at the start of *data*, the first frame of a message.

    Raises:
        WireError: If it is garbage, truncated, of another version or kind, or announces too much.
    """
    length = len(data)
    if length < HEADER_SIZE:
        ours = length and bytes(data[:4]) == _MAGIC[:length]
        raise WireError(
            Fault.TRUNCATED if ours else Fault.GARBAGE, f"{length} bytes, a header has {HEADER_SIZE}"
        )
    magic, version, number, frames, incarnation, call_id, size = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise WireError(Fault.GARBAGE, f"the message starts with {magic!r}, expected {_MAGIC!r}")
    if version != VERSION:
        raise WireError(Fault.VERSION, f"protocol version {version}, expected {VERSION}")
    kind = _KINDS.get(number)
    if kind is None:
        raise WireError(Fault.GARBAGE, f"message kind {number}, expected 1 to {max(_KINDS)}")
    if frames or size > _SMALL:
        _check_size(kind, frames, size)
    # As Header(...) does, without its function of Python's.
    return _new(Header, (kind, incarnation, call_id, frames, size))


def opening_of(kind: Kind, incarnation: int) -> bytes:
    """Return how every message begins that is of this kind and incarnation, and in one frame."""
    return _KNOWN.pack(_MAGIC, VERSION, kind, 0, incarnation)


def usual(data: bytes, opening: bytes) -> int | None:
    """Return the call of a message as it should be, seen at a glance; None: it is to be looked at closely, by ``unpack``.

    Args:
        data: The first frame of a message.
        opening: Of the messages that are waited for, from ``opening_of``.
    """
    if data.startswith(opening) and len(data) >= HEADER_SIZE:
        call_id: int
        call_id, size = _REST.unpack_from(data, _KNOWN.size)
        if size == len(data) - HEADER_SIZE and size <= _SMALL:
            return call_id
    return None


def check_body(header: Header, frames: int, size: int) -> None:
    """Compare what came with what *header* announced.

    Args:
        header: The header.
        frames: How many frames followed the first one.
        size: Bytes of the body in all of them.

    Raises:
        WireError: If there is less (truncated) or more (oversized).
    """
    if frames == header.frames and size == header.size:
        return
    fault = Fault.TRUNCATED if frames < header.frames or size < header.size else Fault.OVERSIZED
    raise WireError(
        fault,
        f"{header.kind.name} came with {frames} more frames, {size} bytes; its header says {header.frames}, {header.size}",
    )


def _check_size(kind: Kind, frames: int, size: int) -> None:
    if frames > MAX_FRAMES:
        raise WireError(
            Fault.OVERSIZED, f"{kind.name} with {frames} more frames, at most {MAX_FRAMES} are allowed"
        )
    if size > LIMITS[kind]:
        raise WireError(Fault.OVERSIZED, f"{kind.name} of {size} bytes, at most {LIMITS[kind]} are allowed")
