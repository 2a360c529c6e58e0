"""The death certificate: how one incarnation of an interpreter ended, and the rule that says what it was. Pure.

Collecting the facts is not here (`interpreter_process`). Every text about a death comes from this renderer.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from typing import Any, final

import attrs

__all__ = [
    "CallRecord",
    "Cause",
    "Certificate",
    "ExitStatus",
    "OutOfMemory",
    "PeakMemory",
    "Phase",
    "Verdict",
    "is_crash",
    "ours",
    "verdict_of",
]


@final
class Phase(enum.Enum):
    """What an interpreter was doing."""

    STARTING = "starting"  #: until its handshake
    IDLE = "idle"
    RUNNING = "running"  #: a call had been begun and was not answered
    STOPPING = "stopping"  #: it had been asked to end
    UNKNOWN = "unknown"  #: nobody is left who knows


@final
class Verdict(enum.Enum):
    """What a death was."""

    EXITED = "exited"  #: it ended itself with an exit code
    CRASH_SIGNAL = "crash signal"  #: a signal that a fault of its own raises: SIGSEGV, SIGABRT, ...
    KILLED_FROM_OUTSIDE = "killed from outside"  #: a signal that somebody sends, and it was not us
    KILLED_BY_US = "killed by us"
    STOPPED = "stopped"  #: in good order, because we asked; before its handshake also by our signal
    OUT_OF_MEMORY = (
        "out of memory"  #: it reached its memory limit, or the kernel killed it for want of memory
    )
    DEADLINE = "deadline"  #: killed by us because a call overran
    CANCELLED = "cancelled"  #: killed by us because its call was cancelled and did not end
    START_FAILED = "start failed"  #: it ended itself before its handshake
    START_TIMEOUT = "start timeout"  #: killed by us because its handshake did not come
    SERVICE_GONE = "service gone"  #: its service died before it, so nobody saw its end
    PROTOCOL = "protocol broken"  #: killed by us because it sent what it must not
    SILENT = "silent"  #: killed by us because it did not answer and its process was stopped or gone
    UNKNOWN = "unknown"  #: somebody else reaped its exit status

    @property
    def is_ours(self) -> bool:
        """Whether we asked or killed the process."""
        return self in _OURS

    @property
    def wants_stacks(self) -> bool:
        """Whether a kill of this kind is explained by where the process was."""
        return self in _EXPLAINED


_OURS = frozenset(
    {
        Verdict.KILLED_BY_US,
        Verdict.STOPPED,
        Verdict.DEADLINE,
        Verdict.CANCELLED,
        Verdict.START_TIMEOUT,
        Verdict.PROTOCOL,
        Verdict.SILENT,
    }
)
_EXPLAINED = frozenset({Verdict.DEADLINE, Verdict.CANCELLED, Verdict.START_TIMEOUT, Verdict.SILENT})


@final
class OutOfMemory(enum.Enum):
    """Whether a lack of memory was the end, and who says so."""

    NO = "no"
    LIMIT = "its own limit"  #: it reached the limit that it had been given, and said so
    KERNEL = "the kernel"  #: killed, and the kernel's count of such kills in its memory cgroup rose
    UNKNOWN = "unknown"  #: killed by nobody that we know, or with a status that was taken: and there is no such count


@final
@attrs.frozen
class PeakMemory:
    """The most resident memory that a process had: of it, or of one that it started and waited for."""

    bytes: int
    exact: bool = True  #: if not, it is at most this: the kernel's figure holds what it shared with its service at first

    def __str__(self) -> str:
        return f"{'' if self.exact else 'at most '}{self.bytes / 1e6:.1f} MB"


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


def ours(phase: Phase, cause: Cause | None) -> Verdict | None:
    """Return what a death is if a signal of ours was its end; None: none has been sent.

    One that was only asked to end has had none yet: then somebody else was faster. One that is starting cannot be asked,
    so its stop is a signal.
    """
    if cause is None or (cause.verdict is Verdict.STOPPED and phase is not Phase.STARTING):
        return None
    return cause.verdict


def is_crash(status: ExitStatus) -> bool:
    """Return whether it ended by a signal that nobody sends to end a process, but that its own code brings about."""
    return status.signal is not None and status.signal not in _SENT


def verdict_of(
    status: ExitStatus,
    *,
    phase: Phase,
    cause: Cause | None,
    out_of_memory: OutOfMemory,
    examined: bool = False,
) -> Verdict:
    """Return what a death was, from what the kernel, the child and we ourselves say.

    Args:
        status: What the kernel says.
        phase: What the interpreter was doing.
        cause: Why we signalled it or asked it to end; None if we did not.
        out_of_memory: Whether a lack of memory was its end.
        examined: Whether it ended while it wrote its stacks down, for *cause*. That reads the frames of threads that run, and
            at times crashes on them; the code of a call has no part in it.
    """
    if out_of_memory in (OutOfMemory.LIMIT, OutOfMemory.KERNEL):
        return Verdict.OUT_OF_MEMORY
    if cause is not None and cause.verdict is Verdict.STOPPED and status.code == 0:
        return Verdict.STOPPED
    by_us = ours(phase, cause)
    if is_crash(status):
        return by_us if examined and by_us is not None else Verdict.CRASH_SIGNAL
    if status.signal is not None:
        return by_us or Verdict.KILLED_FROM_OUTSIDE
    if status.code is None:
        # Unknown to the kernel's records, but we did kill it: then that is the best account there is.
        return by_us or Verdict.UNKNOWN
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
    uptime: float | None = None  #: seconds from its launch until its death was seen; None: nobody saw it
    call: CallRecord | None = None  #: the one that it was about
    #: Other calls that were in it, and ended with it. Of several that ran when it crashed, all: nobody can say which it was.
    others: tuple[CallRecord, ...] = ()
    out_of_memory: OutOfMemory = OutOfMemory.NO
    peak_memory: PeakMemory | None = None  #: None: it cannot be told
    last_output: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()  #: the faulthandler's lines: of a crash, or taken before we killed it
    detail: str = ""

    def headline(self) -> str:
        """Return one line: who died, how, and in which call."""
        call = ""
        if self.call is not None:
            doing = "while running" if self.call.begun else "before it began"
            call = f" {doing} call {self.call.id}, {self.call.label} ({self.call.age:.3g} s)"
            others = len(self.others)
            call += f" and {others} other{'s' * (others > 1)}" if others else ""
        elif self.others:
            call = (
                f" while running {len(self.others)} calls ({', '.join(each.label for each in self.others)})"
            )
        elif self.phase not in (Phase.RUNNING, Phase.UNKNOWN):
            call = f" while {self.phase.value}"
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.worker}#{self.incarnation} (pid {self.pid}) {self._how()}{call}{detail}"

    def as_line(self) -> str:
        """Return the headline and the last three lines of output in one line, for logs and exit reasons."""
        words = " | ".join(line.strip() for line in self.last_output[-3:])
        return f"{self.headline()}; last output: {words}" if words else self.headline()

    def as_text(self) -> str:
        """Return the headline, and below it what else is known: figures, the last lines of output, the stacks."""
        return "\n".join(self._lines())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON's types."""
        values = attrs.asdict(self, value_serializer=lambda _, __, value: _json(value))
        return {**values, "headline": self.headline()}

    def as_json(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps(self.as_dict())

    def _lines(self) -> Iterator[str]:
        yield self.headline()
        if figures := self._figures():
            yield f"  {figures}"
        for title, lines in (("last output", self.last_output), ("stacks", self.stacks)):
            if lines:
                yield f"  {title}:"
                yield from (f"  | {line}" for line in lines)

    def _figures(self) -> str:
        known = [] if self.uptime is None else [f"up {self.uptime:.3g} s"]
        if self.peak_memory is not None:
            known.append(f"peak memory {self.peak_memory}")
        if self.out_of_memory is OutOfMemory.UNKNOWN:
            known.append("whether memory ran out is unknown")
        return ", ".join(known)

    def _how(self) -> str:
        how = _HOW[self.verdict]
        if self.verdict is Verdict.START_FAILED and self.signal is None and self.exit_code is None:
            how = "failed to start"  # there never was a process
        elif self.out_of_memory is OutOfMemory.KERNEL:
            how = "was killed by the kernel for want of memory"
        return how.format(
            end=f"by {self.signal}" if self.signal else f"with exit code {self.exit_code}",
            ours=f" ({self.sent_by_us})" if self.sent_by_us else "",
        )


#: The words for each verdict.
_HOW = {
    Verdict.EXITED: "exited {end}",
    Verdict.CRASH_SIGNAL: "crashed {end}",
    Verdict.KILLED_FROM_OUTSIDE: "was killed {end} from outside",
    Verdict.KILLED_BY_US: "was killed by us{ours}",
    Verdict.CANCELLED: "was killed with its call{ours}",
    Verdict.STOPPED: "stopped{ours}",
    Verdict.OUT_OF_MEMORY: "reached its memory limit and ended",
    Verdict.DEADLINE: "was killed for its deadline{ours}",
    Verdict.START_FAILED: "failed to start: it exited {end}",
    Verdict.START_TIMEOUT: "was killed: no handshake in time{ours}",
    Verdict.SERVICE_GONE: "ended unseen: its service was gone",
    Verdict.PROTOCOL: "was killed for breaking the protocol{ours}",
    Verdict.SILENT: "was killed for its silence{ours}",
    Verdict.UNKNOWN: "ended with unknown status: somebody else reaped it{ours}",
}


def _json(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return [*value] if isinstance(value, tuple) else value
