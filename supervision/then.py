"""What an actor does after a message: the values that lead its loop, and which of them a handler may return.

Those that handlers write themselves are in ``messages``; the loop is in ``life``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import attrs

from supervision.exit_reason import ExitReason
from supervision.messages import AwaitReady, Continue, Ignore, NoReply, Reply, Started, Stop, Timeout
from supervision.requests import Question

__all__ = ["NO_REPLIES", "Die", "Due", "End", "Farewell", "Then", "Until", "checked", "checked_init"]


@final
@attrs.frozen
class Die:
    """The end of an actor without ``terminate``."""

    reason: ExitReason


@final
@attrs.frozen
class Farewell:
    """The end of an actor whose last caller is answered after ``terminate``."""

    reason: ExitReason
    question: Question
    reply: Any


@final
@attrs.frozen
class Until:
    """A ``Timeout`` that has begun."""

    seconds: float
    deadline: float


@final
class Due:
    """Put into the mailbox when a ``Timeout`` has passed; one that a message was ahead of means nothing."""

    __slots__ = ()


#: How an actor's life ends.
End = Stop | Die | Farewell
#: What follows a message: an end, or how to wait for the next.
Then = End | Continue | Timeout | Until | None
#: What ``handle_call`` returns that is no reply.
NO_REPLIES: Final = frozenset({Stop, NoReply, Reply, Continue, Timeout})


def checked_init(result: Any, init: Callable[..., Any]) -> Any:
    """Return what *init* returned, if it may be returned.

    Raises:
        TypeError: It may not.
    """
    if result is None or isinstance(result, Continue | Ignore | Stop | Timeout):
        return result
    if isinstance(result, Started | AwaitReady) and isinstance(result.then, Continue | Timeout | None):
        return result
    raise TypeError(
        f"{init.__qualname__} returned {result!r}; expected None, Continue(term), Timeout(seconds), Started(info), "
        "AwaitReady(), IGNORE or Stop(reason)"
    )


def checked(result: Any, handler: Callable[..., Any]) -> Then:
    """Return what *handler* returned, which was not None, if it may be returned.

    Raises:
        TypeError: It may not.
    """
    if isinstance(result, Stop | Continue | Timeout):
        return result
    raise TypeError(
        f"{handler.__qualname__} returned {result!r}; expected None or Stop(reason), Continue(term) or Timeout(seconds)"
    )
