"""How a value is changed in place although others write it: read, compute outside, write if nobody wrote meanwhile.

No lock is held while the caller's function runs; only one that lost too often gets the store for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from actors.store import rows
from actors.store.errors import NotStorable, NotStored, VersionConflict
from actors.store.values import StoredSession, encode

if TYPE_CHECKING:
    import sqlite3

    from actors.store.session_store import SessionStore

__all__ = ["MISSING", "ROUNDS", "Raised", "shielded", "update"]

#: No default was given; None is a value.
MISSING: Final = object()
#: Rounds that may be lost to others before they are kept out while the function runs.
ROUNDS: Final = 10


class Raised(Exception):
    """What a caller's function raised inside a transaction, as its cause: never taken for an error of the store."""


def update(
    store: SessionStore, id: str, function: Callable[[Any], object], default: object, owner: str | None
) -> StoredSession:
    """See ``SessionStore.update``; threads of this process take turns there."""
    for _ in range(ROUNDS):
        with store.database.transaction() as connection:
            value, version, ttl = _found(store, connection, id, default)
        data = _changed(id, function, value)
        try:
            with store.database.transaction() as connection:
                return store.write(connection, id, data, version=version, owner=owner, ttl=ttl)
        except VersionConflict:
            continue
    with shielded(), store.database.transaction() as connection:
        value, version, ttl = _found(store, connection, id, default)
        try:
            data = _changed(id, function, value)
        except BaseException as error:
            raise Raised from error
        return store.write(connection, id, data, version=version, owner=owner, ttl=ttl)


class shielded:  # noqa: N801 (used as a function, as contextlib's are)
    """Raise what a caller's function raised, once the transaction around it has been rolled back."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Raised):
            assert error.__cause__ is not None
            raise error.__cause__


def _found(
    store: SessionStore, connection: sqlite3.Connection, id: str, default: object
) -> tuple[Any, int, float | None]:
    """Return value, version and ttl; for one that is not stored the default, 0 and the store's."""
    now = store.now()
    try:
        session = rows.live(connection, id, now).read(now)
    except NotStored:
        if default is MISSING:
            raise
        return default, 0, None
    return session.value, session.version, session.ttl


def _changed(id: str, function: Callable[[Any], object], value: Any) -> bytes:
    new = function(value)
    if new is None:
        raise NotStorable(id, "what the function returned", "NoneType")
    return encode(id, new)
