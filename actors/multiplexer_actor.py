"""The actor that owns the multiplexer's thread, and hears of the ends of those whose calls it has."""

from __future__ import annotations

from typing import Any, final

import attrs

from actors.desk import Desk
from actors.multiplexer import Multiplexer
from supervision import Actor, Down, ExitReason, Stop, crashed

__all__ = ["MultiplexerActor"]

#: Seconds for the calls that are left to end: their workers are dead, or killed, by then.
_CLOSING = 3.0


@final
@attrs.frozen
class _Failed:
    error: BaseException


@final
class MultiplexerActor(Actor):
    """Before the workers, so that it outlives their calls: when its thread fails, they are started anew."""

    trap_exit = True

    def init(self, desk: Desk, multiplexer: Multiplexer) -> None:
        """Start the thread."""
        self._desk = desk
        self._multiplexer = multiplexer
        ref = self.ref
        multiplexer.open(ref.name, self.clock, ref, lambda error: ref.send(_Failed(error)))

    def handle_info(self, message: Any) -> Stop | None:
        match message:
            case Down(monitor):
                self._multiplexer.owner_is_down(monitor)
            case _Failed(error):
                return Stop(crashed(error))
        return None

    def terminate(self, reason: ExitReason) -> None:
        self._desk.trouble(reason)
        self._multiplexer.close(_CLOSING)
