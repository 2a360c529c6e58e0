"""The base of every event, and the vocabulary of this package.

Who listens is not here (``sinks``), nor how an event is written as a log line (``observer``).
"""

from __future__ import annotations

from typing import ClassVar, final

import attrs

from supervision.exit_reason import ExitReason, is_quiet

__all__ = [
    "ActorStarted",
    "ActorStopped",
    "ActorUnstopped",
    "ChildRestartFailed",
    "ChildRestarted",
    "Event",
    "StateChanged",
    "SupervisorGaveUp",
]


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened in a tree: a frozen value without references to live objects."""

    level: ClassVar[str] = "INFO"  #: how a log sink ranks it: DEBUG, INFO, WARNING or ERROR

    def describe(self) -> str:
        """Return the event as one line for people."""
        return type(self).__name__

    def severity(self) -> str:
        """Return the log level of this very event; by default its class's."""
        return self.level


@final
@attrs.frozen(kw_only=True)
class ActorStarted(Event):
    """An actor answered its start: ``init`` returned, or it said that it is ready."""

    level: ClassVar[str] = "DEBUG"
    actor: str
    incarnation: int

    def describe(self) -> str:
        return f"{self.actor} started"


@final
@attrs.frozen(kw_only=True)
class ActorStopped(Event):
    """An actor ended; everything that watches it has been told."""

    actor: str
    incarnation: int
    reason: ExitReason

    def describe(self) -> str:
        return f"{self.actor} ended: {self.reason}"

    def severity(self) -> str:
        return "DEBUG" if is_quiet(self.reason) else "WARNING"


@final
@attrs.frozen(kw_only=True)
class ActorUnstopped(Event):
    """A thread did not end within its shutdown time and was abandoned; it may still be running."""

    level: ClassVar[str] = "ERROR"
    actor: str
    incarnation: int
    waited: float  #: seconds

    def describe(self) -> str:
        return f"{self.actor} did not stop within {self.waited:g} s; its thread was abandoned"


@final
@attrs.frozen(kw_only=True)
class ChildRestarted(Event):
    """A supervisor started a child again."""

    level: ClassVar[str] = "WARNING"
    supervisor: str
    child: str
    restarts: int  #: of this child, since its supervisor started

    def describe(self) -> str:
        return f"{self.supervisor} restarted {self.child} (restart {self.restarts})"


@final
@attrs.frozen(kw_only=True)
class ChildRestartFailed(Event):
    """A restart failed; it is tried again and counts against the restart intensity."""

    level: ClassVar[str] = "ERROR"
    supervisor: str
    child: str
    error: str

    def describe(self) -> str:
        return f"{self.supervisor} could not restart {self.child}: {self.error}"


@final
@attrs.frozen(kw_only=True)
class SupervisorGaveUp(Event):
    """More restarts than its intensity allows: the supervisor stops its children and escalates."""

    level: ClassVar[str] = "ERROR"
    supervisor: str
    child: str
    reason: ExitReason

    def describe(self) -> str:
        return f"{self.supervisor} reached its restart intensity at {self.child} ({self.reason}) and gives up"


@final
@attrs.frozen(kw_only=True)
class StateChanged(Event):
    """A state machine went from one state to another."""

    level: ClassVar[str] = "DEBUG"
    actor: str
    incarnation: int
    old: str
    event: str
    new: str

    def describe(self) -> str:
        return f"{self.actor}: {self.old} -> {self.new} by {self.event}"
