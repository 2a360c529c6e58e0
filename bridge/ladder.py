"""The ladder by which a call is ended that must end: flag, SIGINT, SIGTERM, SIGKILL, each after its own grace. Pure.

Who takes the steps is in `enforcement`; what the code that runs hears of them is in `interpreter.interruption`.
"""

from __future__ import annotations

import enum
import math
from typing import Any, final

import attrs

__all__ = ["Graces", "Ladder", "Step"]


@final
class Step(enum.Enum):
    """What is done to a call that must end, in this order."""

    FLAG = "flag"  #: ``cancelled()`` is true in the child, for code that looks
    INTERRUPT = "interrupt"  #: SIGINT: CallInterrupted, a KeyboardInterrupt, in the code that runs
    TERMINATE = "terminate"  #: SIGTERM to the process group; from here on the interpreter does not live on
    KILL = "kill"  #: SIGKILL to the process group


def _grace(_: Any, attribute: attrs.Attribute[float], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(
            f"{attribute.name}={value!r}: expected seconds >= 0, and not infinite: each call ends in time"
        )


@final
@attrs.frozen(kw_only=True)
class Graces:
    """How long a call that must end is left to each step before the next one is taken, in seconds.

    Their sum is how much later than its deadline a call can end at the most, but for the moment that a kill takes. The
    defaults give code that looks a tenth of a second, and any other half of one to clean up: what an interpreter has
    loaded is worth that much, and a caller who is late not more.

    With all of them 0 a call is killed at its deadline. That is the choice for workers whose memory a call that ended
    half-way would spoil: an interrupted one lives on with it.

    Args:
        flag: After the flag, for code that looks; 0: none.
        interrupt: After SIGINT; 0: it is not sent.
        terminate: After SIGTERM, at which Python ends at once unless the call's code handles it; 0: it is not sent.

    Raises:
        ValueError: If one is negative, infinite or no number.
    """

    flag: float = attrs.field(default=0.1, validator=_grace)
    interrupt: float = attrs.field(default=0.5, validator=_grace)
    terminate: float = attrs.field(default=0.5, validator=_grace)

    @property
    def total(self) -> float:
        """Seconds from the first step to the last."""
        return self.flag + self.interrupt + self.terminate

    def after(self, step: Step) -> float:
        """Return the seconds from *step* to the next one; 0 for the last."""
        match step:
            case Step.FLAG:
                return self.flag
            case Step.INTERRUPT:
                return self.interrupt
            case Step.TERMINATE:
                return self.terminate
            case Step.KILL:
                return 0.0


_ORDER = tuple(Step)


@final
@attrs.frozen
class Ladder:
    """How far the ending of one call has come."""

    graces: Graces
    due_at: float  #: when ``next`` is to be taken
    next: Step | None = Step.FLAG  #: None: all are taken

    @property
    def is_fatal(self) -> bool:
        """Whether a step has been taken that the interpreter is not to outlive."""
        return self.next in (Step.KILL, None)

    def advance(self, now: float) -> tuple[Ladder, Step | None]:
        """Return what is left, and the step that is due at *now*, None if none is. Ask again until it is None.

        A step that is taken late does not shorten the grace after it: what was not heard for want of time was not
        refused.
        """
        step = self.next
        if step is None or now < self.due_at:
            return self, None
        if step is Step.KILL:
            return attrs.evolve(self, next=None, due_at=math.inf), step
        following = next(
            each
            for each in _ORDER[_ORDER.index(step) + 1 :]
            if each is Step.KILL or self.graces.after(each) > 0
        )
        return attrs.evolve(self, next=following, due_at=now + self.graces.after(step)), step
