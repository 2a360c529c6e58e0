"""A worker's life: the one declared transition table. Health is apart from it; who gets a worker is in ``scheduler``."""

from __future__ import annotations

import enum
from collections import deque
from typing import Any, Final, final

import attrs

from supervision.statem import TransitionTable

__all__ = ["HISTORY", "LIFE", "Health", "WorkerEvent", "WorkerLife", "WorkerState", "WorkerTransition"]

#: How many transitions are remembered for each worker.
HISTORY: Final = 32


@final
class WorkerState(enum.Enum):
    """What a worker is doing."""

    INITIALIZING = "initializing"  #: its interpreter was asked for and has not shaken hands yet
    READY = "ready"
    BUSY = "busy"  #: one caller holds it
    DEGRADED = "degraded"  #: kept, but given no work
    TERMINATING = "terminating"  #: it is to end
    TERMINATED = "terminated"  #: its process is dead

    __hash__ = (
        object.__hash__
    )  # the enumeration's own is a function of Python's, run by each look-up of each call


@final
class WorkerEvent(enum.Enum):
    """What can happen to a worker."""

    INIT_COMPLETE = "init_complete"
    CHECKOUT = "checkout"
    CHECKIN = "checkin"
    DEGRADE = "degrade"
    RESTORE = "restore"
    TERMINATE = "terminate"
    EXIT = "exit"  #: a process can die at any moment, so every live state takes it

    __hash__ = object.__hash__  # as above


@final
class Health(enum.Enum):
    """What is known of a worker's health; a change of it is no transition, and leaves no history."""

    UNKNOWN = "unknown"  #: it has not shaken hands yet
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


_S, _E = WorkerState, WorkerEvent

LIFE: Final = TransitionTable(
    "a worker",
    _S.INITIALIZING,
    {
        _S.INITIALIZING: {_E.INIT_COMPLETE: _S.READY, _E.TERMINATE: _S.TERMINATING, _E.EXIT: _S.TERMINATED},
        _S.READY: {
            _E.CHECKOUT: _S.BUSY,
            _E.DEGRADE: _S.DEGRADED,
            _E.TERMINATE: _S.TERMINATING,
            _E.EXIT: _S.TERMINATED,
        },
        _S.BUSY: {
            _E.CHECKIN: _S.READY,
            _E.DEGRADE: _S.DEGRADED,
            _E.TERMINATE: _S.TERMINATING,
            _E.EXIT: _S.TERMINATED,
        },
        _S.DEGRADED: {_E.RESTORE: _S.READY, _E.TERMINATE: _S.TERMINATING, _E.EXIT: _S.TERMINATED},
        _S.TERMINATING: {_E.EXIT: _S.TERMINATED},
        _S.TERMINATED: {},
    },
)


@final
@attrs.frozen
class WorkerTransition:
    """One entry of a worker's history."""

    source: WorkerState
    target: WorkerState
    event: WorkerEvent
    at: float  #: seconds on the tree's clock
    spent: float  #: seconds in ``source``


@final
class WorkerLife:
    """One worker's state and its bounded history. Only the scheduler writes it, under the desk's lock."""

    __slots__ = ("_entries", "entered_at", "health", "state")

    def __init__(self, now: float) -> None:
        self.state = LIFE.initial
        self.health = Health.UNKNOWN
        self.entered_at = now
        #: State, event, when, three after another: objects that are there already. Two entries are made for every call, and
        #: a tuple for each would be fresh memory, which is what many workers feel; what can be worked out is, when somebody
        #: asks. The oldest is there for its time only.
        self._entries: deque[Any] = deque((None, None, now), maxlen=3 * (HISTORY + 1))

    def on(self, event: WorkerEvent, now: float) -> None:
        """Go on by *event*; exactly one history entry for each success.

        Raises:
            IllegalTransition: It cannot happen now; nothing is changed.
        """
        target = LIFE.next(self.state, event)
        # The entry is the truth, and the rest follows from it: see mend. In one, in C, where no interrupt splits it.
        self._entries.extend((self.state, event, now))
        self.state, self.entered_at = target, now

    @property
    def is_healthy(self) -> bool:
        """Whether it may be given work as far as its health goes."""
        return self.health is Health.HEALTHY

    def mend(self) -> None:
        """Finish a transition that an exception cut off after its entry was written."""
        source, event, self.entered_at = (self._entries[at] for at in (-3, -2, -1))
        self.state = LIFE.initial if event is None else LIFE.next(source, event)

    def history(self) -> tuple[WorkerTransition, ...]:
        """Return the last transitions, oldest first; at most ``HISTORY``."""
        entries = tuple(self._entries)
        return tuple(
            WorkerTransition(source, LIFE.next(source, event), event, at, at - since)
            for since, source, event, at in zip(
                entries[2::3], entries[3::3], entries[4::3], entries[5::3], strict=False
            )
        )
