"""What callers give: checked in their own thread, so that a mistake is theirs and no actor's. Pure.

Child specs and flags check themselves, in ``child_spec``; exit reasons in ``exit_reason``.
"""

from __future__ import annotations

__all__ = ["checked_timeout"]


def checked_timeout(given: float) -> float:
    """Return *given*, if it says how long to wait.

    Raises:
        TypeError: It is no number. None is none, too: a wait without an end is asked for by ``math.inf``.
        ValueError: It is below 0, or NaN.
    """
    try:
        if given >= 0:
            return given
    except TypeError:
        raise TypeError(f"timeout {given!r}: expected seconds >= 0; math.inf waits for ever") from None
    raise ValueError(f"timeout {given!r}: expected seconds >= 0; 0 does not wait, math.inf waits for ever")
