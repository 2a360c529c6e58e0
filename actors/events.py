"""What happens in a pool, as events; a worker's own interpreter speaks through ``bridge.events``."""

from __future__ import annotations

from typing import ClassVar, final

import attrs

from supervision.events import Event

__all__ = ["PoolEnded", "StartsHeldBack", "WorkerReplaced"]


@final
@attrs.frozen(kw_only=True)
class WorkerReplaced(Event):
    """A new worker was started in the place of one that ended."""

    pool: str
    worker: str
    cause: str  #: the headline of the death certificate

    def describe(self) -> str:
        return f"{self.worker} replaced: {self.cause}"


@final
@attrs.frozen(kw_only=True)
class StartsHeldBack(Event):
    """Workers keep failing at their start: one probe at a time from now on."""

    level: ClassVar[str] = "ERROR"
    pool: str
    failures: int
    delay: float  #: seconds until the next probe
    cause: str

    def describe(self) -> str:
        return f"{self.pool}: {self.failures} workers in a row failed at their start; next try in {self.delay:g} s. {self.cause}"


@final
@attrs.frozen(kw_only=True)
class PoolEnded(Event):
    """The pool gave up."""

    level: ClassVar[str] = "ERROR"
    pool: str
    cause: str

    def describe(self) -> str:
        return f"{self.pool} gave up: {self.cause}"
