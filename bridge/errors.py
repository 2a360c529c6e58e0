"""Every error of this package, typed by what the caller can do next. Pure.

How an interpreter ended is a value, not an error: see `certificate`. All of them pickle by their constructor's
arguments.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from typing import final

from bridge.certificate import Certificate
from bridge.launchers.notices import Fault as LaunchFault
from bridge.wire.frames import Fault
from supervision.errors import SupervisionError

__all__ = [
    "AdapterSetUpFailed",
    "BridgeError",
    "CallCancelled",
    "CallDeadline",
    "ChannelUnavailable",
    "FunctionRefused",
    "HubClosed",
    "InspectionFailed",
    "InterpreterUnusable",
    "LaunchFailed",
    "NoPong",
    "NotPicklable",
    "PlatformUnsupported",
    "ProtocolError",
    "RemoteError",
    "RemoteTraceback",
    "RunDirectoryUnusable",
    "WorkerDied",
]


class BridgeError(SupervisionError):
    """The base of every error about interpreter processes."""


@final
class PlatformUnsupported(BridgeError):
    """This machine cannot run interpreter processes under supervision."""

    def __init__(self, platform: str, reason: str) -> None:
        super().__init__(platform, reason)
        self.platform = platform
        self.reason = reason

    def __str__(self) -> str:
        return f"treewarden does not run on {self.platform}: {self.reason}"


@final
class InterpreterUnusable(BridgeError):
    """The Python that was asked for cannot be a worker; nothing was started."""

    def __init__(self, python: str, found: str, remedy: str) -> None:
        super().__init__(python, found, remedy)
        self.python = python
        self.found = found
        self.remedy = remedy

    def __str__(self) -> str:
        return f"interpreter {self.python!r} cannot be used: {self.found}. {self.remedy}"


@final
class InspectionFailed(BridgeError):
    """A running service was asked what it does, and there is no answer; ``why`` says why not."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return (
            f"the service of {self.path} was asked, and there is no answer: {self.why}. "
            "Ask again, and look whether it still runs"
        )


@final
class RunDirectoryUnusable(BridgeError):
    """No place was found for the sockets; ``tried`` says which were tried and what was wrong with each."""

    def __init__(self, tried: tuple[tuple[str, str], ...]) -> None:
        super().__init__(tried)
        self.tried = tried

    def __str__(self) -> str:
        places = "; ".join(f"{path}: {why}" for path, why in self.tried)
        return f"no directory for the sockets ({places}). Set XDG_RUNTIME_DIR or TMPDIR to a short, writable directory"


@final
class LaunchFailed(BridgeError):
    """The process could not be started at all; ``fault`` says whose fault that is."""

    def __init__(self, worker: str, reason: str, fault: LaunchFault = LaunchFault.LOCAL) -> None:
        super().__init__(worker, reason, fault)
        self.worker = worker
        self.reason = reason
        self.fault = fault

    def __str__(self) -> str:
        return f"no process could be started for {self.worker}: {self.reason}"


@final
class HubClosed(BridgeError):
    """The hub is not running: not started yet, closed, or its thread failed."""

    def __init__(self, hub: str) -> None:
        super().__init__(hub)
        self.hub = hub

    def __str__(self) -> str:
        return (
            f"hub {self.hub!r} is not running; start() it first, or make a new one: a closed hub stays closed"
        )


@final
class ChannelUnavailable(BridgeError):
    """The channel cannot take a call now: not open yet, already closed, or another call holds it. Nothing was sent."""

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(worker, reason)
        self.worker = worker
        self.reason = reason

    def __str__(self) -> str:
        return f"the channel of {self.worker} takes no call: {self.reason}"


@final
class NoPong(BridgeError, TimeoutError):
    """A ping was not answered in time; the interpreter may hold the GIL, be stopped, or be dead."""

    def __init__(self, worker: str, timeout: float) -> None:
        super().__init__(worker, timeout)
        self.worker = worker
        self.timeout = timeout

    def __str__(self) -> str:
        return f"{self.worker} did not answer a ping within {self.timeout:g} s; it may hold the GIL, be stopped or be dead"


@final
class ProtocolError(BridgeError):
    """The peer broke the protocol; ``fault`` is the class of the fault. Its interpreter is killed.

    ``certificate`` tells of that death, where a call was its victim.
    """

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.detail = detail
        self.certificate: Certificate | None = None

    def __str__(self) -> str:
        told = f"protocol broken ({self.fault.value}): {self.detail}"
        return told if self.certificate is None else f"{told}. {self.certificate.as_text()}"


