"""The worker actor: owns one interpreter process and ends with it.

It never stands between a caller and its call: callers hold the interpreter's data channel by a lease of the desk. Its
states are in ``worker_state``, kept where they change, in the scheduler. It is never restarted under its own
incarnation: the pool actor starts a successor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from actors.desk import Desk
from actors.hub_actor import HubSlot
from bridge.certificate import Certificate, Phase, Verdict
from bridge.errors import BridgeError, InterpreterUnusable, LaunchFailed
from bridge.events import InterpreterDied, InterpreterReady, InterpreterUnburied, LogRecord, OutputLine
from bridge.faces import InterpreterFace
from bridge.options import InterpreterOptions
from supervision import SHUTDOWN, Actor, Continue, ExitReason, Stop, crashed
from supervision.events import Event

__all__ = ["Worker"]

#: Seconds of its shutdown time that an interpreter gets to end in good order before it is killed.
_GRACE = 2.0
#: Seconds for the process group of a dead interpreter to be confirmed dead.
_BURIAL = 2.0


@final
class Worker(Actor):
    """``init`` returns at once, in state ``initializing``: a slow interpreter must not hold up its siblings."""

    trap_exit = True

    def init(self, desk: Desk, hub: HubSlot, options: InterpreterOptions, overflow: bool = False) -> Continue:
        """Announce the worker to the desk; the interpreter is launched after the supervisor was answered."""
        self._desk = desk
        self._hub = hub
        self._options = options
        self._interpreter: InterpreterFace | None = None
        self._key = self.ref.incarnation
        desk.expect(self._key, self._name, overflow=overflow)
        return Continue()

    def handle_continue(self, term: Any) -> Stop | None:
        """Launch the interpreter; blocks this actor's thread for the exec, some milliseconds."""
        try:
            self._interpreter = self._hub.get()(
                self._options, worker=self._name, incarnation=self._key, listener=self._heard
            )
        except (LaunchFailed, InterpreterUnusable) as error:
            self._desk.gone(self._key, self._stillborn(error))
            return Stop(crashed(error))
        return None

    def handle_info(self, message: Any) -> Stop | None:
        end = None
        match message:
            case "retire":  # the pool actor's RETIRE
                return Stop(SHUTDOWN)
            case InterpreterReady():
                assert self._interpreter is not None
                self._desk.ready(self._key, self._interpreter)
            case InterpreterDied(certificate=certificate):
                end = Stop(crashed(certificate.headline()))
        if isinstance(message, Event):
            self._emit(message)
        return end

    def terminate(self, reason: ExitReason) -> None:
        """Leave no process: ask the interpreter to end, kill its group, confirm, and tell the desk."""
        interpreter = self._interpreter
        if interpreter is None:
            self._desk.gone(self._key, None)  # unless it was told already: there never was a process
            return
        self._desk.retire(self._key)
        interpreter.stop(f"worker ends: {reason}", timeout=_GRACE)
        self._desk.gone(self._key, interpreter.certificate(timeout=_BURIAL))
        if not interpreter.bury(timeout=_BURIAL):
            # Its hub keeps it, and tries again when it closes.
            self._emit(InterpreterUnburied(worker=self._name, incarnation=self._key, pid=interpreter.pid))

    def status(self) -> Mapping[str, object]:
        known = self._desk.worker_status(self._key)
        if known is None:
            return {"state": "ending"}
        return {"state": known.state, "pid": known.pid, "calls": known.calls, "restarts": known.restarts}

    @property
    def _name(self) -> str:
        return self.ref.name

    def _heard(self, event: Event) -> None:
        """What the interpreter tells, in the hub's thread or a caller's. What may be much does not pass the mailbox."""
        if isinstance(event, OutputLine | LogRecord):
            self._emit(event)
        else:
            self.ref.send(event)

    def _emit(self, event: Event) -> None:
        if self.context.events.active:
            self.context.events.emit(event)

    def _stillborn(self, error: BridgeError) -> Certificate:
        return Certificate(
            worker=self._name,
            incarnation=self._key,
            pid=0,
            verdict=Verdict.START_FAILED,
            phase=Phase.STARTING,
            detail=str(error),
        )
