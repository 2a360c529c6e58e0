"""How often is too often: OTP's restart window as one small value.

What follows when it is exceeded is in ``decisions``.
"""

from __future__ import annotations

from collections import deque
from typing import final

__all__ = ["RestartWindow"]


@final
class RestartWindow:
    """The moments of the restarts that still count, oldest first.

    An object and not a frozen value: with an intensity of a million, copying the moments would make each restart cost
    what a million cost. It holds at most ``intensity + 1`` of them.

    Args:
        intensity: How many restarts the window may hold.
        period: Length of the window in seconds; a restart exactly this old still counts (OTP's ``add_restart/3``, which
            counts in whole seconds; here time is not rounded).
    """

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self._moments: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._moments)

    def add(self, now: float) -> bool:
        """Note a restart at *now*, in seconds on one clock, and return whether it is allowed: not one too many."""
        moments = self._moments
        while moments and now - moments[0] > self.period:
            moments.popleft()
        moments.append(now)
        return len(moments) <= self.intensity
