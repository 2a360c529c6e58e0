"""What whoever places interpreters says of one, and why it refuses to: typed values. Pure.

The end of an interpreter is none of them: that is seen (`launcher.Group`), not told.
"""

from __future__ import annotations

import enum
from typing import TypeAlias, final

import attrs

__all__ = ["Fault", "Notice", "Pending", "Preempted", "Suspect"]


@final
class Fault(enum.Enum):
    """Why an interpreter, or a gang of them, could not be launched."""

    LOCAL = "local"  #: this machine could not: no descriptor, no memory, no such file
    QUOTA = "quota"  #: we may not have so much
    CAPACITY = "capacity"  #: there is not so much at the moment
    UNREACHABLE = "unreachable"  #: the provider does not answer; it may have launched it all the same
    REFUSED = "refused"  #: what was asked for, it never does


@final
@attrs.frozen
class Pending:
    """It was accepted and does not run yet."""

    why: str

    def __str__(self) -> str:
        return f"pending: {self.why}"


@final
@attrs.frozen
class Preempted:
    """Its place is taken away from it."""

    grace: float  #: seconds until it is killed; 0: at once
    why: str

    def __str__(self) -> str:
        return f"preempted, with {self.grace:g} s of grace: {self.why}"


@final
@attrs.frozen
class Suspect:
    """Nothing can be said of it at the moment: its place does not answer."""

    why: str

    def __str__(self) -> str:
        return f"suspect: {self.why}"


Notice: TypeAlias = Pending | Preempted | Suspect
