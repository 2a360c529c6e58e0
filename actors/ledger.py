"""What a pool has counted: requests by how they ended, what its workers did of them, and deaths with their certificates.

Pure, and written under the desk's lock alone. A request is counted once, when it ends; so is an attempt, which is one
worker's part in it.
"""

from __future__ import annotations

import enum
from typing import Any, Final, final

import attrs

from bridge.certificate import Certificate, Verdict

__all__ = ["AttemptEnd", "Ledger", "Outcome", "WorkerBook", "WorkerEnd"]

#: How many ends of workers a pool remembers.
REMEMBERED_ENDS: Final = 1000


@final
class Outcome(enum.Enum):
    """How a call ended; each request is counted under exactly one."""

    OK = "ok"
    ERROR = "errors"
    TIMEOUT = "timeouts"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    LOST = "lost"  #: its worker died under it: to its caller an error, and among the errors in the status

    __hash__ = (
        object.__hash__
    )  # the enumeration's own is a function of Python's, run by each look-up of each call


@final
class AttemptEnd(enum.Enum):
    """What became of a worker's part in a call; each attempt is counted under exactly one."""

    OK = "ok"
    ERROR = "errors"
    TIMEOUT = "timeouts"
    CANCELLED = "cancelled"
    LOST = "lost"
    GIVEN_BACK = "given_back"  #: the worker was granted, and the call was never sent to it

    __hash__ = object.__hash__  # as above

    @staticmethod
    def of(outcome: Outcome, *, dispatched: bool) -> AttemptEnd:
        """Return what a request that ended with *outcome* was to its worker.

        Args:
            outcome: The request's.
            dispatched: Whether the call was sent, or may have been.
        """
        return (_SENT if dispatched else _UNSENT)[outcome]


#: What a request's outcome is to the worker that it was granted: if the call was sent there, or may have been, and if not.
_SENT: Final = {
    Outcome.OK: AttemptEnd.OK,
    Outcome.ERROR: AttemptEnd.ERROR,
    Outcome.TIMEOUT: AttemptEnd.TIMEOUT,
    Outcome.REJECTED: AttemptEnd.GIVEN_BACK,
    Outcome.CANCELLED: AttemptEnd.CANCELLED,
    Outcome.LOST: AttemptEnd.LOST,
}
_UNSENT: Final = {**_SENT, Outcome.TIMEOUT: AttemptEnd.GIVEN_BACK, Outcome.CANCELLED: AttemptEnd.GIVEN_BACK}


@final
class WorkerBook:
    """What the incarnations of one worker's name were given, and what became of it."""

    __slots__ = ("attempts", "counts")

    def __init__(self) -> None:
        self.attempts = 0
        self.counts = dict.fromkeys(AttemptEnd, 0)

    @property
    def given_back(self) -> int:
        """How many attempts came back unused."""
        return self.counts[AttemptEnd.GIVEN_BACK]


@final
@attrs.frozen(kw_only=True)
class WorkerEnd:
    """How an incarnation ended, and what it had done until then."""

    certificate: Certificate
    calls: int  #: that it had been given
    ready_for: float  #: seconds since it shook hands; 0 if it never did

    @property
    def is_death(self) -> bool:
        """Whether it counts as a death: every end but the one in good order that we asked for."""
        return self.certificate.verdict is not Verdict.STOPPED


@final
class Ledger:
    """The books of one pool."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Outcome, 0)
        self.routed = {True: 0, False: 0}  #: attempts of bound sessions: at their worker, elsewhere
        self.books: dict[str, WorkerBook] = {}
        self._incarnations: dict[str, int] = {}
        #: Each with the number of deaths up to it; oldest first.
        self._ends: dict[int, tuple[WorkerEnd, int]] = {}

    @property
    def ended(self) -> int:
        """How many requests have ended."""
        return sum(self.counts.values())

    @property
    def answers(self) -> int:
        """How many calls got an answer from a worker."""
        return self.counts[Outcome.OK] + self.counts[Outcome.ERROR]

    @property
    def deaths(self) -> int:
        """How many workers ended in any way but in good order."""
        return next(reversed(self._ends.values()))[1] if self._ends else 0

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The last deaths, oldest first."""
        return tuple(end.certificate for end, _ in self._ends.values() if end.is_death)

    def tally(
        self, outcome: Outcome, book: WorkerBook | None, end: AttemptEnd, hit: bool | None
    ) -> tuple[tuple[dict[Any, int], object, int], ...]:
        """Return the counts with one more request: which, under what, and how many. Nothing is written yet.

        Args:
            outcome: The request's.
            book: Of the worker that it was granted; None: none was.
            end: What it was to that one.
            hit: Whether that was its session's; None: the session was bound to none.
        """
        request = (self.counts, outcome, self.counts[outcome] + 1)
        if book is None:
            return (request,)
        attempt = (book.counts, end, book.counts[end] + 1)
        if hit is None:
            return request, attempt
        return request, attempt, (self.routed, hit, self.routed[hit] + 1)

    def born(self, worker: str) -> WorkerBook:
        """Count one more incarnation of *worker*, and return its book."""
        self._incarnations[worker] = self._incarnations.get(worker, 0) + 1
        return self.books.setdefault(worker, WorkerBook())

    def restarts_of(self, worker: str) -> int:
        """Return how many incarnations *worker* had before the present one."""
        return self._incarnations[worker] - 1

    @property
    def restarts(self) -> int:
        """How often a worker took the place of another."""
        return sum(self._incarnations.values()) - len(self._incarnations)

    def died(self, key: int, end: WorkerEnd) -> None:
        """Note how incarnation *key* ended; the first account stays."""
        if key not in self._ends:
            # One assignment, so that neither is ever there without the other.
            self._ends[key] = (end, self.deaths + end.is_death)
            while len(self._ends) > REMEMBERED_ENDS:
                del self._ends[next(iter(self._ends))]

    def end_of(self, key: int) -> WorkerEnd | None:
        """Return how incarnation *key* ended; None if it has not, or it was long ago."""
        known = self._ends.get(key)
        return None if known is None else known[0]
