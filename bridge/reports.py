"""What a running call sends ahead of its answer: how far it is, and what it logs; read from the wire.

Which message may come when is `protocol`'s rule; who is told is `channel`'s affair.
"""

from __future__ import annotations

import json
from typing import Protocol, final

import attrs

from bridge.errors import ProtocolError
from bridge.events import LogRecord
from bridge.wire.frames import Fault

__all__ = ["Progress", "Reporter", "log_record_of", "progress_of"]


@final
@attrs.frozen
class Progress:
    """What a running call reports with ``bridge.interpreter.report``."""

    worker: str
    incarnation: int
    pid: int
    n: float
    total: float | None
    note: str


class Reporter(Protocol):
    """Whose report it is."""

    @property
    def worker(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def pid(self) -> int: ...


def progress_of(reporter: Reporter, body: list[memoryview]) -> Progress:
    """Return the report in the *body* of a PROGRESS.

    Raises:
        ProtocolError: If it cannot be read.
    """
    try:
        n, total, note = json.loads(bytes(body[0]))
        if not (_is_number(n) and (total is None or _is_number(total)) and isinstance(note, str)):
            raise ValueError("expected a number, a number or null, and a text")
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise ProtocolError(Fault.GARBAGE, f"a progress report that cannot be read ({error!r})") from None
    return Progress(reporter.worker, reporter.incarnation, reporter.pid, n, total, note)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def log_record_of(reporter: Reporter, call_id: int, body: list[memoryview]) -> LogRecord:
    """Return the record in the *body* of a LOG of the call *call_id*.

    Raises:
        ProtocolError: If it cannot be read.
    """
    try:
        return LogRecord.parse(
            bytes(body[0]),
            worker=reporter.worker,
            incarnation=reporter.incarnation,
            pid=reporter.pid,
            call_id=call_id,
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ProtocolError(Fault.GARBAGE, f"a log record that cannot be read ({error!r})") from None
