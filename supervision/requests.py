"""The envelopes that a cell puts into its mailbox: calls, casts, and the framework's own requests.

The user's plain messages (``send``) and the values handlers return (``messages``) need no envelope.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol, final

__all__ = ["Call", "Cast", "From", "GetStatus", "StopRequest", "Wake"]

from supervision.exit_reason import ExitReason


class From(Protocol):
    """Who waits for the answer to a call; given to ``handle_call`` and good for one answer, from any thread."""

    def reply(self, value: object) -> bool:
        """Answer with *value*. Returns whether this was the first answer; a later one changes nothing."""

    def fail(self, error: BaseException) -> bool:
        """Answer by raising *error* in the caller. Returns whether this was the first answer."""


@final
class Call:
    """One request with the one-lock place where its answer is put.

    A lock that is released by the answer is the cheapest wait that Python has (0.1 us to make; a
    ``concurrent.futures.Future`` takes 3.8 us). Not frozen: it is the answer's place.
    """

    __slots__ = ("_error", "_first", "_value", "deadline", "gate", "request")

    def __init__(self, request: object, deadline: float) -> None:
        self.request = request
        self.deadline = deadline  #: seconds on the tree's clock; past it the request is not handled
        self.gate = threading.Lock()
        self.gate.acquire()
        #: Whoever pops the one element answers; list.pop is atomic, so no second lock is needed.
        self._first = [True]
        self._value: Any = None
        self._error: BaseException | None = None

    def reply(self, value: object) -> bool:
        """See ``From.reply``."""
        if not self._claim():
            return False
        self._value = value
        self.gate.release()
        return True

    def fail(self, error: BaseException) -> bool:
        """See ``From.fail``."""
        if not self._claim():
            return False
        self._error = error
        self.gate.release()
        return True

    def answered(self) -> bool:
        """Return whether an answer was given."""
        return not self._first

    def result(self) -> Any:
        """Return the answer, or raise it; only after ``gate`` was acquired."""
        if self._error is not None:
            raise self._error
        return self._value

    def _claim(self) -> bool:
        try:
            self._first.pop()
        except IndexError:
            return False
        return True


@final
class Cast:
    """A message for ``handle_cast``."""

    __slots__ = ("message",)

    def __init__(self, message: object) -> None:
        self.message = message


@final
class StopRequest:
    """Somebody asked the actor to run ``terminate`` and end; behind what lies in the mailbox, as in OTP."""

    __slots__ = ("reason",)

    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason


@final
class Wake:
    """Nothing but a reason to look at the signals."""

    __slots__ = ()


@final
class GetStatus:
    """The request of a call that every actor answers with its ``status()``."""

    __slots__ = ()
