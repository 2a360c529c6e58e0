"""How many workers beyond its target a pool should have. Pure; who starts and ends them is the pool actor's business."""

from __future__ import annotations

import math
from typing import Final, final

from actors.scheduler import Scheduler

__all__ = ["Overflow"]

#: Seconds after which the pool actor is told again of what it has not done.
_TELL_AGAIN: Final = 1.0


@final
class Overflow:
    """The wish for overflow workers.

    Args:
        scheduler: Knows who waits and who works.
        target: How many workers the pool is to have in any case.
        limit: How many more it may have.
    """

    def __init__(self, scheduler: Scheduler, target: int, limit: int) -> None:
        self._scheduler = scheduler
        self._target = target
        self._limit = limit
        self._told = (0, 0.0)  #: how many the pool actor was last told to have, and when

    def wanted(self) -> int:
        """Return how many there should be: more for the waiters that no starting or missing worker will serve."""
        self._told = (0, 0.0)
        return self._wanted()

    def is_news(self, now: float) -> bool:
        """Return whether the pool actor is to be told, and hold that it is."""
        wanted = self._wanted()
        told, at = self._told
        if wanted <= len(self._scheduler.overflow) or (wanted <= told and now - at < _TELL_AGAIN):
            return False
        self._told = (wanted, now)
        return True

    def retire_idle(self, now: float, ttl: float) -> list[int]:
        """Give no more work to those that have been free for *ttl* seconds and hold no session; return their keys."""
        found = self._scheduler.nobody_needs(now, ttl)
        for key in found:
            self._scheduler.terminate(key, now)
        return found

    def _wanted(self) -> int:
        scheduler = self._scheduler
        coming = len(scheduler.starting) + max(0, self._target - len(scheduler.own))
        short = max(0, math.ceil(scheduler.waiters.for_anyone / scheduler.lanes) - coming)
        return min(self._limit, len(scheduler.overflow) + short)
