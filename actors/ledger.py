"""What a pool has counted: requests by how they ended, and deaths with their certificates.

Pure, and written under the desk's lock alone. A request is counted once, when it ends.
"""

from __future__ import annotations

import enum
from typing import Final, final

import attrs

from bridge.certificate import Certificate, Verdict

__all__ = ["Ledger", "Outcome", "WorkerEnd"]

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
    LOST = "lost"


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
        self.moves = 0
        self.counts = dict.fromkeys(Outcome, 0)
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

    def born(self, worker: str) -> None:
        """Count one more incarnation of *worker*."""
        self._incarnations[worker] = self._incarnations.get(worker, 0) + 1

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
