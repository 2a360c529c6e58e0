"""What the session store hands out, and how values are written: plain ones, so reading them runs no code of anybody."""

from __future__ import annotations

import struct
from typing import Any, Final, final

import attrs

from actors.store.errors import NotStorable
from bridge.wire import plain

__all__ = ["StoreStatistics", "StoredSession", "check_id", "decode", "encode"]

_LENGTH: Final = struct.Struct("<Q")


@final
@attrs.frozen(kw_only=True)
class StoredSession:
    """A session as it was when it was read."""

    id: str
    value: Any
    version: int  #: greater with each write, and never used twice in a store
    owner: str  #: the worker that it belongs to; "": nobody
    ttl: float  #: seconds without use after which it expires
    size: int  #: bytes that count against the quota
    moving_to: str | None  #: who is to have it next, while a migration is under way


@final
@attrs.frozen(kw_only=True)
class StoreStatistics:
    """A store at one moment. What is there is counted in the file, what was done since this process opened it."""

    sessions: int  #: that live
    bytes: int  #: of these
    expired: int  #: still there, until the next sweep
    max_sessions: int
    max_bytes: int
    reads: int
    misses: int  #: of the reads: not stored, or expired
    writes: int
    conflicts: int  #: writes that came after somebody else's
    refused: int  #: by a quota
    deleted: int
    swept: int
    migrations: int  #: that were committed
    rolled_back: int  #: migrations that were not: given up, cancelled, too late


def check_id(id: object) -> None:
    """Do nothing if *id* names a session.

    Raises:
        ValueError: It does not.
    """
    if not isinstance(id, str) or not id:
        raise ValueError(f"session id {id!r}: expected a non-empty str")


def encode(session: str, value: object) -> bytes:
    """Return *value* as bytes.

    Raises:
        NotStorable: It is not plain; the error names the part that is not.
    """
    try:
        frames = plain.dumps(value, "value")
    except plain.NotPlain as error:
        raise NotStorable(session, error.culprit.path, error.culprit.type_name) from None
    return b"".join(part for frame in frames for part in (_LENGTH.pack(memoryview(frame).nbytes), frame))


def decode(data: bytes) -> Any:
    """Return the value in *data*.

    Raises:
        ValueError: It holds none.
    """
    view, frames = memoryview(data), []
    while view:
        (length,) = _LENGTH.unpack_from(view)
        frames.append(view[_LENGTH.size : _LENGTH.size + length])
        view = view[_LENGTH.size + length :]
    return plain.loads(frames)
