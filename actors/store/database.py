"""One SQLite file for the store: opened, in one transaction at a time, closed. What is in it is ``store``'s.

Write-ahead log: what was committed survives the death of the process, whenever it comes; readers and a writer of
different processes do not wait for each other. Every wait is bounded.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

from actors.store.errors import StoreBusy, StoreClosed, StoreUnusable

__all__ = ["Database"]

#: What ``PRAGMA user_version`` says of a file with this schema.
_SCHEMA: Final = 1

#: Seconds until the next try for a file that several open for the first time at once.
_TURN: Final = 0.005

# The totals are kept by triggers, in the transaction of the change itself: so they are exact, and cost no scan.
_TABLES: Final = (
    """CREATE TABLE sessions (
    id TEXT PRIMARY KEY, data BLOB NOT NULL, size INTEGER NOT NULL, version INTEGER NOT NULL,
    owner TEXT NOT NULL, ttl REAL NOT NULL, expires REAL NOT NULL,
    moving_to TEXT, moving_token TEXT, moving_until REAL)""",
    "CREATE INDEX by_expiry ON sessions (expires)",
    "CREATE TABLE totals (sessions INTEGER NOT NULL, bytes INTEGER NOT NULL, version INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0, 0)",
    """CREATE TRIGGER came AFTER INSERT ON sessions BEGIN
    UPDATE totals SET sessions = sessions + 1, bytes = bytes + NEW.size; END""",
    """CREATE TRIGGER went AFTER DELETE ON sessions BEGIN
    UPDATE totals SET sessions = sessions - 1, bytes = bytes - OLD.size; END""",
    """CREATE TRIGGER grew AFTER UPDATE OF size ON sessions BEGIN
    UPDATE totals SET bytes = bytes + NEW.size - OLD.size; END""",
)


@final
class Database:
    """A connection behind a lock: SQLite has one writer anyway, and a connection for each thread would outlive it.

    Args:
        path: The file; it is made, readable for this user alone, if it is not there.
        busy_timeout: Seconds to wait for the threads of this process, and again for other processes.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()  # guards the next two
        self._connection: sqlite3.Connection | None = None
        self._owner: int | None = None  #: the process that opened it

    def open(self) -> None:
        """Open the file, and make what is to be in it. Fine if it is open.

        Raises:
            StoreUnusable: It is no store, or cannot be written.
            StoreBusy: Another process keeps it.
            StoreClosed: The process from which this one was forked has opened it.
        """
        self._refuse_copy()
        with self._alone(), self._translated():
            if self._connection is None:
                try:
                    self._connection = self._connect()
                except OSError as error:
                    raise StoreUnusable(str(self.path), error.strerror or str(error)) from error
                self._owner = os.getpid()

    def close(self) -> None:
        """Close it, once nobody is inside. Idempotent; does nothing in a forked copy of the process."""
        if self._owner not in (None, os.getpid()):
            return
        with self._alone():
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Enter a transaction that may write: all of it is done, or nothing, also if the process dies within.

        Raises:
            StoreClosed, StoreBusy, StoreUnusable: It cannot be entered, or not be committed.
        """
        self._refuse_copy()
        with self._alone(), self._translated():
            connection = self._connection
            if connection is None:
                raise StoreClosed(str(self.path), "it is not open")
            if connection.in_transaction:
                connection.execute("ROLLBACK")  # an interrupt struck in the midst of the last one's end
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _refuse_copy(self) -> None:
        # Before the lock is taken: in a copy it may be held for ever, by a thread that is not there.
        if self._owner not in (None, os.getpid()):
            raise StoreClosed(
                str(self.path), f"that of process {self._owner}, and this one is a forked copy of it"
            )

    def _connect(self) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):
            # Only if it is new: to open and close a file that is in use would take its user's locks away.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._log_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            self._furnish(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        # Asked for first: to set it, even to what it is, wants the file for itself, against all who write. Several that
        # open a new file each read it and then want it for themselves: SQLite refuses that at once, whatever the timeout,
        # since to wait would be a deadlock. One of them gets it, and then there is nothing left to set.
        until = time.monotonic() + self._busy_timeout
        while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                time.sleep(_TURN)

    def _furnish(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if schema == 0 and tables == 0:
            for statement in (*_TABLES, f"PRAGMA user_version = {_SCHEMA}"):
                connection.execute(statement)
            schema = _SCHEMA
        connection.execute("COMMIT")
        if schema != _SCHEMA:
            raise StoreUnusable(str(self.path), f"its schema is {schema}, expected {_SCHEMA}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._busy_timeout):
            raise StoreBusy(str(self.path), self._busy_timeout)
        try:
            yield
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # The low byte is the kind, what is above it the detail. What the module itself refuses has none.
            kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreBusy(str(self.path), self._busy_timeout) from error
            raise StoreUnusable(str(self.path), str(error)) from error
