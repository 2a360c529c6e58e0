"""The run directory: private, short enough for a socket's path, and the registry of a service's processes.

A lock that the service holds says whether it lives, and so does its start time where a copy of it holds the lock. What a
dead service left is swept here at the next start; what a live one leaves is buried in `process_group`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import string
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

from bridge.certificate import Certificate
from bridge.errors import RunDirectoryUnusable
from bridge.left_behind import left_behind
from bridge.lifeline import close_private, keep_private
from bridge.proc import Process, is_alive, start_time
from bridge.process_group import kill_all
from bridge.unborn import is_unborn
from supervision.clock import Clock

__all__ = ["RunDirectory", "candidates", "of_this_process", "owner_pid"]

_PREFIX: Final = "treewarden-"
#: Our own names: the first 8 digits of the run id.
_NAME: Final = re.compile(rf"{_PREFIX}([0-9a-f]{{8}})")
#: Digits of a run id.
_RUN_ID: Final = 16
#: Bytes that a unix socket's path may have.
_LONGEST: Final = 107
#: Room for "/12345678.c".
_SOCKET_NAME: Final = 11
#: What the lanes' sockets are told apart by.
_LANES: Final = string.digits + string.ascii_letters + "_+"
#: Names that are tried in one place; each fails only if another service sweeps there in the same moment.
_ATTEMPTS: Final = 20
#: Seconds for what a dead service left to be confirmed dead, and for all of them together.
_SWEEP: Final = 2.0
_SWEEPS: Final = 5.0


def candidates() -> list[Path]:
    """Return where a run directory may lie, the best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    places = [Path(runtime)] if runtime else []
    with contextlib.suppress(OSError):  # no usable temporary directory at all: then the others are tried
        places.append(Path(tempfile.gettempdir()).absolute())
    places.append(Path("/tmp"))
    return list(dict.fromkeys(places))


def of_this_process() -> list[Path]:
    """Return the run directories that this process has made and not removed; for leak checks."""
    return [
        path
        for path in _found(candidates())
        if (owner := _owner(path)) and (owner.pid, owner.started) == (os.getpid(), start_time(os.getpid()))
    ]


def owner_pid(path: Path) -> int | None:
    """Return the process whose run directory *path* is, if it lives, and has that number for us, too."""
    owner = _owner(path)
    if owner is None or owner.world != _world() or not is_alive(owner.pid, owner.started):
        return None
    return owner.pid


