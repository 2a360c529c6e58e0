"""Why an actor ended: a value, never an exception in flight.

What is done about an exit is not here: supervisors decide in ``decisions``, links in ``links``.
"""

from __future__ import annotations

from typing import Any, Final, final

import attrs

__all__ = [
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "Crashed",
    "ExitReason",
    "GaveUp",
    "Killed",
    "NoProc",
    "Normal",
    "Shutdown",
    "checked_reason",
    "crashed",
    "exception_behind",
    "is_failure",
    "is_quiet",
    "shutdown",
    "text_of",
]


def text_of(value: object) -> str:
    """Return ``str(value)``, or what there is to say if that fails: a child's data must not fail its supervisor."""
    try:
        return str(value)
    except Exception as broken:
        return f"<a {type(value).__name__} whose text cannot be made: {type(broken).__name__}>"


@final
@attrs.frozen
class Normal:
    """The actor was done."""

    def __str__(self) -> str:
        return "normal"


@final
@attrs.frozen
class Shutdown:
    """The actor was asked to stop, or stopped itself in good order; OTP's ``shutdown`` and ``{shutdown, Detail}``."""

    detail: Any = None
    #: Which supervisor's giving up was behind it, if one's was. OTP leaves that to its log: no part of the value.
    because: GaveUp | None = attrs.field(default=None, eq=False, kw_only=True)

    def __str__(self) -> str:
        text = "shutdown" if self.detail is None else f"shutdown({text_of(self.detail)})"
        return text if self.because is None else f"{text}, because {self.because}"


@final
@attrs.frozen
class Killed:
    """The actor was killed, or, being a thread that would not stop, abandoned."""

    def __str__(self) -> str:
        return "killed"


@final
@attrs.frozen
class NoProc:
    """There was nothing to watch: the actor had ended before the monitor or link was made."""

    def __str__(self) -> str:
        return "noproc"


@final
@attrs.frozen
class Crashed:
    """The actor failed; *error* is the exception, or any term it chose to exit with (OTP allows any)."""

    error: Any

    def __str__(self) -> str:
        if isinstance(self.error, BaseException):
            text = text_of(self.error)
            kind = type(self.error).__name__
            return f"crashed({kind}: {text})" if text else f"crashed({kind})"
        return f"crashed({text_of(self.error)})"


@final
@attrs.frozen
class GaveUp:
    """A supervisor would have had to restart its children too often."""

    supervisor: str
    child: str  #: the one that was to be restarted once more
    reason: ExitReason  #: of that child's last end

    def __str__(self) -> str:
        return f"{self.supervisor!r} gave up: its child {self.child!r} ended once too often, at last with: {self.reason}"


ExitReason = Normal | Shutdown | Killed | NoProc | Crashed

NORMAL: Final = Normal()
SHUTDOWN: Final = Shutdown()
KILLED: Final = Killed()
NOPROC: Final = NoProc()


def shutdown(detail: object) -> Shutdown:
    """Return the quiet reason ``shutdown(detail)``."""
    return Shutdown(detail)


def crashed(error: object) -> Crashed:
    """Return the reason of an actor that failed with *error*, an exception or any term."""
    return Crashed(error)


def checked_reason(given: Any) -> ExitReason:
    """Return *given*, if it is an exit reason.

    Raises:
        TypeError: It is none; OTP's atoms are not taken, since any other term would silently be a failure there.
    """
    if isinstance(given, ExitReason):
        return given
    raise TypeError(
        f"exit reason {given!r}: expected NORMAL, SHUTDOWN, shutdown(detail), KILLED, or crashed(term) for any other term"
    )


def is_quiet(reason: ExitReason) -> bool:
    """Return whether *reason* is a proper end: exactly normal, shutdown and shutdown(detail) are (OTP's rule)."""
    return isinstance(reason, Normal | Shutdown)


def is_failure(reason: ExitReason) -> bool:
    """Return whether something failed: every end that is not quiet, and a quiet one that a giving up is behind."""
    return not is_quiet(reason) or (isinstance(reason, Shutdown) and reason.because is not None)


def exception_behind(reason: ExitReason) -> BaseException | None:
    """Return the exception that *reason* goes back to, through however many supervisors that gave up, if there is one."""
    while isinstance(reason, Shutdown) and reason.because is not None:
        reason = reason.because.reason
    return reason.error if isinstance(reason, Crashed) and isinstance(reason.error, BaseException) else None
