"""What the session store raises, typed by what the caller can do next. Pure."""

from __future__ import annotations

from supervision.errors import SupervisionError

__all__ = [
    "MigrationFailed",
    "NotOwner",
    "NotStorable",
    "NotStored",
    "StoreBusy",
    "StoreClosed",
    "StoreError",
    "StoreFull",
    "StoreUnusable",
    "VersionConflict",
]


class StoreError(SupervisionError):
    """The base; nothing was changed."""


class StoreClosed(StoreError):
    """The store is not open: not yet, not any more, or this is a forked copy of the process that opened it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return (
            f"session store {self.path}: {self.why}; nothing was changed. "
            "Use it inside 'with SessionStore(...) as store:', or in a tree that has its child_spec()"
        )


class StoreBusy(StoreError, TimeoutError):
    """Others kept the store for too long; try again."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__(path, timeout)
        self.path = path
        self.timeout = timeout

    def __str__(self) -> str:
        return (
            f"session store {self.path}: others kept it for {self.timeout:g} s (busy_timeout); nothing was changed. "
            "Try again, keep the functions that are given to update short, or give it a longer busy_timeout"
        )


class StoreUnusable(StoreError):
    """The file is no session store, is damaged, or cannot be written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return (
            f"session store {self.path}: {self.why}. "
            "Expected a file of our own making, or none, on a disk with room; move this one away or give another path"
        )


class StoreFull(StoreError):
    """A quota would be passed; ``quota`` says which: "sessions" or "bytes"."""

    def __init__(self, path: str, quota: str, limit: int, wanted: int) -> None:
        super().__init__(path, quota, limit, wanted)
        self.path = path
        self.quota = quota
        self.limit = limit
        self.wanted = wanted  #: what there would have been

    def __str__(self) -> str:
        return (
            f"session store {self.path}: there would be {self.wanted} {self.quota}, at most {self.limit} are allowed "
            f"(max_{self.quota}); nothing was changed. Delete sessions, shorten their ttl, or raise the quota"
        )


class NotStored(StoreError, KeyError):
    """There is no such session: never stored, deleted, or expired (``expired``, as far as that is still known)."""

    def __init__(self, session: str, expired: bool) -> None:
        super().__init__(session, expired)
        self.session = session
        self.expired = expired

    def __str__(self) -> str:
        how = "has expired" if self.expired else "is not stored"
        return f"session {self.session!r} {how}. Begin it with put(), or give update() a default"


class NotStorable(StoreError, TypeError):
    """A value that is not plain; ``where`` is the path to the part of it."""

    def __init__(self, session: str, where: str, type_name: str) -> None:
        super().__init__(session, where, type_name)
        self.session = session
        self.where = where
        self.type_name = type_name

    def __str__(self) -> str:
        return (
            f"session {self.session!r}: {self.where} is of type {self.type_name}. Expected None, bool, int, float, str, "
            "bytes, list, or dict with keys of str, all the way down; make it one of these"
        )


class VersionConflict(StoreError):
    """Somebody else has written meanwhile: ``found`` is the version there is, 0 if the session is not stored."""

    def __init__(self, session: str, expected: int, found: int) -> None:
        super().__init__(session, expected, found)
        self.session = session
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"session {self.session!r} is at version {self.found}, expected {self.expected} (0: not stored); nothing "
            "was changed. Get it again and repeat, or use update()"
        )


class NotOwner(StoreError):
    """The session belongs to another worker by now: whoever writes for the old one is late."""

    def __init__(self, session: str, claimed: str, owner: str) -> None:
        super().__init__(session, claimed, owner)
        self.session = session
        self.claimed = claimed
        self.owner = owner

    def __str__(self) -> str:
        return (
            f"session {self.session!r} belongs to {self.owner or 'nobody'!r}, and not to {self.claimed!r}; nothing was "
            "changed. Send the write to its owner"
        )


class MigrationFailed(StoreError):
    """A migration did not come about; the session is where it was, with every write that was made."""

    def __init__(self, session: str, why: str) -> None:
        super().__init__(session, why)
        self.session = session
        self.why = why

    def __str__(self) -> str:
        return (
            f"session {self.session!r} was not migrated: {self.why}. It is where it was, and lost nothing; "
            "begin again if it is still to move"
        )
