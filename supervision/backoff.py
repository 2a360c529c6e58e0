"""How long a restart waits: opt-in, beyond OTP, whose supervisors restart at once.

Pure; when it is asked is in ``decisions``, and the chance of the jitter comes from the caller.
"""

from __future__ import annotations

import math
from typing import Any, final

import attrs

from supervision.errors import InvalidSpec

__all__ = ["Backoff"]


def _seconds(_: object, field: attrs.Attribute[float], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidSpec(field.name, value, "finite seconds > 0")


@final
@attrs.frozen(kw_only=True)
class Backoff:
    """Waits that grow with each restart in a row; each still counts towards the intensity.

    Args:
        first: Seconds before the first restart.
        factor: What each further wait is multiplied by; 1 keeps them equal.
        limit: Seconds that no wait exceeds.
        jitter: Which part of a wait is left to chance, so that what failed together does not come back together: 0
            none, 1 all of it.
        reset_after: Seconds between two ends of the child after which the row is over, and waits begin anew.

    Raises:
        InvalidSpec: A value is out of range.
    """

    first: float = attrs.field(default=0.1, validator=_seconds)
    factor: float = attrs.field(default=2.0)
    limit: float = attrs.field(default=30.0, validator=_seconds)
    jitter: float = attrs.field(default=0.5)
    reset_after: float = attrs.field(default=60.0, validator=_seconds)

    @factor.validator
    def _at_least_one(self, field: attrs.Attribute[float], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < math.inf:
            raise InvalidSpec(field.name, value, "a finite number >= 1")

    @jitter.validator
    def _a_part(self, field: attrs.Attribute[float], value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise InvalidSpec(field.name, value, "a number from 0 to 1")

    def delay(self, nth: int, chance: float) -> float:
        """Return the seconds before the *nth* restart in a row, counted from 1; *chance* is from 0 to below 1."""
        try:
            full = min(self.limit, self.first * self.factor ** (nth - 1))
        except OverflowError:
            full = self.limit
        return full * (1 - self.jitter * chance)
