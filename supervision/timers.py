"""Messages that are sent later, on the tree's clock; what ``Actor.send_after`` and ``send_interval`` return.

When a timer fires is the clock's business: ``clock``.
"""

from __future__ import annotations

import math
from typing import final

from supervision.clock import Clock, Timer
from supervision.ref import Ref, cell_of

__all__ = ["SendAfter", "SendInterval"]


@final
class SendAfter:
    """One message on its way; OTP's ``erlang:send_after`` and its ``cancel_timer``. Any thread may cancel it."""

    __slots__ = ("_clock", "_timer")

    def __init__(self, clock: Clock, delay: float, message: object, to: Ref) -> None:
        if not delay >= 0:
            raise ValueError(f"send_after {delay!r}: expected seconds >= 0")
        cell_of(to)
        self._clock = clock
        self._timer = clock.call_at(clock.now() + delay, lambda: to.send(message))

    def cancel(self) -> float | None:
        """Keep the message from being sent. Never blocks.

        Returns:
            The seconds that were left, or None if it was too late: sent, or cancelled, before.
        """
        left = self._timer.deadline - self._clock.now()
        return max(0.0, left) if self._timer.cancel() else None

    def read(self) -> float | None:
        """Return the seconds that are left, or None if there is nothing to come any more; OTP's ``read_timer``."""
        return max(0.0, self._timer.deadline - self._clock.now()) if self._timer.is_pending() else None


@final
class SendInterval:
    """One message again and again; OTP's ``timer:send_interval``. It ends with its receiver."""

    def __init__(self, clock: Clock, period: float, message: object, to: Ref) -> None:
        if not period > 0 or math.isinf(period):
            raise ValueError(f"send_interval {period!r}: expected seconds > 0, and not math.inf")
        cell_of(to)
        self._clock = clock
        self._period = period
        self._message = message
        self._to = to
        self._cancelled = False
        self._due = clock.now() + period
        self._timer: Timer = clock.call_at(self._due, self._send)

    def cancel(self) -> bool:
        """End it; a message that was sent stays sent. Returns whether it was still running."""
        running = not self._cancelled and self._to.is_alive()
        self._cancelled = True
        self._timer.cancel()
        return running

    def _send(self) -> None:
        if self._cancelled or not self._to.is_alive():
            return
        self._to.send(self._message)
        # From when it was due and not from now, so that it does not drift.
        self._due += self._period
        self._timer = self._clock.call_at(self._due, self._send)
