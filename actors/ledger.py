"""What a pool has counted: requests by how they ended, and deaths with their certificates.

Pure, and written under the desk's lock alone. Each request is counted once when it comes and once when it ends.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final, final

import attrs

from bridge.certificate import Certificate

__all__ = ["Ledger", "Outcome", "WorkerEnd"]

#: How many death certificates a pool remembers.
REMEMBERED_DEATHS: Final = 1000


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
@attrs.frozen
class WorkerEnd:
    """How an incarnation ended, and how many calls it had been given."""

    certificate: Certificate
    calls: int


@final
class Ledger:
    """The books of one pool."""

    def __init__(self) -> None:
        self.requests = 0
        self.deaths = 0
        self.moves = 0
        self.counts = dict.fromkeys(Outcome, 0)
        self._incarnations: dict[str, int] = {}
        self._certificates: deque[Certificate] = deque(maxlen=REMEMBERED_DEATHS)
        self._ends: dict[int, WorkerEnd] = {}

    @property
    def answers(self) -> int:
        """How many calls got an answer from a worker."""
        return self.counts[Outcome.OK] + self.counts[Outcome.ERROR]

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The last deaths, oldest first."""
        return tuple(self._certificates)

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

    def died(self, key: int, certificate: Certificate, calls: int) -> None:
        """Note the death of incarnation *key*, which had been given *calls* calls."""
        self.deaths += 1
        self._certificates.append(certificate)
        self._ends[key] = WorkerEnd(certificate, calls)
        while len(self._ends) > REMEMBERED_DEATHS:
            del self._ends[next(iter(self._ends))]

    def end_of(self, key: int) -> WorkerEnd | None:
        """Return how incarnation *key* ended; None if it has not, or it was long ago."""
        return self._ends.get(key)
