"""How often is too often: OTP's restart window as a pure function.

What follows when it is exceeded is in ``decisions``.
"""

from __future__ import annotations

__all__ = ["add_restart"]


def add_restart(
    restarts: tuple[float, ...], now: float, *, intensity: int, period: float
) -> tuple[tuple[float, ...], bool]:
    """Note a restart at *now* and say whether it was one too many.

    Args:
        restarts: Moments of earlier restarts, oldest first, in seconds.
        now: The present, on the same clock.
        intensity: How many restarts the window may hold.
        period: Length of the window in seconds; a restart exactly this old still counts (OTP's ``add_restart/3``).

    Returns:
        The moments that still count, with this one, and whether they are more than *intensity*.
    """
    kept = (*(moment for moment in restarts if now - moment <= period), now)
    return kept, len(kept) > intensity
