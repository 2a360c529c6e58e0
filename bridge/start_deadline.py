"""The deadline of one interpreter's start: armed at its launch, met by its handshake or by its end, whichever is first."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from supervision.clock import Clock, Timer

__all__ = ["StartDeadline"]


@final
class StartDeadline:
    """Tells once, in the clock's thread, that the start took too long.

    Args:
        clock: Counts the seconds.
        timeout: How many.
        overdue: Told why.
    """

    def __init__(self, clock: Clock, timeout: float, overdue: Callable[[str], None]) -> None:
        self._clock = clock
        self._timeout = timeout
        self._overdue = overdue
        self._timer: Timer | None = None  # written by the launching thread
        self._met = False  # written by whoever meets it

    def arm(self, since: float) -> None:
        """Let the time run, from *since* on."""
        self._timer = self._clock.call_at(since + self._timeout, self._tell)
        # What meets it may have been faster than this thread.
        if self._met:
            self._timer.cancel()

    def meet(self) -> None:
        """Nothing is overdue any more. From any thread. Idempotent."""
        self._met = True
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        if not self._met:
            self._overdue(f"no handshake within {self._timeout:g} s")
