"""What can lie in an actor's mailbox besides the user's own messages.

Who sends and who handles them is in ``cell`` and ``actor``.
"""

from __future__ import annotations

from typing import Any, final

import attrs

from supervision.exit_reason import ExitReason
from supervision.ref import Ref

__all__ = ["IGNORE", "NOREPLY", "Continue", "Down", "Exit", "Ignore", "MonitorRef", "NoReply", "Stop"]


@final
@attrs.frozen
class MonitorRef:
    """Identifies one monitor; value-equal, so it can be kept and compared."""

    id: int


@final
@attrs.frozen
class Exit:
    """A linked actor ended, as a message to one that traps exits; OTP's ``{'EXIT', Pid, Reason}``."""

    ref: Ref
    reason: ExitReason


@final
@attrs.frozen
class Down:
    """A monitored actor ended; exactly one for each monitor. OTP's ``{'DOWN', MRef, process, Pid, Reason}``."""

    monitor: MonitorRef
    ref: Ref
    reason: ExitReason


@final
@attrs.frozen
class Continue:
    """Returned by ``init`` to run ``handle_continue(term)`` before any message, after the starter was answered."""

    term: Any = None


@final
@attrs.frozen
class Ignore:
    """Returned by ``init``: nothing to run here; the starter is told so and the supervisor keeps the spec."""


@final
@attrs.frozen
class NoReply:
    """Returned by ``handle_call``: the answer comes later, through ``From.reply``."""


IGNORE = Ignore()
NOREPLY = NoReply()


@final
@attrs.frozen
class Stop:
    """Returned by a handler to end the actor with *reason*.

    *reply* answers the call that is being handled; without one its caller gets ``ActorExited`` with the reason, as
    after gen_server's ``{stop, Reason, State}``.
    """

    reason: ExitReason
    reply: Any = NOREPLY
