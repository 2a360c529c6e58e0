"""A session moves to another worker: its owner changes, and nothing is copied, so no write can be lost on the way.

Writes go on while the new worker prepares itself; it is committed only if what it has loaded is still all there is. After
that, whoever writes for the old worker is refused (``NotOwner``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, final

from actors.store import rows
from actors.store.errors import MigrationFailed, NotStored, VersionConflict
from actors.store.update import ROUNDS, Raised, shielded
from actors.store.values import StoredSession

if TYPE_CHECKING:
    import sqlite3

    from actors.store.session_store import SessionStore

__all__ = ["Migration", "migrate"]


@final
class Migration:
    """Made by ``SessionStore.begin_migration``; leaving its ``with`` block without ``commit`` rolls it back."""

    def __init__(self, store: SessionStore, id: str, source: str, to: str) -> None:
        self.id = id
        self.source = source  #: who owned it when this began
        self.to = to
        self._store = store
        self._token = secrets.token_hex(8)  #: tells this migration from a later one of the same session
        self._loaded: int | None = None  #: the version that was last loaded
        self._over = False

    @classmethod
    def begin(cls, store: SessionStore, id: str, to: str, timeout: float) -> Migration:
        """See ``SessionStore.begin_migration``."""
        with store.database.transaction() as connection:
            now = store.now()
            row = rows.live(connection, id, now)
            if row.owner == to:
                raise MigrationFailed(id, f"it belongs to {to!r} already")
            if row.moving_until is not None and now < row.moving_until and row.moving_token is not None:
                raise MigrationFailed(id, f"it is being moved to {row.moving_to!r} already")
            migration = cls(store, id, row.owner, to)
            connection.execute(
                "UPDATE sessions SET moving_to = ?, moving_token = ?, moving_until = ? WHERE id = ?",
                (to, migration._token, now + timeout, id),
            )
        return migration

    def load(self) -> StoredSession:
        """Return the session as it is now; ``commit`` sees to it that nothing came after.

        Raises:
            MigrationFailed: It was cancelled, took too long, or the session is gone.
        """
        with self._store.database.transaction() as connection:
            return self._load(connection)

    def commit(self) -> StoredSession:
        """Give the session to its new owner; returns it.

        Raises:
            VersionConflict: It was written since ``load``: load again. The migration goes on.
            MigrationFailed: It was cancelled, took too long, or the session is gone.
        """
        with self._store.database.transaction() as connection:
            return self._commit(connection)

    def rollback(self) -> None:
        """Leave the session with its owner. Idempotent; after ``commit`` it does nothing."""
        if self._over:
            return
        with self._store.database.transaction() as connection:
            connection.execute(
                "UPDATE sessions SET moving_to = NULL, moving_token = NULL, moving_until = NULL"
                " WHERE id = ? AND moving_to = ? AND (moving_token IS NULL OR moving_token = ?)",
                (self.id, self.to, self._token),
            )
            self._store.count("rolled_back")
        self._over = True

    def inside(self, prepare: Callable[[StoredSession], object]) -> StoredSession:
        """Load, *prepare* and commit with everybody else kept out."""
        with shielded(), self._store.database.transaction() as connection:
            session = self._load(connection)
            try:
                prepare(session)
            except BaseException as error:
                raise Raised from error
            return self._commit(connection)

    def _load(self, connection: sqlite3.Connection) -> StoredSession:
        session = self._standing(connection).read(self._store.now())
        self._loaded = session.version
        return session

    def _commit(self, connection: sqlite3.Connection) -> StoredSession:
        row = self._standing(connection)
        if self._loaded is not None and row.version != self._loaded:
            self._store.count("conflicts")
            raise VersionConflict(self.id, self._loaded, row.version)
        version = rows.next_version(connection)
        connection.execute(
            "UPDATE sessions SET owner = ?, version = ?, moving_to = NULL, moving_token = NULL, moving_until = NULL"
            " WHERE id = ?",
            (self.to, version, self.id),
        )
        self._store.count("migrations")
        self._over = True
        now = self._store.now()
        return row._replace(owner=self.to, version=version, moving_until=None).read(now)

    def _standing(self, connection: sqlite3.Connection) -> rows.Row:
        """Return the session's row if this migration still stands."""
        now = self._store.now()
        try:
            row = rows.live(connection, self.id, now)
        except NotStored as error:
            raise MigrationFailed(self.id, "the session is gone: it was deleted, or has expired") from error
        if row.moving_token != self._token:
            raise MigrationFailed(self.id, "it was cancelled, or ended before")
        if row.moving_until is None or row.moving_until <= now:
            raise MigrationFailed(self.id, "it took longer than its timeout")
        return row

    def __enter__(self) -> Migration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rollback()


def migrate(migration: Migration, prepare: Callable[[StoredSession], object]) -> StoredSession:
    """See ``SessionStore.migrate``."""
    for _ in range(ROUNDS):
        prepare(migration.load())
        try:
            return migration.commit()
        except VersionConflict:
            continue
    return migration.inside(prepare)
