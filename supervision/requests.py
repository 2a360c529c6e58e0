"""The envelopes that a cell puts into its mailbox: calls, casts, and the framework's own requests.

The user's plain messages (``send``) and the values handlers return (``messages``) need no envelope.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, Protocol, final

from supervision.errors import ActorExited
from supervision.exit_reason import Crashed, ExitReason

__all__ = [
    "Call",
    "Cast",
    "Describe",
    "From",
    "GetState",
    "GetStatus",
    "Question",
    "ReplaceState",
    "Request",
    "Resume",
    "StopRequest",
    "Suspend",
    "SystemCall",
    "Wake",
]


class From(Protocol):
    """Who waits for the answer to a call; given to ``handle_call`` and good for one answer, from any thread."""

    def reply(self, value: object) -> bool:
        """Answer with *value*. Returns whether this was the first answer; a later one changes nothing."""

    def fail(self, error: BaseException) -> bool:
        """Answer by raising *error* in the caller. Returns whether this was the first answer."""


class Question(From, Protocol):
    """A ``From`` as a cell keeps it: it has to be failed if the actor ends before it is answered."""

    #: Set by the cell that has it in its books; called once, after the answer.
    on_answer: Callable[[Question], None] | None

    def answered(self) -> bool:
        """Return whether an answer was given."""

    def refuse(self, name: str, reason: ExitReason) -> None:
        """Say that the actor *name* ended with *reason* before it answered."""


class Call:
    """One request with the one-lock place where its answer is put.

    A lock that is released by the answer is the cheapest wait that Python has (0.1 us to make; a
    ``concurrent.futures.Future`` takes 3.8 us). Not frozen: it is the answer's place.
    """

    __slots__ = ("_answer", "deadline", "gate", "on_answer", "request")

    def __init__(self, request: object, deadline: float) -> None:
        self.request = request
        self.deadline = deadline  #: seconds on the tree's clock; past it the request is not handled
        self.gate = threading.Lock()
        self.gate.acquire()
        #: The first (value, error) under its one key stays; setdefault is atomic, so no second lock is needed.
        self._answer: dict[bool, tuple[object, BaseException | None]] = {}
        self.on_answer: Callable[[Question], None] | None = None

    def reply(self, value: object) -> bool:
        """See ``From.reply``."""
        return self._settle((value, None))

    def fail(self, error: BaseException) -> bool:
        """See ``From.fail``."""
        return self._settle((None, error))

    def refuse(self, name: str, reason: ExitReason) -> None:
        """See ``Question.refuse``."""
        error = ActorExited(name, reason)
        if isinstance(reason, Crashed) and isinstance(reason.error, BaseException):
            error.__cause__ = reason.error  # with the line in the actor where it came from
        self.fail(error)

    def answered(self) -> bool:
        """Return whether an answer was given."""
        return bool(self._answer)

    def result(self) -> Any:
        """Return the answer, or raise it; only once it is ``answered``."""
        value, error = self._answer[True]
        if error is not None:
            raise error
        return value

    def _settle(self, answer: tuple[object, BaseException | None]) -> bool:
        if self._answer.setdefault(True, answer) is not answer:
            return False
        try:  # open_gate, without its cost
            self.gate.release()
        except RuntimeError:
            pass
        if self.on_answer is not None:
            self.on_answer(self)
        return True


@final
class Request(Call):
    """A call that somebody sent without waiting; *listener* hears of its answer, in the thread that gives it.

    A kind of its own, so that a plain call need not look whether it has one.
    """

    __slots__ = ("listener",)

    def __init__(self, request: object) -> None:
        super().__init__(request, math.inf)
        self.listener: Callable[[], object] | None = None

    def _settle(self, answer: tuple[object, BaseException | None]) -> bool:
        first = super()._settle(answer)
        if first and self.listener is not None:
            self.listener()
        return first


@final
class SystemCall(Call):
    """A call that the framework answers, and no handler sees: the requests below. Also one that is suspended answers."""

    __slots__ = ()


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
    """System request: what the tree view shows, the actor's ``status()``."""

    __slots__ = ()


@final
class GetState:
    """System request of ``sys.get_state``."""

    __slots__ = ()


@final
class ReplaceState:
    """System request of ``sys.replace_state``."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function


@final
class Describe:
    """System request of ``sys.get_status``."""

    __slots__ = ()


@final
class Suspend:
    """System request of ``sys.suspend``."""

    __slots__ = ()


@final
class Resume:
    """System request of ``sys.resume``."""

    __slots__ = ()
