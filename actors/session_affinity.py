"""The actor that ends sessions nobody uses; the rules are in ``affinity``, the bindings at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from actors.desk import Desk
from supervision import Actor, ExitReason

__all__ = ["SessionAffinity"]

_SWEEP: Final = "sweep"
#: Seconds between two sweeps at the most: sessions may have times to live of their own.
_LONGEST: Final = 60.0


@final
class SessionAffinity(Actor):
    """Sweeps four times in a session's time to live, or each minute. The last of those that know the desk to end: it closes it."""

    trap_exit = True

    def init(self, desk: Desk, ttl: float) -> None:
        """Begin. What a session is does not depend on sweeps, what is kept of it does."""
        self._desk = desk
        self._every = min(ttl / 4, _LONGEST)
        self._again()

    def handle_info(self, message: Any) -> None:
        if message == _SWEEP:
            self._desk.sweep()
            self._again()

    def terminate(self, reason: ExitReason) -> None:
        """Answer everybody: whatever ended the pool, and however, nobody serves the desk any more."""
        self._desk.close("stopped")

    def status(self) -> Mapping[str, object]:
        return {"sessions": self._desk.status().sessions, "expired": self._desk.expirations()}

    def _again(self) -> None:
        self.send_after(self._every, _SWEEP)
