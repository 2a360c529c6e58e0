"""The mailbox of an actor, and those who ask through pykka: in neither does anybody wait for ever."""

from __future__ import annotations

import contextlib
import queue
from collections import deque
from collections.abc import Callable
from typing import Any, Final, final

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervision.exit_reason import ExitReason
from supervision.requests import Call, Question, Wake

__all__ = ["AskedFrom", "Envelope", "Inbox", "is_proxy_message", "is_stop", "lead_through_door"]

_WAKE: Final = Wake()


@final
class Inbox(queue.SimpleQueue[Any]):
    """A mailbox in which nobody waits for ever, whoever puts into it: a cell, or pykka's own references (trap 1).

    pykka checks that the actor is alive and then puts; between the two the actor may end, and the asker would
    wait for ever. So a put into a closed box empties it again, and answers what it finds. One ``Wake`` is left in
    it: an owner that was killed while it waited, or that comes for its next message later, learns that it is over.
    """

    _refuse: Callable[[Question], object] | None = None  #: set once, when the box is closed

    def __init__(self) -> None:
        super().__init__()
        #: What its owner took out and put aside, to be taken out again before the rest; written by the owner alone,
        #: emptied by whoever closes the box.
        self._aside: deque[Any] = deque()

    def put_aside(self, item: Any) -> None:
        """Keep *item*, which was taken from here, for after ``take_up``; for the owner."""
        self._aside.append(item)
        if self._refuse is not None:
            self.empty_out()

    def hold_back(self) -> None:
        """Have ``get`` give out nothing of what lies aside, until ``take_up``; for the owner."""
        vars(self).pop("get", None)

    def take_up(self) -> None:
        """Have ``get`` give out first what was put aside, in order; for the owner."""
        if self._aside:
            # An attribute, not a flag: get() stays a C method for all who never put anything aside.
            vars(self)["get"] = self._get_aside

    def waiting(self) -> int:
        """Return how many messages lie here, about: others go on putting."""
        return self.qsize() + len(self._aside)

    def get_now(self) -> Any:
        """Return the next message if there is one, else None."""
        try:
            return self.get(block=False)
        except queue.Empty:
            return None

    def _get_aside(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self._aside.popleft()
        except IndexError:
            vars(self).pop("get", None)
            return super().get(block, timeout)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item)
        if self._refuse is not None:
            self.empty_out()

    def close(self, refuse: Callable[[Question], object]) -> None:
        """Answer what lies here and what will: *refuse* is given each call, pykka's askers an ActorDeadError."""
        if self._refuse is None:
            self._refuse = refuse
        self.empty_out()

    def empty_out(self) -> None:
        """Take and answer everything, if the box is closed; any thread may."""
        refuse = self._refuse
        if refuse is None:
            return
        while True:
            try:
                self._answer(self._aside.popleft(), refuse)
            except IndexError:
                break
        while True:
            try:
                item = super().get(block=False)
            except queue.Empty:
                break
            self._answer(item, refuse)
        super().put(_WAKE)

    def _answer(self, item: Any, refuse: Callable[[Question], object]) -> None:
        if isinstance(item, Call):
            with contextlib.suppress(
                Exception
            ):  # of the asker's own place for the answer; the others are told
                refuse(item)
        elif isinstance(item, Envelope) and item.reply_to is not None:
            asked = AskedFrom(item.reply_to)
            if isinstance(item.message, _ActorStop):
                asked.reply(None)
            else:
                refuse(asked)


@final
class _Door:
    """Where pykka's own references put messages: the mailbox, but not for the thread of a killed actor."""

    def __init__(self, inbox: Inbox, sender_is_killed: Callable[[], bool]) -> None:
        self._inbox = inbox
        self._sender_is_killed = sender_is_killed

    def put(self, item: Envelope[Any]) -> None:
        if not self._sender_is_killed():
            self._inbox.put(item)
        elif item.reply_to is not None:
            AskedFrom(item.reply_to).fail(pykka.ActorDeadError("the actor that asks has been killed"))


def lead_through_door(ref: Any, inbox: Inbox, sender_is_killed: Callable[[], bool]) -> None:
    """Have pykka's reference *ref*, which keeps a pointer to the mailbox, put nothing there for a killed actor."""
    ref.actor_inbox = _Door(inbox, sender_is_killed)


@final
class AskedFrom:
    """``From`` for one who asked through pykka; without a future it was a ``tell``, and nobody hears the answer."""

    def __init__(self, reply_to: Any) -> None:
        self._reply_to = reply_to
        self._answered = False
        self.on_answer: Callable[[Question], None] | None = None

    def reply(self, value: object) -> bool:
        """See ``From.reply``."""
        return self._reply_to is not None and self._first(self._reply_to.set, value)

    def fail(self, error: BaseException) -> bool:
        """See ``From.fail``."""
        if self._reply_to is None:
            return False
        return self._first(self._reply_to.set_exception, (type(error), error, error.__traceback__))

    def answered(self) -> bool:
        """See ``Question.answered``."""
        return self._answered

    def refuse(self, name: str, reason: ExitReason) -> None:
        """See ``Question.refuse``; pykka's askers expect pykka's own error."""
        self.fail(pykka.ActorDeadError(f"actor {name!r} ended before it replied: {reason}"))

    def _first(self, put: Callable[[Any], None], value: object) -> bool:
        try:
            put(value)
        except queue.Full:  # pykka's future at the second answer
            return False
        self._answered = True
        if self.on_answer is not None:
            self.on_answer(self)
        return True


def is_proxy_message(message: object) -> bool:
    """Return whether *message* comes from one of pykka's proxies."""
    return isinstance(message, ProxyCall | ProxyGetAttr | ProxySetAttr)


def is_stop(message: object) -> bool:
    """Return whether *message* is pykka's request to stop."""
    return isinstance(message, _ActorStop)
