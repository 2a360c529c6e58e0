"""What is done to the rows of a store, each within a transaction of its caller's: find, write, make room, expire."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple, final

from actors.store.errors import NotOwner, NotStored, StoreFull
from actors.store.values import StoredSession, decode

__all__ = ["Quota", "Row", "find", "live", "next_version", "sweep", "touch", "write"]

_COLUMNS: Final = "id, data, size, version, owner, ttl, expires, moving_to, moving_token, moving_until"


@final
class Row(NamedTuple):
    """A session as it lies in the file."""

    id: str
    data: bytes
    size: int
    version: int
    owner: str
    ttl: float
    expires: float
    moving_to: str | None
    moving_token: str | None
    moving_until: float | None

    def read(self, now: float) -> StoredSession:
        """Return it as it is handed out."""
        moving = self.moving_until is not None and now < self.moving_until
        return StoredSession(
            id=self.id,
            value=decode(self.data),
            version=self.version,
            owner=self.owner,
            ttl=self.ttl,
            size=self.size,
            moving_to=self.moving_to if moving else None,
        )


@final
class Quota(NamedTuple):
    """How much a store may hold."""

    path: str
    sessions: int
    bytes: int


def find(connection: sqlite3.Connection, id: str) -> Row | None:
    """Return the row of *id*, expired or not."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM sessions WHERE id = ?", (id,)).fetchone()
    return None if row is None else Row(*row)


def live(connection: sqlite3.Connection, id: str, now: float) -> Row:
    """Return the row of *id*.

    Raises:
        NotStored: There is none, or it has expired.
    """
    row = find(connection, id)
    if row is None or row.expires <= now:
        raise NotStored(id, expired=row is not None)
    return row


def touch(connection: sqlite3.Connection, row: Row, now: float) -> None:
    """Let *row* live for its ttl from *now* on."""
    connection.execute("UPDATE sessions SET expires = ? WHERE id = ?", (now + row.ttl, row.id))


def write(
    connection: sqlite3.Connection,
    id: str,
    data: bytes,
    *,
    now: float,
    ttl: float,
    owner: str | None,
    quota: Quota,
) -> tuple[Row, int]:
    """Write *data* as the session *id*, which is made if it is not there; return it, and how many expired for it.

    Raises:
        NotOwner: It belongs to somebody else than *owner*; None asks not.
        StoreFull: There is no room, also without what has expired.
    """
    old = find(connection, id)
    if old is not None and old.expires <= now:
        old = None
        connection.execute("DELETE FROM sessions WHERE id = ?", (id,))
    if old is not None and owner is not None and owner != old.owner:
        raise NotOwner(id, owner, old.owner)
    size = len(id.encode()) + len(data)
    swept = _make_room(connection, quota, now, new=old is None, more=size - (old.size if old else 0))
    version = next_version(connection)
    if old is None:
        row = Row(id, data, size, version, owner or "", ttl, now + ttl, None, None, None)
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO sessions ({_COLUMNS}) VALUES ({marks})", row)
    else:
        row = old._replace(data=data, size=size, version=version, ttl=ttl, expires=now + ttl)
        connection.execute(
            "UPDATE sessions SET data = ?, size = ?, version = ?, ttl = ?, expires = ? WHERE id = ?",
            (data, size, version, ttl, now + ttl, id),
        )
    return row, swept


def next_version(connection: sqlite3.Connection) -> int:
    """Return a number that no write of this store has had: one that is deleted and made anew is told from the old."""
    connection.execute("UPDATE totals SET version = version + 1")
    (version,) = connection.execute("SELECT version FROM totals").fetchone()
    return int(version)


def sweep(connection: sqlite3.Connection, now: float) -> int:
    """Delete what has expired; return how many that were."""
    return connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,)).rowcount


def _make_room(connection: sqlite3.Connection, quota: Quota, now: float, *, new: bool, more: int) -> int:
    """Raise if one session more (*new*), or *more* bytes, do not fit; before that, what has expired makes room."""
    swept = 0
    for last in (False, True):
        sessions, size = connection.execute("SELECT sessions, bytes FROM totals").fetchone()
        wanted: dict[str, Any] = {"sessions": sessions + new, "bytes": size + more}
        over = [
            (name, limit)
            for name, limit in (("sessions", quota.sessions), ("bytes", quota.bytes))
            # What only shrinks, or stays, is let in however full it is.
            if wanted[name] > limit and (new or (name == "bytes" and more > 0))
        ]
        if not over:
            break
        if last:
            name, limit = over[0]
            raise StoreFull(quota.path, name, limit, wanted[name])
        swept = sweep(connection, now)
    return swept
