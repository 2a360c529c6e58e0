"""What can lie in an actor's mailbox besides the user's own messages, and the values that its handlers return.

Who sends and who handles them is in ``cell`` and ``actor``. Durations are float seconds of the tree's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import attrs

from supervision.exit_reason import ExitReason, checked_reason
from supervision.ref import Ref

if TYPE_CHECKING:
    from supervision.pending import Pending

__all__ = [
    "IGNORE",
    "NOREPLY",
    "TIMEOUT",
    "AwaitReady",
    "Continue",
    "Down",
    "Exit",
    "Ignore",
    "MonitorRef",
    "NoReply",
    "Reply",
    "Response",
    "Started",
    "Stop",
    "TimedOut",
    "Timeout",
]


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
class Response:
    """A request that this actor sent with ``send_request(..., reply_to=...)`` has its answer; ``request.wait()`` gives it."""

    request: Pending


@final
@attrs.frozen
class TimedOut:
    """No message came within the ``Timeout`` that the last handler returned; OTP's ``timeout``."""


TIMEOUT: Final = TimedOut()


@final
@attrs.frozen
class Continue:
    """Returned by any callback to run ``handle_continue(term)`` before any message; OTP's ``{continue, Term}``."""

    term: Any = None


@final
@attrs.frozen
class Timeout:
    """Returned by any callback: if no message comes within *seconds*, ``handle_info(TIMEOUT)`` is run.

    Any message ends it, whatever becomes of it; to go on waiting, its handler returns another. Exit signals that an
    actor ignores are none. 0 looks whether a message is there already, ``math.inf`` waits as without a timeout.
    """

    seconds: float = attrs.field()

    @seconds.validator
    def _not_negative(self, _: attrs.Attribute[float], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"Timeout {value!r}: expected seconds >= 0 (math.inf is allowed)")


@final
@attrs.frozen
class Ignore:
    """Returned by ``init``: nothing to run here; the starter is told so and the supervisor keeps the spec."""


@final
@attrs.frozen
class Started:
    """Returned by ``init`` to give whoever starts the actor some *info* besides; OTP's ``{ok, Pid, Info}``.

    It is read as ``ref.info``. *then* is what ``init`` would have returned otherwise.
    """

    info: Any
    then: Continue | Timeout | None = None


@final
@attrs.frozen
class AwaitReady:
    """Returned by ``init`` to have the start answered later, by ``Actor.ready``; OTP's ``proc_lib:init_ack`` after init.

    The actor runs from here on, and whoever starts it goes on waiting: at most its start timeout, counted from the
    start. *then* is what ``init`` would have returned otherwise.
    """

    then: Continue | Timeout | None = None


@final
@attrs.frozen
class NoReply:
    """Returned by ``handle_call``: the answer comes later, through ``From.reply``."""


IGNORE: Final = Ignore()
NOREPLY: Final = NoReply()


@final
@attrs.frozen
class Stop:
    """Returned by a handler to end the actor with *reason*.

    *reply* answers the call that is being handled, after ``terminate`` has run (gen_server's order). Without one its
    caller gets ``ActorExited`` with the reason, as after gen_server's ``{stop, Reason, State}``.
    """

    reason: ExitReason = attrs.field(converter=checked_reason)
    reply: Any = NOREPLY


@final
@attrs.frozen
class Reply:
    """Returned by ``handle_call`` to answer with *value* and go on with *then*; OTP's ``{reply, Reply, State, Then}``.

    A plain reply needs none of this: return the value itself. With a ``Stop`` as *then*, ``terminate`` runs first.
    """

    value: Any
    then: Continue | Timeout | Stop | None = None
