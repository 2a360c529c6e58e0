"""Do the same census once more, serially and in this process, and say what differs.

It shares the functions that count (``table``) and merge (``packages``) with the run, and none of what may go wrong:
processes, moves, replays.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.demo import table
from actors.demo.outcome import Outcome, SessionOutcome
from actors.demo.packages import merge
from actors.demo.table import Table

__all__ = ["differences"]


def differences(outcome: Outcome) -> tuple[str, ...]:
    """Return in what *outcome* differs from a serial run over the files that it acknowledged; empty if in nothing.

    Args:
        outcome: What was done; files that nobody came to are no difference.

    A file that killed its workers is not tried here, where it would kill us; it is a difference.
    """
    found: list[str] = []
    serial: list[tuple[str, Table]] = []
    for session in outcome.sessions:
        expected = _serially(session, outcome.plan.root)
        serial.append((session.plan.directory, expected))
        found.extend(_compare(session.table, expected))
    theirs = merge((session.plan.directory, session.table) for session in outcome.sessions)
    ours = merge(serial)
    found += [f"{name} differ" for name in ("totals", "imports", "longest", "most_complex", "packages", "errors")
              if getattr(theirs, name) != getattr(ours, name)]  # fmt: skip
    found += [f"{error.path}: {error.reason}" for error in outcome.given_up]
    return tuple(found)


def _serially(session: SessionOutcome, root: str) -> Table:
    name = f"serial {session.plan.id}"
    for path in session.plan.files:
        if path in session.acknowledged:
            table.add_file(name, root, path)
    try:
        return table.read(name)
    finally:
        table.forget(name)


def _compare(found: Table, expected: Table) -> Iterator[str]:
    for path in sorted(
        expected.reports.keys() | expected.errors.keys() | found.reports.keys() | found.errors.keys()
    ):
        theirs = found.reports.get(path) or found.errors.get(path)
        ours = expected.reports.get(path) or expected.errors.get(path)
        if theirs is None:
            yield f"{path}: lost: it was acknowledged, but is not in the table of its session"
        elif ours is None:
            yield f"{path}: in a table, but it was never acknowledged"
        elif theirs != ours:
            yield f"{path}: counted otherwise"
    if found.totals != expected.totals:
        yield f"totals of a session: {found.totals} instead of {expected.totals}"
