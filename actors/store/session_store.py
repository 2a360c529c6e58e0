"""The session store, as people hold it: plain values by session, kept on disk, shared by threads and processes.

How rows are written is in ``rows``, transactions in ``database``, moving a session to another worker in ``migration``.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from actors.options import check_seconds
from actors.store import rows
from actors.store.database import Database
from actors.store.errors import StoreBusy, StoreFull, VersionConflict
from actors.store.migration import Migration, migrate
from actors.store.update import MISSING, update
from actors.store.values import StoredSession, StoreStatistics, check_id, encode
from supervision.clock import Clock, MonotonicClock

if TYPE_CHECKING:
    import sqlite3

    from supervision import ChildSpec

__all__ = ["SessionStore"]


@final
class SessionStore:
    """Values that outlive workers, and the service: ``with SessionStore(path) as store``, or ``child_spec()`` in a tree.

    A value is plain: None, bool, int, float, str, bytes, list, dict with keys of str. Any thread may use one store, and any
    process the same file; each operation is one transaction. All of them block, for a fraction of a millisecond, and
    at most for *busy_timeout* for threads and again for other processes.

    Args:
        path: The SQLite file, on a local disk; it is made, readable for this user alone, if it is not there.
        ttl: Seconds without use after which a session expires; ``math.inf``: never.
        max_sessions: How many there may be; one more is refused.
        max_bytes: How many bytes their ids and values may have together.
        busy_timeout: Seconds to wait for others.
        clock: Counts the ttl while this process runs; default: real time.
        wall: Returns the time of day. Asked at the opening alone: what passes while no process runs counts, too.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        ttl: float = 3600.0,
        max_sessions: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        busy_timeout: float = 5.0,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        check_seconds("ttl", ttl)
        check_seconds("busy_timeout", busy_timeout)
        for name, value in (("max_sessions", max_sessions), ("max_bytes", max_bytes)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"{name} {value!r}: expected a whole number >= 1; leave it out for the default"
                )
        self.path = Path(path)
        self.ttl = ttl
        self.database = Database(self.path, busy_timeout)
        self._busy_timeout = busy_timeout
        self._quota = rows.Quota(str(path), max_sessions, max_bytes)
        self._clock = MonotonicClock("store") if clock is None else clock
        self._wall = wall
        self._origin = 0.0  #: the time of day at the clock's 0, as of the opening
        self._counts: Counter[str] = Counter()  #: written inside transactions alone
        # Updates of one session by threads of this process go one after the other, so none is repeated for another.
        self._turns = tuple(threading.Lock() for _ in range(64))

    # Life

    def open(self) -> SessionStore:
        """Open the file. Fine if it is open.

        Raises:
            StoreUnusable: It is no session store, is damaged, or cannot be written.
            StoreBusy: Another process keeps it.
            StoreClosed: In a forked copy of the process that has it open.
        """
        self._origin = self._wall() - self._clock.now()
        self.database.open()
        return self

    def close(self) -> None:
        """Close the file. Idempotent; it may be opened again.

        Raises:
            StoreBusy: A thread is still inside an operation.
        """
        self.database.close()

    def child_spec(self, id: str = "store") -> ChildSpec:
        """Return the spec of a child that opens the store, sweeps it and closes it at the end of the tree."""
        from actors.store.keeper import Keeper
        from supervision import ChildSpec

        return ChildSpec(id=id, start=Keeper, args=(self,))

    def now(self) -> float:
        """Return the present on the file's time."""
        return self._clock.now() + self._origin

    # Sessions

    def get(self, id: str, *, touch: bool = True) -> StoredSession:
        """Return a session. It counts as a use, which lets it live for its ttl again, unless *touch* is False.

        Raises:
            NotStored: It was never stored, was deleted, or has expired, swept or not.
        """
        with self.database.transaction() as connection:
            now = self.now()
            self._counts["reads"] += 1
            try:
                row = rows.live(connection, id, now)
            except KeyError:
                self._counts["misses"] += 1
                raise
            if touch:
                rows.touch(connection, row, now)
            return row.read(now)

    def put(
        self,
        id: str,
        value: object,
        *,
        version: int | None = None,
        owner: str | None = None,
        ttl: float | None = None,
    ) -> StoredSession:
        """Store *value*, in place of what there is.

        Args:
            id: The session.
            value: Plain; what of it is none, the error names.
            version: The one that is to be replaced; 0: the session must not be there. None: whatever is there.
            owner: The worker for which this is written; it must be the session's, if that has one. None: not asked.
            ttl: Seconds; None: the store's.

        Raises:
            NotStorable: The value is not plain.
            VersionConflict: Somebody else has written it meanwhile.
            NotOwner: It belongs to another worker by now.
            StoreFull: A quota would be passed.
        """
        check_id(id)
        check_seconds("ttl", self.ttl if ttl is None else ttl)
        data = encode(id, value)
        with self.database.transaction() as connection:
            return self.write(connection, id, data, version=version, owner=owner, ttl=ttl)

    def update(
        self,
        id: str,
        function: Callable[[Any], object],
        *,
        default: object = MISSING,
        owner: str | None = None,
    ) -> StoredSession:
        """Store ``function(value)`` in place of the value; what others write meanwhile is never lost.

        Args:
            id: The session.
            function: Takes the value, returns the new one. It may run several times, when other processes write the
                same session; what it raises is raised, and nothing is changed. It must not update the same session.
            default: The value to begin with if the session is not stored; without it that is an error.
            owner: As with ``put``.

        Raises:
            NotStored: It is not stored, and there is no default.
            NotStorable: What *function* returned is not plain, or None: it has most likely changed the value in place.
            NotOwner, StoreFull: As ``put``.
            StoreBusy: Another thread's update of this session takes too long.
        """
        check_id(id)
        turn = self._turns[hash(id) % len(self._turns)]
        if not turn.acquire(timeout=self._busy_timeout):
            raise StoreBusy(str(self.path), self._busy_timeout)
        try:
            return update(self, id, function, default, owner)
        finally:
            turn.release()

    def delete(self, id: str) -> bool:
        """Delete a session; returns whether it was there and had not expired. Idempotent."""
        with self.database.transaction() as connection:
            row = rows.find(connection, id)
            connection.execute("DELETE FROM sessions WHERE id = ?", (id,))
            there = row is not None and self.now() < row.expires
            self._counts["deleted"] += there
            return there

    def ids(self) -> tuple[str, ...]:
        """Return the sessions that have not expired, sorted."""
        with self.database.transaction() as connection:
            found = connection.execute("SELECT id FROM sessions WHERE expires > ? ORDER BY id", (self.now(),))
            return tuple(id for (id,) in found)

    # Moving

    def begin_migration(self, id: str, to: str, *, timeout: float = 30.0) -> Migration:
        """Begin to move a session to the worker *to*, step by step; see ``Migration``. Writes go on meanwhile.

        Args:
            id: The session.
            to: Who is to own it.
            timeout: Seconds after which it can no longer be committed.

        Raises:
            NotStored: There is no such session.
            MigrationFailed: It is being moved already, or belongs to *to*.
        """
        check_seconds("timeout", timeout)
        if not isinstance(to, str) or not to:
            raise ValueError(f"to {to!r}: expected the name of a worker, a non-empty str")
        return Migration.begin(self, id, to, timeout)

    def migrate(
        self,
        id: str,
        to: str,
        prepare: Callable[[StoredSession], object] = lambda _: None,
        *,
        timeout: float = 30.0,
    ) -> StoredSession:
        """Move a session to the worker *to*: *prepare* it there, and commit if nothing was written meanwhile.

        Else it is prepared again, with what was written; in the end with all others kept out. What *prepare* raises is
        raised, and the session stays where it was. Takes and raises as ``begin_migration``.
        """
        with self.begin_migration(id, to, timeout=timeout) as migration:
            return migrate(migration, prepare)

    def cancel_migration(self, id: str) -> bool:
        """Let the migration of a session fail, whoever does it; returns whether there was one."""
        with self.database.transaction() as connection:
            row = rows.find(connection, id)
            if row is None or row.moving_until is None or row.moving_until <= self.now():
                return False
            connection.execute("UPDATE sessions SET moving_token = NULL WHERE id = ?", (id,))
            return row.moving_token is not None

    # The whole

    def sweep(self) -> int:
        """Delete what has expired; returns how many that were."""
        with self.database.transaction() as connection:
            swept = rows.sweep(connection, self.now())
            self._counts["swept"] += swept
            return swept

    def statistics(self) -> StoreStatistics:
        """Return how full the store is, and what this process did with it."""
        with self.database.transaction() as connection:
            sessions, size = connection.execute("SELECT sessions, bytes FROM totals").fetchone()
            expired, stale = connection.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM sessions WHERE expires <= ?", (self.now(),)
            ).fetchone()
            done = {
                name: self._counts[name]
                for name in (
                    "reads",
                    "misses",
                    "writes",
                    "conflicts",
                    "refused",
                    "deleted",
                    "swept",
                    "migrations",
                )
            }
            return StoreStatistics(
                sessions=sessions - expired,
                bytes=size - stale,
                expired=expired,
                max_sessions=self._quota.sessions,
                max_bytes=self._quota.bytes,
                rolled_back=self._counts["rolled_back"],
                **done,
            )

    # For updates and migrations, inside a transaction

    def write(
        self,
        connection: sqlite3.Connection,
        id: str,
        data: bytes,
        *,
        version: int | None,
        owner: str | None,
        ttl: float | None,
    ) -> StoredSession:
        """As ``put``."""
        now = self.now()
        old = rows.find(connection, id)
        found = old.version if old is not None and now < old.expires else 0
        if version is not None and version != found:
            self.count("conflicts")
            raise VersionConflict(id, version, found)
        seconds = self.ttl if ttl is None else ttl
        try:
            row, swept = rows.write(
                connection, id, data, now=now, ttl=seconds, owner=owner, quota=self._quota
            )
        except StoreFull:
            self.count("refused")
            raise
        self._counts["swept"] += swept
        self.count("writes")
        return row.read(now)

    def count(self, what: str) -> None:
        """Count one more."""
        self._counts[what] += 1

    def __enter__(self) -> SessionStore:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
