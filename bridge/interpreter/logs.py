"""Records of the standard library's ``logging`` on their way from a running call to the service.

Imported where it was asked for only: ``logging`` is not needed for a child's start. What is said here must never hold up
the call: what does not fit, or comes too fast, is dropped and counted, and the count is told.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Final

from bridge.interpreter import current
from bridge.wire.boot_spec import BootSpec
from bridge.wire.redaction import Redactor

__all__ = ["BURST", "RATE", "Forwarder", "install"]

#: Records that may come at once, and how many a second are sent after that. A burst is half of what ZeroMQ's queue holds
#: (1000 messages, of which it counts some longer than they are in it), so that it always finds room.
BURST: Final = 500
RATE: Final = 1000.0
#: Characters of a record's text, and of its traceback; and what is left of each if that fills a frame nevertheless.
_LONGEST_TEXT: Final = 8_000
_LONGEST_EXCEPTION: Final = 16_000
_LEAST: Final = 2_000
_LARGEST_BODY: Final = 60_000

_FORMATTER: Final = logging.Formatter()

Offer = Callable[[bytes], bool]  #: sends a record; returns whether it was sent


class _Budget:
    """What may be sent for one lane, and what was not. Under the handler's lock, but for the end of its own call."""

    __slots__ = ("allowed", "dropped", "since")

    def __init__(self, now: float) -> None:
        self.allowed = float(BURST)
        self.since = now
        self.dropped = 0


class Forwarder(logging.Handler):
    """Puts each record into a frame.

    Args:
        offer: Sends one if that can be done at once.
        insist: Sends one, and waits for room.
        redact: Takes the secrets out.
        clock: Counts the rate.
        whose: Returns what the rate is counted for; None: nobody, and the record goes nowhere.
    """

    def __init__(
        self,
        offer: Offer,
        insist: Offer,
        redact: Redactor,
        clock: Callable[[], float] = time.monotonic,
        whose: Callable[[], object | None] = current.lane,
    ) -> None:
        super().__init__()
        self._offer = offer
        self._insist = insist
        self._redact = redact
        self._clock = clock
        self._whose = whose
        self._budgets: dict[object, _Budget] = {}  # under the handler's lock

    def emit(self, record: logging.LogRecord) -> None:
        """Send *record*, or drop and count it; never raises."""
        budget = self._budget()
        if budget is None:
            return
        try:
            if not self._may_send(budget) or not self._offer(self._body(record, budget.dropped)):
                budget.dropped += 1
                return
            budget.dropped = 0
        except Exception:  # a record whose text cannot be made, say: logging's own way to complain
            budget.dropped += 1
            self.handleError(record)

    def tell_dropped(self) -> None:
        """Say how many were dropped, if any were and that was not told yet: a call ends.

        Waits for room, which costs the call nothing: its answer would have to wait for it next.
        """
        self.acquire()
        try:
            budget = self._budget()
            if budget is None or not budget.dropped:
                return
            dropped, budget.dropped = budget.dropped, 0
        finally:
            self.release()
        told = logging.LogRecord(
            "treewarden", logging.WARNING, "", 0, "log records were dropped: %d", (dropped,), None
        )
        # Not under the lock: calls that run beside this one, to callers who listen, log meanwhile.
        if not self._insist(self._body(told, dropped)):
            budget.dropped += dropped

    def _budget(self) -> _Budget | None:
        whose = self._whose()
        if whose is None:
            return None
        budget = self._budgets.get(whose)
        if budget is None:
            budget = self._budgets[whose] = _Budget(self._clock())
        return budget

    def _may_send(self, budget: _Budget) -> bool:
        now = self._clock()
        budget.allowed = min(float(BURST), budget.allowed + (now - budget.since) * RATE)
        budget.since = now
        if budget.allowed < 1:
            return False
        budget.allowed -= 1
        return True

    def _body(self, record: logging.LogRecord, dropped: int) -> bytes:
        body = self._packed(record, dropped, _LONGEST_TEXT, _LONGEST_EXCEPTION)
        # A character takes up to six bytes in JSON, which few texts need.
        return body if len(body) <= _LARGEST_BODY else self._packed(record, dropped, _LEAST, _LEAST)

    def _packed(self, record: logging.LogRecord, dropped: int, text: int, exception: int) -> bytes:
        shown = _FORMATTER.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        shown = "\n".join(filter(None, (shown, record.stack_info)))
        return json.dumps(
            {
                "level": record.levelname[:_LEAST],
                "number": record.levelno,
                "logger": self._redact(record.name)[:_LEAST],
                "text": _cut(self._redact(record.getMessage()), text),
                "exception": _cut(self._redact(shown), exception),
                "time": record.created,
                "dropped": dropped,
            },
            ensure_ascii=False,
        ).encode("utf-8", "surrogatepass")


def install(spec: BootSpec, offer: Offer, insist: Offer) -> Forwarder:
    """Have the root logger's records offered, from the level on that *spec* says."""
    assert spec.log_level is not None
    forwarder = Forwarder(offer, insist, Redactor(spec.secrets))
    forwarder.setLevel(spec.log_level)
    root = logging.getLogger()
    root.addHandler(forwarder)
    root.setLevel(min(root.level, forwarder.level))
    return forwarder


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
