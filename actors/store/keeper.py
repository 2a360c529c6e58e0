"""The actor that owns a session store's life: opened at its start, swept while it runs, closed at the end of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from actors.store.errors import StoreBusy
from actors.store.session_store import SessionStore
from supervision import Actor, ExitReason

__all__ = ["Keeper"]

_SWEEP: Final = "sweep"
#: Seconds between two sweeps at the most; what has expired is not handed out in between.
_LONGEST: Final = 60.0


@final
class Keeper(Actor):
    """Made by ``SessionStore.child_spec``. Whoever reads and writes does so in a thread of its own, not through it."""

    trap_exit = True

    def init(self, store: SessionStore) -> None:
        """Open the store.

        Raises:
            StoreError: It cannot be opened; the start fails.
        """
        self._store = store
        store.open()
        self.send_interval(min(store.ttl / 4, _LONGEST), _SWEEP)

    def handle_info(self, message: Any) -> None:
        if message == _SWEEP:
            try:
                self._store.sweep()
            except StoreBusy:
                pass  # the next one will do

    def terminate(self, reason: ExitReason) -> None:
        self._store.close()

    def status(self) -> Mapping[str, object]:
        try:
            found = self._store.statistics()
        except StoreBusy:
            return {"path": str(self._store.path)}
        return {"path": str(self._store.path), "sessions": found.sessions, "bytes": found.bytes}
