"""What an interpreter process says about itself, as events for its listener. Pure.

Who listens is not here; what a call reports goes to its caller (`channel.Progress`), not into this stream.
"""

from __future__ import annotations

import json
from typing import ClassVar, final

import attrs

from bridge.certificate import Certificate, Verdict
from bridge.launchers.notices import Notice, Pending
from supervision.events import Event

__all__ = [
    "InterpreterDied",
    "InterpreterReady",
    "InterpreterSilent",
    "InterpreterUnburied",
    "LeftoverSwept",
    "LogRecord",
    "OutputLine",
    "PlacementNoticed",
]


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
class InterpreterSilent(Event):
    """It is held to be dead and kept all the same (``on_silence="log"``), or was, and has been heard again."""

    level: ClassVar[str] = "WARNING"
    worker: str
    incarnation: int
    pid: int
    why: str  #: empty: it was heard again

    def describe(self) -> str:
        said = f"is silent, and kept: {self.why}" if self.why else "was heard again"
        return f"{self.worker}#{self.incarnation} (pid {self.pid}) {said}"


@final
@attrs.frozen(kw_only=True)
class InterpreterUnburied(Event):
    """It was killed and its end could not be confirmed in time; its hub keeps it, and tries again when it closes."""

    level: ClassVar[str] = "ERROR"
    worker: str
    incarnation: int
    pid: int

    def describe(self) -> str:
        return f"{self.worker}#{self.incarnation} (pid {self.pid}) is not buried: a process of it may live, or a call is inside"


@final
@attrs.frozen(kw_only=True)
class LeftoverSwept(Event):
    """An interpreter of a dead service was found at the start of this one; nothing of it lives any more."""

    level: ClassVar[str] = "WARNING"
    certificate: Certificate

    def describe(self) -> str:
        return self.certificate.headline()


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


@final
@attrs.frozen(kw_only=True)
class LogRecord(Event):
    """A record of the standard library's logging, made while a call ran; told in the thread of that call's caller."""

    worker: str
    incarnation: int
    pid: int
    call_id: int
    name: str  #: of the level: "INFO", or one of the user's own
    number: int  #: of the level
    logger: str
    text: str  #: cut where it is long
    exception: str  #: the traceback, cut where it is long; "" if there is none
    time: float  #: when it was made, in seconds since the epoch, by the worker's clock
    dropped: int  #: records that were dropped since the last one that was told

    @classmethod
    def parse(cls, data: bytes, *, worker: str, incarnation: int, pid: int, call_id: int) -> LogRecord:
        """Return the record in *data*, the JSON of a LOG message.

        Raises:
            ValueError, TypeError, KeyError: If it is not one.
        """
        told = json.loads(data)
        return cls(
            worker=worker,
            incarnation=incarnation,
            pid=pid,
            call_id=call_id,
            name=str(told["level"]),
            number=int(told["number"]),
            logger=str(told["logger"]),
            text=str(told["text"]),
            exception=str(told["exception"]),
            time=float(told["time"]),
            dropped=int(told["dropped"]),
        )

    def describe(self) -> str:
        missed = f" ({self.dropped} before it were dropped)" if self.dropped else ""
        traceback = f"\n{self.exception}" if self.exception else ""
        return f"{self.worker}#{self.incarnation} {self.logger}: {self.text}{missed}{traceback}"

    def severity(self) -> str:
        ranks = ((40, "ERROR"), (30, "WARNING"), (20, "INFO"))
        return next((rank for number, rank in ranks if self.number >= number), "DEBUG")


@final
@attrs.frozen(kw_only=True)
class PlacementNoticed(Event):
    """Whoever places the interpreter says something of it."""

    worker: str
    incarnation: int
    notice: Notice

    def describe(self) -> str:
        return f"{self.worker}#{self.incarnation} is {self.notice}"

    def severity(self) -> str:
        return "INFO" if isinstance(self.notice, Pending) else "WARNING"