@final
class RunDirectory:
    """A directory of mode 0700 with a lock, an entry for each worker, and the sockets until both ends are connected."""

    def __init__(self, path: Path, run_id: str, lock_fd: int) -> None:
        self._path = path
        self.run_id = run_id
        self._lock_fd = lock_fd
        self._owner = os.getpid()

    @classmethod
    def create(
        cls,
        clock: Clock,
        places: Sequence[Path] | None = None,
        *,
        unseen: Callable[[Certificate], None] = lambda _: None,
    ) -> RunDirectory:
        """Sweep what dead services left, then make a new directory in the first place that will do.

        Blocks while leftovers die: at most 2 s for each dead service, and 5 s for all. What is not dead by then was sent
        its SIGKILL, and is looked at again by the next start.

        Args:
            clock: Counts that.
            places: Where it may lie; None: ``candidates()``.
            unseen: Told of each interpreter that a dead service had left.

        Raises:
            RunDirectoryUnusable: If no place will do; the error says what was wrong with each.
        """
        places = candidates() if places is None else places
        deadline = clock.now() + _SWEEPS
        for path in _found(places):
            # What cannot be looked at now, for want of descriptors say, is left to the next start.
            with contextlib.suppress(OSError):
                _sweep(path, clock, min(_SWEEP, max(0.0, deadline - clock.now())), unseen)
        tried: list[tuple[str, str]] = []
        for place in places:
            try:
                return cls._make(place)
            except OSError as error:
                tried.append((str(place), error.strerror or str(error)))
        raise RunDirectoryUnusable(tuple(tried))

    @classmethod
    def _make(cls, place: Path) -> RunDirectory:
        for attempt in range(_ATTEMPTS):
            run_id = secrets.token_hex(_RUN_ID // 2)
            path = place / f"{_PREFIX}{run_id[:8]}"
            length = len(os.fsencode(path)) + _SOCKET_NAME
            if length > _LONGEST:
                raise OSError(
                    errno.ENAMETOOLONG,
                    f"too long, a socket there has {length} bytes and {_LONGEST} are allowed",
                )
            path.mkdir(mode=0o700)
            try:
                return cls._furnish(path, run_id)
            except (FileExistsError, FileNotFoundError, BlockingIOError):
                # Another service that starts now took it for debris of a dead one, before it was locked.
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    @classmethod
    def _furnish(cls, path: Path, run_id: str) -> RunDirectory:
        lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        keep_private(lock_fd)
        try:
            # A sweep that was faster holds it; then it is given up to that.
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            run = cls(path, run_id, lock_fd)
            owner = _Owner(os.getpid(), start_time(os.getpid()), run_id, _world())
            # Written beside and renamed: a reader sees all of it or nothing.
            (path / "owner.new").write_text(json.dumps(owner._asdict()))
            (path / "owner.new").rename(path / "owner")
            # Another Python must not see what else lies beside this package.
            (path / "lib").mkdir()
            (path / "lib" / "bridge").symlink_to(Path(__file__).resolve().parent)
        except BaseException:
            _remove(path)
            close_private(lock_fd)
            raise
        return run

    @property
    def path(self) -> str:
        """Where it is; plain text, as a tree's status shows it."""
        return str(self._path)

    @property
    def library(self) -> Path:
        """A directory that holds the package ``bridge`` alone."""
        return self._path / "lib"

    def mark(self, entry: int) -> str:
        """Return what the processes of worker *entry* carry in their environment."""
        return f"{self.run_id}.{entry}"

    def socket(self, entry: int, lane: int | None = None) -> Path:
        """Return the path of a worker's socket: of the data channel of *lane*, or, without one, of its control channel."""
        # One letter each: every byte of such a path is one less for the directory that it is in.
        return self._path / (f"{entry}.c" if lane is None else f"{entry}-{_LANES[lane]}")

    def add_entry(self, entry: int, *, worker: str, incarnation: int, pid: int) -> None:
        """Write down a worker's process."""
        value = {"worker": worker, "incarnation": incarnation, "pid": pid, "started": start_time(pid)}
        self._entry(entry).write_text(json.dumps(value))

    def hide_sockets(self, entry: int) -> None:
        """Take the names of a worker's sockets away: nobody can connect any more, and what is connected stays."""
        self.socket(entry).unlink(missing_ok=True)
        for path in self._path.glob(f"{entry}-?"):
            path.unlink(missing_ok=True)

    def remove_entry(self, entry: int) -> None:
        """Forget a worker. Idempotent."""
        self.hide_sockets(entry)
        self._entry(entry).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the directory and give up its lock. Idempotent; does nothing in a forked copy of the service."""
        if os.getpid() == self._owner:
            _remove(self._path)
            close_private(self._lock_fd)

    def _entry(self, entry: int) -> Path:
        return self._path / f"{entry}.json"


def _found(places: Sequence[Path]) -> Iterator[Path]:
    """Yield the run directories of this user that lie in *places*."""
    for place in places:
        try:
            # By name first: thousands of others may lie in a temporary directory, and each start looks through it.
            names = [name for name in os.listdir(place) if name.startswith(_PREFIX)]  # noqa: PTH208
        except OSError:
            continue
        for path in map(place.joinpath, names):
            with contextlib.suppress(OSError):
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                    yield path


def _sweep(path: Path, clock: Clock, timeout: float, unseen: Callable[[Certificate], None]) -> None:
    """Kill what the service of *path* left and remove it, if that service is dead; wait for that at most *timeout* seconds."""
    owner = _owner(path)
    with contextlib.ExitStack() as held:
        try:
            lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            held.callback(os.close, lock_fd)
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Its service lives, or another one sweeps it, or a copy that C code forked has the lock of a dead one.
            if not _is_known_dead(owner):
                return
        except OSError:
            if not _is_known_dead(owner):
                # It is being made right now, or its maker died before the lock: empty then, and rmdir removes nothing
                # else. Or somebody tidied the lock of a live service away.
                with contextlib.suppress(OSError):
                    path.rmdir()
                return
        # Without an owner its maker died before it had started anything, or is between opening and locking, where it
        # finds the lock taken and tries another name; or its remover died, when nothing was left to be killed.
        if not (path / "owner").exists() or (
            (belongs := _belonging(path, owner)) and kill_all(belongs, clock, timeout)
        ):
            for certificate in left_behind(path):
                unseen(certificate)
            _remove(path)


def _belonging(path: Path, owner: _Owner | None) -> Callable[[Process], bool] | None:
    """Return what tells the processes of the run of *path* from all others; None if nothing does any more."""
    if owner is not None:
        run_id = owner.run_id
        return lambda process: process.mark.partition(".")[0] == run_id or is_unborn(process, path)
    if (name := _NAME.fullmatch(path.name)) is None:
        return None
    digits = name[1]

    def belongs(process: Process) -> bool:
        # What they carry in their environment is whole, and the directory is named after it.
        run_id = process.mark.partition(".")[0]
        return (len(run_id) == _RUN_ID and run_id.startswith(digits)) or is_unborn(process, path)

    return belongs


def _remove(path: Path) -> None:
    """Remove a run directory, the lock last: if we are killed here, the next start still knows it for debris."""
    with contextlib.suppress(OSError):  # somebody else removes it, too
        for entry in [entry for entry in path.iterdir() if entry.name != "lock"]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        (path / "lock").unlink(missing_ok=True)
        path.rmdir()


class _Owner(NamedTuple):
    """The service of a directory."""

    pid: int
    started: int | None  #: see `bridge.proc`
    run_id: str
    world: str  #: where the pid means this process: a boot of a machine, and a pid namespace on it


def _owner(path: Path) -> _Owner | None:
    """Return a directory's service; None if it cannot be read."""
    try:
        owner = json.loads((path / "owner").read_text())
        found = _Owner(
            int(owner["pid"]), int(owner["started"]), str(owner["run_id"]), str(owner.get("world", ""))
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if len(found.run_id) == _RUN_ID else None


def _is_known_dead(owner: _Owner | None) -> bool:
    """Return whether *owner* is dead for sure, whoever holds its lock. In another container its pid says nothing."""
    return owner is not None and owner.world == _world() and not is_alive(owner.pid, owner.started)


def _world() -> str:
    """Return in which pid namespace, of which boot, this process has its pid."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 (it is no path, but a name)
    except OSError:
        # Then no other process is in the same.
        return secrets.token_hex(8)
