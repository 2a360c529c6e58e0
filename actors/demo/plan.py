"""What there is to do: the files below a path as sessions, and which of them chaos strikes.

The same tree and seed give the same plan on every machine. Nothing is read here but directories; the work is in
``driver``.
"""

from __future__ import annotations

import hashlib
import os
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import attrs

from actors.demo.census import FileError
from actors.demo.poison import Poison
from actors.demo.source import LARGEST
from actors.demo.words import one_line, visible

__all__ = [
    "SLICE",
    "BadInput",
    "Plan",
    "SessionPlan",
    "Task",
    "is_struck",
    "make_plan",
    "spread",
    "standard_library",
]

SLICE: Final = 40  #: files in one session, at most

_THIRD_PARTY: Final = frozenset({"site-packages", "dist-packages"})


@final
class BadInput(Exception):
    """What was asked cannot be done; the text is one line for people."""


@final
@attrs.frozen
class SessionPlan:
    """A directory, or a slice of a big one: what one worker does, one file after the other."""

    id: str
    directory: str  #: relative to the root, "." for itself
    files: tuple[str, ...]  #: relative to the root
    size: int = 0  #: bytes of them all: about the work they are
    strikes: frozenset[str] = frozenset()  #: the files during which the worker is killed


Task = SessionPlan | Poison


@final
@attrs.frozen
class Plan:
    """All the work."""

    root: str  #: absolute
    sessions: tuple[SessionPlan, ...]
    unreadable: tuple[FileError, ...] = ()  #: directories that could not be listed

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(len(session.files) for session in self.sessions)

    @property
    def strikes(self) -> int:
        """How many kills are planned."""
        return sum(len(session.strikes) for session in self.sessions)


def make_plan(path: str | None = None, *, seed: int = 0, chaos: float = 0.0) -> Plan:
    """Plan the census of *path*.

    Args:
        path: A directory or a single file; None: the standard library of this interpreter, without third parties.
        seed: Varies which files are struck.
        chaos: The probability, 0 to 1, that a file is.

    Raises:
        BadInput: There is no such path, or no ``.py`` file in it, or *chaos* is no probability.
    """
    if not 0.0 <= chaos <= 1.0:
        raise BadInput(f"chaos {chaos:g}: expected a probability from 0 to 1")
    if path == "":
        raise BadInput("an empty path: expected a directory or a file; '.' is the current directory")
    start = Path(path if path is not None else standard_library()).absolute()
    if not os.path.lexists(start):
        raise BadInput(f"{visible(str(start))}: no such file or directory")
    errors: list[FileError] = []
    if start.is_dir():
        root = start
        found = _walk(root, _THIRD_PARTY if path is None else frozenset(), errors)
    else:
        root = start.parent
        found = {".": [start.name] if start.suffix == ".py" else []}
    sessions = [
        SessionPlan(f"{directory}#{number}", directory, part, _size(root, part), _struck(part, seed, chaos))
        for directory in sorted(found)
        for number, part in enumerate(_slices(sorted(found[directory])))
    ]
    if not sessions:
        why = f" ({visible(errors[0].path)} {errors[0].reason})" if errors else ""
        raise BadInput(f"{visible(str(start))}: no .py files{why}")
    return Plan(str(root), tuple(sessions), tuple(errors))


def is_struck(path: str, *, seed: int, chaos: float) -> bool:
    """Return whether *path*, relative to the root, is struck; a matter of these three alone."""
    digest = hashlib.blake2b(str(seed).encode() + b"\0" + os.fsencode(path), digest_size=8).digest()
    return int.from_bytes(digest) < chaos * 2**64


def spread(sessions: Iterable[SessionPlan], poisons: Iterable[Poison]) -> list[Task]:
    """Return all tasks in the order in which they are begun, which is always the same.

    The big sessions come first, so that none of them is begun when the others end; the poisons lie evenly among them.
    """
    tasks: list[Task] = [*sorted(sessions, key=lambda session: (-session.size, session.id))]
    guests = list(poisons)
    step = len(tasks) // (len(guests) + 1)
    for number, poison in enumerate(guests, 1):
        tasks.insert(number * step + number - 1, poison)
    return tasks


def standard_library() -> str:
    """Return the directory of the running interpreter's standard library."""
    return sysconfig.get_path("stdlib")


def _walk(root: Path, skip: frozenset[str], errors: list[FileError]) -> dict[str, list[str]]:
    """Return the ``.py`` entries by directory. Links to directories are not followed, so no loop is endless."""
    found: dict[str, list[str]] = {}

    def relative(name: str) -> str:
        return os.path.relpath(name, root)

    def unlisted(error: OSError) -> None:
        where = relative(os.fsdecode(error.filename))
        errors.append(FileError(where, f"cannot be listed: {one_line(error.strerror)}"))

    for directory, below, names in os.walk(root, onerror=unlisted):
        below[:] = sorted(name for name in below if name not in skip)
        # A directory can be called x.py, too: it is counted, and then found to be none.
        entries = [relative(f"{directory}/{name}") for name in (*names, *below) if name.endswith(".py")]
        if entries:
            found[relative(directory)] = entries
    errors.sort()
    return found


def _slices(files: list[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(files[start : start + SLICE]) for start in range(0, len(files), SLICE))


def _size(root: Path, files: Iterable[str]) -> int:
    size = 0
    for path in files:
        try:
            size += min((root / path).stat().st_size, LARGEST)
        except OSError:  # it will be an error of the census
            continue
    return size


def _struck(files: Iterable[str], seed: int, chaos: float) -> frozenset[str]:
    return frozenset(path for path in files if is_struck(path, seed=seed, chaos=chaos))
