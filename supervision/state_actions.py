"""What happens to a state machine and what its handlers return: gen_statem's event types and actions, as values.

What they do is in ``state_engine``. Pure. Durations are float seconds of the tree's clock; 0 comes after the events that
wait already and before all others, ``math.inf`` never, and ends what ran before.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Sequence
from typing import Any, Final, Generic, TypeVar, final

import attrs

from supervision.messages import Stop

__all__ = [
    "POSTPONE",
    "REPEAT_STATE",
    "Action",
    "Actions",
    "Answer",
    "CancelTimeout",
    "EventTimeout",
    "Happened",
    "Illegal",
    "Keyword",
    "NamedTimeout",
    "NextEvent",
    "Source",
    "StateTimeout",
    "Timer",
]

E = TypeVar("E", bound=enum.Enum)


@final
class Source(enum.Enum):
    """Where an event comes from; gen_statem's event types."""

    CALL = "call"
    CAST = "cast"
    INFO = "info"
    TIMEOUT = "timeout"
    INTERNAL = "internal"  #: inserted by a ``NextEvent``


@final
class Illegal(enum.Enum):
    """What becomes of an event that the table does not take."""

    CRASH = "crash"  #: the machine ends with crashed(IllegalTransition), as by gen_statem's missing clause
    REFUSE = (
        "refuse"  #: who called gets the IllegalTransition, a cast is dropped; the machine stays as it was
    )
    IGNORE = "ignore"  #: it is dropped; who called waits in vain


@final
class Timer(enum.Enum):
    """The timers that every machine has; others have names of the user's choice."""

    STATE = "state"  #: cancelled by a change of state
    EVENT = "event"  #: cancelled by any event


@final
@attrs.frozen
class Happened(Generic[E]):
    """One event, as the handler gets it."""

    event: E
    content: Any = None
    source: Source = Source.CAST
    from_: Any = None  #: of a call: who waits for an ``Answer``


# What handlers return


def _seconds(_: object, _field: attrs.Attribute[float], value: Any) -> None:
    # A NaN is not >= 0 either.
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"a timeout of {value!r}: expected seconds >= 0 (math.inf is allowed)")


def _event(_: object, _field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, enum.Enum):
        raise TypeError(f"event {value!r}: expected a member of the table's enumeration of events")


def _own_name(_: object, _field: attrs.Attribute[Hashable], value: object) -> None:
    if isinstance(value, Timer):
        raise TypeError(
            f"a timeout named {value}: that is the machine's own; use StateTimeout or EventTimeout"
        )


@final
class Keyword(enum.Enum):
    """The actions that are one word: below."""

    POSTPONE = "postpone"
    REPEAT_STATE = "repeat_state"


#: Have this event again after the next change of state, before those that came later.
POSTPONE: Final = Keyword.POSTPONE
#: Run ``state_enter`` again although the state does not change; from there, too, with this state as its *old*.
REPEAT_STATE: Final = Keyword.REPEAT_STATE


@final
@attrs.frozen
class NextEvent(Generic[E]):
    """Have *event* happen next, before all that wait; several in their order."""

    event: E = attrs.field(validator=_event)
    content: Any = None


@final
@attrs.frozen
class Answer:
    """Reply to a call, this one or an earlier."""

    from_: Any
    value: Any = None


@final
@attrs.frozen
class StateTimeout(Generic[E]):
    """Have *event* happen after *seconds* in the state that this leads to; the table's own is replaced."""

    seconds: float = attrs.field(validator=_seconds)
    event: E = attrs.field(validator=_event)
    content: Any = None


@final
@attrs.frozen
class EventTimeout(Generic[E]):
    """Have *event* happen if no other does within *seconds*."""

    seconds: float = attrs.field(validator=_seconds)
    event: E = attrs.field(validator=_event)
    content: Any = None


@final
@attrs.frozen
class NamedTimeout(Generic[E]):
    """Have *event* happen after *seconds*, whatever comes between; a second one with the *name* replaces it."""

    name: Hashable = attrs.field(validator=_own_name)
    seconds: float = attrs.field(validator=_seconds)
    event: E = attrs.field(validator=_event)
    content: Any = None


@final
@attrs.frozen
class CancelTimeout:
    """End a timeout: a name, ``Timer.STATE`` or ``Timer.EVENT``; fine if it does not run."""

    name: Hashable


Action = (
    NextEvent[E]
    | Answer
    | StateTimeout[E]
    | EventTimeout[E]
    | NamedTimeout[E]
    | CancelTimeout
    | Stop
    | Keyword
)
#: What a handler returns: nothing, one action, or several, carried out in order.
Actions = None | Action[E] | Sequence[Action[E]]
