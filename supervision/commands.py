"""What a supervisor is told to do: the commands that the rules answer with.

Who decides them is in ``decisions`` and ``administration``, who carries them out in ``supervisor``.
"""

from __future__ import annotations

import enum
from typing import Any, final

import attrs

from supervision.child_spec import BrutalKill
from supervision.events import Event
from supervision.exit_reason import ExitReason
from supervision.ref import Ref

__all__ = ["Command", "ExitSelf", "FailedToStartChild", "OnFailure", "Report", "RetryLater", "Start", "Stop"]


@final
class OnFailure(enum.Enum):
    """What a failed start means, by what asked for it."""

    ROLL_BACK = "roll_back"  #: the supervisor itself was starting: it stops what runs and fails
    FORGET = "forget"  #: somebody asked for one more child: the caller is told
    KEEP = "keep"  #: somebody asked for a child whose spec was kept: the caller is told, the spec stays
    RETRY = "retry"  #: a restart: it is tried again, and counts


@final
@attrs.frozen
class Start:
    """Start the child *id* and wait for its ``init``."""

    id: str
    on_failure: OnFailure


@final
@attrs.frozen
class Stop:
    """Stop the child that runs as *ref*."""

    id: str
    ref: Ref
    shutdown: float | BrutalKill  #: as in its spec


@final
@attrs.frozen
class RetryLater:
    """Come back with ``retry_due``, behind the messages that already wait (OTP's ``try_again_restart``)."""

    id: str
    number: int  #: tells it from earlier ones, which it makes obsolete
    delay: float = 0.0  #: seconds from now; 0 in OTP


@final
@attrs.frozen
class Report:
    """Emit *event*."""

    event: Event


@final
@attrs.frozen
class ExitSelf:
    """End the supervisor with *reason*."""

    reason: ExitReason


Command = Start | Stop | RetryLater | Report | ExitSelf


@final
@attrs.frozen
class FailedToStartChild:
    """The detail of a supervisor's failed start; OTP's ``{failed_to_start_child, Id, Reason}``."""

    id: str
    reason: Any

    def __str__(self) -> str:
        return f"child {self.id!r} failed to start: {self.reason}"