@final
class NotPicklable(BridgeError):
    """Something cannot cross the border between two processes.

    Where it is known which part of it: ``path`` says where that lies (``args[0].config['db']``), ``type_name`` what it is.
    """

    def __init__(self, what: str, where: str, remedy: str, path: str = "", type_name: str = "") -> None:
        super().__init__(what, where, remedy, path, type_name)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.path = path
        self.type_name = type_name

    def __str__(self) -> str:
        return f"{self.what} cannot be sent: {self.where}. {self.remedy}"


@final
class RemoteTraceback(Exception):
    """The traceback in the worker, as text: the cause of an exception that was raised there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


@final
class RemoteError(BridgeError):
    """The function raised, or returned, something that cannot be brought here; ``obstacle`` says why.

    A group of exceptions comes so if one of its leaves does: all of them are in the traceback.

    Args:
        type_name: The module and name of its type.
        description: Its text; of a result its ``repr``. Cut where it is long.
        traceback: Of what was raised; of a result, of the attempt to send it.
        obstacle: Why it is described only.
        representation: Its ``repr``, cut where it is long.
        came: "raised" or "returned".
    """

    def __init__(
        self,
        type_name: str,
        description: str,
        traceback: str,
        obstacle: str,
        representation: str = "",
        came: str = "raised",
    ) -> None:
        super().__init__(type_name, description, traceback, obstacle, representation, came)
        self.type_name = type_name
        self.description = description
        self.traceback = traceback
        self.obstacle = obstacle
        self.representation = representation
        self.came = came

    def __str__(self) -> str:
        description = f": {self.description}" if self.description else ""
        return (
            f"the call {self.came} {self.type_name} in the worker{description}."
            f" It is described and not {self.came} here: {self.obstacle}"
        )


@final
class AdapterSetUpFailed(BridgeError):
    """The set-up of an adapter raised, so the method was not called; the cause is what it raised."""

    stage = "set-up"

    def __init__(self, method: str, type_name: str, description: str) -> None:
        super().__init__(method, type_name, description)
        self.method = method
        self.type_name = type_name
        self.description = description

    def __str__(self) -> str:
        return (
            f"{self.method} was not called: the set-up of its adapter raised {self.type_name}: {self.description}."
            " The next call tries it anew"
        )


@final
class FunctionRefused(BridgeError):
    """The interpreter does not take what was to be called; nothing was imported or run there."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(label, reason)
        self.label = label
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.label} was not called: {self.reason}. Put it on the list: InterpreterOptions(allowed=...)"
        )


@final
class WorkerDied(BridgeError, BrokenProcessPool):
    """The interpreter died under the call; ``started`` says whether the call had begun to run."""

    def __init__(self, certificate: Certificate, started: bool = False) -> None:
        super().__init__(certificate, started)
        self.certificate = certificate
        self.started = started

    def __str__(self) -> str:
        return self.certificate.as_text()


@final
class CallDeadline(BridgeError, TimeoutError):
    """The call overran its deadline and was ended.

    ``certificate`` tells of its interpreter's end; None: it ended when it was interrupted, or of itself a moment too
    late, and the interpreter lives on, with whatever the call had changed in it.
    """

    def __init__(self, timeout: float, certificate: Certificate | None) -> None:
        super().__init__(timeout, certificate)
        self.timeout = timeout
        self.certificate = certificate

    def __str__(self) -> str:
        if self.certificate is None:
            return f"the call overran its deadline of {self.timeout:g} s and was ended; its worker lives on"
        return f"the call overran its deadline of {self.timeout:g} s. {self.certificate.as_text()}"


@final
class CallCancelled(BridgeError, CancelledError):
    """The call was cancelled by somebody else while its caller waited for it.

    ``started`` says whether anything of it was executed; ``certificate`` tells of its interpreter's end, None if it
    lives on, with whatever the call had changed in it.
    """

    def __init__(self, label: str, started: bool, certificate: Certificate | None = None) -> None:
        super().__init__(label, started, certificate)
        self.label = label
        self.started = started
        self.certificate = certificate

    def __str__(self) -> str:
        if not self.started:
            return f"the call of {self.label} was cancelled before it began; nothing was executed"
        end = "its worker lives on" if self.certificate is None else self.certificate.as_text()
        return f"the call of {self.label} was cancelled while it ran: {end}"
