"""The actor that looks after the health of workers which nobody uses; what a failed check means is the scheduler's rule.

A worker at work is not asked: its call may hold the GIL for as long as its deadline allows, and has that deadline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, final

from actors.desk import Desk
from actors.scheduler import MAX_FAILED_CHECKS
from bridge.certificate import Verdict
from bridge.errors import NoPong
from bridge.faces import InterpreterFace
from supervision import Actor

__all__ = ["HealthCheck"]

_CHECK: Final = "check"


@final
class HealthCheck(Actor):
    """Asks one worker after the other, in its own thread, so that the pool actor's never waits."""

    def init(self, desk: Desk, interval: float, timeout: float) -> None:
        """Begin.

        Args:
            desk: The pool's.
            interval: Seconds from the end of one round to the next; ``math.inf``: nobody is asked.
            timeout: Seconds for one answer.
        """
        self._desk = desk
        self._interval = interval
        self._timeout = timeout
        self._rounds = self._checks = self._failed = 0
        self._again()

    def handle_info(self, message: Any) -> None:
        if message == _CHECK:
            for key, interpreter in self._desk.at_rest():
                self._check(key, interpreter)
            self._rounds += 1
            self._again()

    def status(self) -> Mapping[str, object]:
        return {"rounds": self._rounds, "checks": self._checks, "failed": self._failed}

    def _check(self, key: int, interpreter: InterpreterFace) -> None:
        self._checks += 1
        try:
            interpreter.ping(self._timeout)
        except NoPong:
            # One that somebody has got meanwhile may be silent for a good reason.
            if any(other == key for other, _ in self._desk.at_rest()):
                self._failed += 1
                if self._desk.checked(key, healthy=False):
                    why = (
                        f"{MAX_FAILED_CHECKS} health checks in a row failed, each within {self._timeout:g} s"
                    )
                    interpreter.kill(why, Verdict.SILENT)
        else:
            self._desk.checked(key, healthy=True)

    def _again(self) -> None:
        if self._interval < math.inf:
            self.send_after(self._interval, _CHECK)
