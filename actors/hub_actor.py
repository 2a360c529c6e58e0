"""The actor that owns the pool's hub: its I/O thread, its zmq context and its run directory live and end with it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import attrs

from actors.desk import Desk
from actors.events import BridgeNotClosed
from actors.inspection import answers
from bridge.events import LeftoverSwept
from bridge.faces import Launch
from bridge.hub import Hub
from bridge.inspection import Inspection
from bridge.interpreter_process import Interpreter
from bridge.launchers.launcher import Launcher
from supervision import Actor, ExitReason, Stop, crashed
from supervision.errors import NoProcess

__all__ = ["HubActor", "HubSlot"]

#: Seconds for the hub to kill what is left, end its thread and its context.
_CLOSING = 3.0
#: Seconds for who looks into it to be sent away.
_LOOKING = 0.5


@final
@attrs.define(eq=False)
class HubSlot:
    """Where the workers find what launches them today: a restart of the hub actor puts a new hub in.

    Written by the hub actor alone, or who is in its place; the workers are started after it and stopped before it.
    """

    _launch: Launch | None = attrs.field(default=None, init=False)

    def get(self) -> Launch:
        """Return what launches an interpreter.

        Raises:
            NoProcess: The hub is down at the moment.
        """
        if self._launch is None:
            raise NoProcess("hub")
        return self._launch

    def put(self, launch: Launch | None) -> None:
        """For the hub actor."""
        self._launch = launch


@final
@attrs.frozen
class _HubFailed:
    error: BaseException


@final
class HubActor(Actor):
    """First child of a pool's supervisor: when the I/O thread fails, everything after it is started anew."""

    trap_exit = True

    def init(self, slot: HubSlot, desk: Desk, launcher: Launcher | None = None) -> None:
        """Start the hub.

        Raises:
            BridgeError: No run directory, or a platform without what it takes.
        """
        self._blind = ""  #: why nobody can look into it
        self._slot = slot
        self._desk = desk
        self._hub = Hub(self.ref.name, clock=self.clock, launcher=launcher)
        ref = self.ref
        self._hub.on_failure = lambda error: ref.send(_HubFailed(error))
        self._hub.start()
        if self.context.events.active:
            for certificate in self._hub.unseen:
                self.context.events.emit(LeftoverSwept(certificate=certificate))
        # Last to begin and first to end, so whoever looks finds a hub; and above all who stop: it works while they do.
        self._inspection = Inspection(
            Path(self._hub.run.path), answers(desk, self.context, ref), self.ref.name
        )
        try:
            self._inspection.start()
        except OSError as error:
            # A pool that cannot be looked into works all the same.
            self._blind = error.strerror or str(error)
        slot.put(functools.partial(Interpreter.launch, self._hub))

    def handle_info(self, message: Any) -> Stop | None:
        return Stop(crashed(message.error)) if isinstance(message, _HubFailed) else None

    def terminate(self, reason: ExitReason) -> None:
        """Close the hub; interpreters that are left, whosever they were, are killed and buried."""
        self._desk.trouble(reason)
        self._slot.put(None)
        self._inspection.close(timeout=_LOOKING)
        if not self._hub.close(timeout=_CLOSING) and self.context.events.active:
            self.context.events.emit(BridgeNotClosed(bridge=self.ref.name, unburied=self._hub.unburied()))

    def status(self) -> Mapping[str, object]:
        return {"run": self._hub.run.path, **({"no_inspection": self._blind} if self._blind else {})}
