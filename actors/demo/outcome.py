"""What became of the work: values that the driver returns and everything else reads.

How it comes about is in ``session_run``, ``poisoned`` and ``driver``; how it is told is in ``summary`` and ``report``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import attrs

from actors.demo.census import FileError
from actors.demo.plan import Plan, SessionPlan
from actors.demo.table import Table
from actors.status import PoolStatus
from bridge.certificate import Certificate, Verdict
from supervision.tree_view import TreeNode

__all__ = ["Death", "Kill", "Outcome", "PoisonDeath", "SessionOutcome", "distinct"]


@final
@attrs.frozen
class Kill:
    """A strike of chaos that is proven by the certificate of the death."""

    worker: str
    pid: int
    signal: str
    path: str  #: the file that the worker was at


@final
@attrs.frozen
class Death:
    """A worker's death, as one session met it."""

    certificate: Certificate
    path: str | None  #: the file that the worker was at; None if the session only found it gone


@final
@attrs.frozen(kw_only=True)
class SessionOutcome:
    """One session at its end."""

    plan: SessionPlan
    table: Table  #: as read from its worker
    acknowledged: frozenset[str]
    given_up: tuple[FileError, ...] = ()  #: files that killed their worker each time
    kills: tuple[Kill, ...] = ()
    strikes: int = 0  #: planned for the files that it came to
    moves: int = 0  #: how often it went to another worker
    replays: int = 0  #: acknowledged files that were done again for it
    deaths: tuple[Death, ...] = ()

    @property
    def lost(self) -> tuple[str, ...]:
        """Files that were acknowledged, but are not in the table that was read: there must be none."""
        there = self.table.reports.keys() | self.table.errors.keys()
        return tuple(sorted(self.acknowledged - there))


@final
@attrs.frozen
class PoisonDeath:
    """What became of one poisoned file."""

    path: str
    certificate: Certificate | None  #: None if the worker lived
    as_expected: bool  #: whether it died of what the file does


@final
@attrs.frozen(kw_only=True)
class Outcome:
    """The whole run."""

    plan: Plan
    sessions: tuple[SessionOutcome, ...]  #: those that came to their end
    poisoned: tuple[PoisonDeath, ...]
    seconds: float  #: from before the start of the pool to the last table
    status: PoolStatus  #: of the pool before it was closed
    tree: TreeNode
    interrupted: bool = False
    failure: str | None = None  #: why the pool could not go on, in one line

    @property
    def files(self) -> int:
        """How many files are done: counted, or with an error."""
        return sum(len(session.acknowledged) + len(session.given_up) for session in self.sessions)

    @property
    def lost(self) -> tuple[str, ...]:
        """Acknowledged files that are in no table."""
        return tuple(path for session in self.sessions for path in session.lost)

    @property
    def missing(self) -> int:
        """How many files nobody came to; only an interrupted or failed run has any."""
        return self.plan.files - self.files

    @property
    def given_up(self) -> tuple[FileError, ...]:
        """Files that killed their worker each time."""
        return tuple(error for session in self.sessions for error in session.given_up)

    @property
    def kills(self) -> tuple[Kill, ...]:
        """Every strike that is proven."""
        return tuple(kill for session in self.sessions for kill in session.kills)

    @property
    def strikes(self) -> int:
        """How many were planned for the files that were come to."""
        return sum(session.strikes for session in self.sessions)

    @property
    def moves(self) -> int:
        """How often a session went to another worker."""
        return sum(session.moves for session in self.sessions)

    @property
    def replays(self) -> int:
        """How many acknowledged files were done again."""
        return sum(session.replays for session in self.sessions)

    @property
    def deaths(self) -> tuple[Death, ...]:
        """Every death of a worker, once; one that ended in good order, because it was asked to, has not died."""
        met = [death for session in self.sessions for death in session.deaths]
        met += [Death(it.certificate, it.path) for it in self.poisoned if it.certificate is not None]
        met += [Death(certificate, None) for certificate in self.status.certificates]
        return distinct(death for death in met if death.certificate.verdict is not Verdict.STOPPED)


def distinct(deaths: Iterable[Death]) -> tuple[Death, ...]:
    """Return each death once, by incarnation, told by who knows the file if anybody does.

    A worker's death is met by the session whose file it was at, and later by each of its other sessions.
    """
    known: dict[int, Death] = {}
    for death in deaths:
        earlier = known.get(death.certificate.incarnation)
        if earlier is None or earlier.path is None:
            known[death.certificate.incarnation] = death
    return tuple(known[incarnation] for incarnation in sorted(known))
