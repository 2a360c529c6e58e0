"""Whether an interpreter that says nothing is busy or dead: silence, what /proc says of its process, and the grace. Pure.

Who pings, and looks into /proc, is in `pulse`. An exit is known at once, by the pidfd; here it is about those that have
not exited and will not answer.
"""

from __future__ import annotations

import enum
from typing import Final, final

import attrs

__all__ = ["Health", "Liveness", "is_at_rest"]


@final
class Health(enum.Enum):
    """What is known of a process that has not exited."""

    ALIVE = "alive"  #: it has been heard within the grace
    BUSY = "busy"  #: silent but running: a call may hold the GIL for as long as its deadline allows
    DEAD = "dead"  #: silent, and not running, for as long as the grace


#: Stopped, zombie, dead, as /proc spells it. A process that a debugger holds ("t") is somebody's work, and runs again.
_AT_REST: Final = frozenset("TZXx")


def is_at_rest(state: str | None) -> bool:
    """Return whether a process in this *state* of /proc cannot answer; None: there is no process."""
    return state is None or state in _AT_REST


@final
@attrs.frozen
class Liveness:
    """One interpreter, as far as it was heard and seen."""

    grace: float  #: seconds
    heard_at: float  #: when it last said something
    rests_since: float | None = None  #: when it was first seen at rest, and has been at each look since

    def heard(self, now: float) -> Liveness:
        """Return what is known after it has said something."""
        return attrs.evolve(self, heard_at=now, rests_since=None)

    def seen(self, state: str | None, now: float) -> Liveness:
        """Return what is known after a look at its process, which was in *state*."""
        if not is_at_rest(state):
            return attrs.evolve(self, rests_since=None)
        return self if self.rests_since is not None else attrs.evolve(self, rests_since=now)

    def health(self, now: float) -> Health:
        """Return the verdict.

        Who was silent for long, and has been at rest for less than the grace, is busy still: he may have been stopped a
        moment ago, by a hand that lets him go on.
        """
        if now - self.heard_at < self.grace:
            return Health.ALIVE
        if self.rests_since is None or now - self.rests_since < self.grace:
            return Health.BUSY
        return Health.DEAD
