"""What an interpreter process says about itself, as events for its listener. Pure.

Who listens is not here; what a call reports goes to its caller (`channel.Progress`), not into this stream.
"""

from __future__ import annotations

from typing import ClassVar, final

import attrs

from bridge.certificate import Certificate, Verdict
from supervision.events import Event

__all__ = ["InterpreterDied", "InterpreterReady", "OutputLine"]


@final
@attrs.frozen(kw_only=True)
class InterpreterReady(Event):
    """The handshake is complete; the data channel can be leased."""

    level: ClassVar[str] = "DEBUG"
    worker: str
    incarnation: int
    pid: int
    python: str  #: its version
    pyzmq: str  #: its version

    def describe(self) -> str:
        return f"{self.worker}#{self.incarnation} is ready: pid {self.pid}, Python {self.python}, pyzmq {self.pyzmq}"


@final
@attrs.frozen(kw_only=True)
class InterpreterDied(Event):
    """The process is dead; its group has been killed and is not reaped yet."""

    certificate: Certificate

    def describe(self) -> str:
        return self.certificate.headline()

    def severity(self) -> str:
        return "INFO" if self.certificate.verdict is Verdict.STOPPED else "WARNING"


@final
@attrs.frozen(kw_only=True)
class OutputLine(Event):
    """One line that the process wrote, without its line break."""

    level: ClassVar[str] = "DEBUG"
    worker: str
    incarnation: int
    stream: str  #: "stdout" or "stderr"
    text: str

    def describe(self) -> str:
        return f"{self.worker}#{self.incarnation} {self.stream}: {self.text}"
