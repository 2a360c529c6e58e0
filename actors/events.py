"""What happens in a pool, as events; a worker's own interpreter speaks through ``bridge.events``."""

from __future__ import annotations

from typing import ClassVar, final

import attrs

from bridge.certificate import Certificate
from supervision.events import Event

__all__ = ["BridgeNotClosed", "PoolEnded", "StartsHeldBack", "WorkerReplaced"]


@final
@attrs.frozen(kw_only=True)
class BridgeNotClosed(Event):
    """A pool's bridge could not be closed in time: what it holds is left until the service ends, and dies then at the latest."""

    level: ClassVar[str] = "ERROR"
    bridge: str
    unburied: int  #: interpreters whose end is not confirmed, or in which a caller still is

    def describe(self) -> str:
        return f"{self.bridge} could not be closed: {self.unburied} interpreters are not buried"


@final
@attrs.frozen(kw_only=True)
class WorkerReplaced(Event):
    """A new worker was started in the place of one that ended."""

    pool: str
    worker: str
    certificate: Certificate  #: how the one before it ended

    def describe(self) -> str:
        return f"{self.worker} replaced: {self.certificate.headline()}"


@final
@attrs.frozen(kw_only=True)
class StartsHeldBack(Event):
    """Workers keep failing at their start: one probe at a time from now on."""

    level: ClassVar[str] = "ERROR"
    pool: str
    failures: int
    delay: float  #: seconds until the next probe
    certificate: Certificate  #: of the last one

    def describe(self) -> str:
        return f"{self.pool}: {self.failures} workers in a row failed at their start; next try in {self.delay:g} s. {self.certificate.as_line()}"


@final
@attrs.frozen(kw_only=True)
class PoolEnded(Event):
    """The pool gave up."""

    level: ClassVar[str] = "ERROR"
    pool: str
    certificates: tuple[Certificate, ...]  #: of the workers that failed at their start, oldest first

    def describe(self) -> str:
        last = self.certificates[-1].as_line() if self.certificates else "no certificate"
        return f"{self.pool} gave up after {len(self.certificates)} failed starts. The last one: {last}"
