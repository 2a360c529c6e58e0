"""The death certificate: how one incarnation of an interpreter ended, and the rule that says what it was. Pure.

Collecting the facts is not here (`interpreter_process`). Every text about a death comes from this renderer.
"""

from __future__ import annotations

import enum
from typing import Any, final

import attrs

__all__ = ["CallRecord", "Cause", "Certificate", "ExitStatus", "Phase", "Verdict", "verdict_of"]


@final
class Phase(enum.Enum):
    """What an interpreter was doing."""

    STARTING = "starting"  #: until its handshake
    IDLE = "idle"
    RUNNING = "running"  #: a call had been begun and was not answered
    STOPPING = "stopping"  #: it had been asked to end


@final
class Verdict(enum.Enum):
    """What a death was."""

    EXITED = "exited"  #: it ended itself with an exit code
    CRASH_SIGNAL = "crash signal"  #: a signal that a fault of its own raises: SIGSEGV, SIGABRT, ...
    KILLED_FROM_OUTSIDE = "killed from outside"  #: a signal that somebody sends, and it was not us
    KILLED_BY_US = "killed by us"
    STOPPED = "stopped"  #: in good order, because we asked; before its handshake also by our signal
    OUT_OF_MEMORY = "out of memory"  #: it reached its memory limit
    DEADLINE = "deadline"  #: killed by us because a call overran
    START_FAILED = "start failed"  #: it ended itself before its handshake
    START_TIMEOUT = "start timeout"  #: killed by us because its handshake did not come
    PROTOCOL = "protocol broken"  #: killed by us because it sent what it must not
    SILENT = "silent"  #: killed by us because it did not answer and its process was stopped or gone
    UNKNOWN = "unknown"  #: somebody else reaped its exit status

    @property
    def is_ours(self) -> bool:
        """Whether we asked or killed the process."""
        return self in _OURS


_OURS = frozenset(
    {
        Verdict.KILLED_BY_US,
        Verdict.STOPPED,
        Verdict.DEADLINE,
        Verdict.START_TIMEOUT,
        Verdict.PROTOCOL,
        Verdict.SILENT,
    }
)


@final
@attrs.frozen
class ExitStatus:
    """What the kernel says: an exit code, or a signal, or neither if the status was taken by somebody else."""

    code: int | None = None
    signal: str | None = None  #: "SIGKILL"


@final
@attrs.frozen
class Cause:
    """Why we sent a signal, and what the death is if that signal was its end."""

    why: str
    verdict: Verdict = Verdict.KILLED_BY_US


@final
@attrs.frozen
class CallRecord:
    """The call that was running."""

    id: int
    label: str  #: module and name of the function
    age: float  #: seconds since it was sent
    begun: bool = True  #: whether the interpreter had begun it; if not, nothing of it was executed


#: Signals that somebody sends to end a process. Any other that ends one counts as a fault of its own.
_SENT = frozenset({"SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM"})


def verdict_of(status: ExitStatus, *, phase: Phase, cause: Cause | None, out_of_memory: bool) -> Verdict:
    """Return what a death was, from what the kernel, the child and we ourselves say.

    Args:
        status: What the kernel says.
        phase: What the interpreter was doing.
        cause: Why we signalled it or asked it to end; None if we did not.
        out_of_memory: Whether it said that it ends because of its memory limit.
    """
    if out_of_memory:
        return Verdict.OUT_OF_MEMORY
    if cause is not None and cause.verdict is Verdict.STOPPED and status.code == 0:
        return Verdict.STOPPED
    # What it is if our signal was its end. One that was only asked to end has had none yet: then somebody else was
    # faster. One that is starting cannot be asked, so its stop is a signal.
    ours = None if cause is None else cause.verdict
    if ours is Verdict.STOPPED and phase is not Phase.STARTING:
        ours = None
    if status.signal in _SENT:
        return ours or Verdict.KILLED_FROM_OUTSIDE
    if status.signal is not None:
        return Verdict.CRASH_SIGNAL
    if status.code is None:
        # Unknown to the kernel's records, but we did kill it: then that is the best account there is.
        return ours or Verdict.UNKNOWN
    # It exited before our signal reached it, if we sent one.
    return Verdict.START_FAILED if phase is Phase.STARTING else Verdict.EXITED


@final
@attrs.frozen(kw_only=True)
class Certificate:
    """How one incarnation of an interpreter ended."""

    worker: str
    incarnation: int
    pid: int
    verdict: Verdict
    phase: Phase
    exit_code: int | None = None
    signal: str | None = None
    sent_by_us: str | None = None  #: why we killed or stopped it; None: we did not
    uptime: float = 0.0  #: seconds since its launch
    call: CallRecord | None = None
    last_output: tuple[str, ...] = ()
    detail: str = ""

    def headline(self) -> str:
        """Return one line: who died, how, and in which call."""
        call = ""
        if self.call is not None:
            doing = "while running" if self.call.begun else "before it began"
            call = f" {doing} call {self.call.id}, {self.call.label} ({self.call.age:.3g} s)"
        elif self.phase is not Phase.RUNNING:
            call = f" while {self.phase.value}"
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.worker}#{self.incarnation} (pid {self.pid}) {self._how()}{call}{detail}"

    def as_text(self) -> str:
        """Return the headline, and below it the last lines of output."""
        if not self.last_output:
            return self.headline()
        return "\n".join(
            [f"{self.headline()}; its last output:", *(f"  | {line}" for line in self.last_output)]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON's types."""
        values = attrs.asdict(self)
        return {
            **values,
            "verdict": self.verdict.value,
            "phase": self.phase.value,
            "last_output": [*self.last_output],
        }

    def _how(self) -> str:
        end = f"by {self.signal}" if self.signal else f"with exit code {self.exit_code}"
        ours = f" ({self.sent_by_us})" if self.sent_by_us else ""
        match self.verdict:
            case Verdict.EXITED:
                return f"exited {end}"
            case Verdict.CRASH_SIGNAL:
                return f"crashed {end}"
            case Verdict.KILLED_FROM_OUTSIDE:
                return f"was killed {end} from outside"
            case Verdict.KILLED_BY_US:
                return f"was killed by us{ours}"
            case Verdict.STOPPED:
                return f"stopped{ours}"
            case Verdict.OUT_OF_MEMORY:
                return "reached its memory limit and ended"
            case Verdict.DEADLINE:
                return f"was killed for its deadline{ours}"
            case Verdict.START_FAILED:
                return f"failed to start: it exited {end}"
            case Verdict.START_TIMEOUT:
                return f"was killed: no handshake in time{ours}"
            case Verdict.PROTOCOL:
                return f"was killed for breaking the protocol{ours}"
            case Verdict.SILENT:
                return f"was killed for its silence{ours}"
            case Verdict.UNKNOWN:
                return f"ended with unknown status: somebody else reaped it{ours}"
