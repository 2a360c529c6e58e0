"""The actor that ends sessions nobody uses; the rules are in ``affinity``, the bindings at the desk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, final

from actors.desk import Desk
from supervision import Actor, ExitReason

__all__ = ["SessionAffinity"]

_SWEEP: Final = "sweep"


@final
class SessionAffinity(Actor):
    """Sweeps four times in a session's time to live. The last of those that know the desk to end: it closes it."""

    trap_exit = True

    def init(self, desk: Desk, ttl: float) -> None:
        """Begin; with ``math.inf`` nothing ever expires, and nothing is swept."""
        self._desk = desk
        self._every = ttl / 4
        self._expired = 0
        self._again()

    def handle_info(self, message: Any) -> None:
        if message == _SWEEP:
            self._expired += self._desk.sweep()
            self._again()

    def terminate(self, reason: ExitReason) -> None:
        """Answer everybody: whatever ended the pool, and however, nobody serves the desk any more."""
        self._desk.close("stopped")

    def status(self) -> Mapping[str, object]:
        return {"sessions": self._desk.status().sessions, "expired": self._expired}

    def _again(self) -> None:
        if self._every < math.inf:
            self.send_after(self._every, _SWEEP)
