"""The life of an actor, in its own thread: message after message, signal after signal, until there is an end.

What the handlers are, and what they may return, is in ``actor`` and ``messages``. A message that nothing is said about
here costs two looks and a handler: what is rare (a returned ``Timeout``, a suspension) is outside that path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, final

from supervision import system
from supervision._pykka import AskedFrom, Envelope, Inbox, is_proxy_message, is_stop
from supervision.cell import Cell
from supervision.exit_reason import KILLED, NORMAL, ExitReason, crashed
from supervision.links import Effect, ExitSignal, effect_of_exit
from supervision.messages import (
    IGNORE,
    TIMEOUT,
    AwaitReady,
    Continue,
    Down,
    Exit,
    Ignore,
    NoReply,
    Reply,
    Started,
    Stop,
    Timeout,
)
from supervision.requests import Call, Cast, Question, Request, Resume, StopRequest, Suspend, SystemCall, Wake
from supervision.then import NO_REPLIES, Die, Due, End, Farewell, Then, Until, checked, checked_init

if TYPE_CHECKING:
    from supervision.actor import Actor

__all__ = ["Life"]

_WAKE: Final = Wake()


@final
class Life:
    """Runs one actor; used by its own thread alone."""

    def __init__(self, actor: Actor, cell: Cell, inbox: Inbox) -> None:
        self._actor = actor
        self._cell = cell
        self._inbox = inbox
        self._clock = cell.context.clock
        self._suspended = False

    def run(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Live it from ``init`` to the end of the cell."""
        actor, cell = self._actor, self._cell
        try:
            result = checked_init(actor._after_init(actor.init(*args, **kwargs)), actor.init)
        except BaseException as error:
            result = Stop(crashed(error))
        if isinstance(result, Stop):
            cell.finish(result.reason)
            return
        if isinstance(result, Ignore):
            cell.finish(NORMAL, outcome=IGNORE)
            return
        then = result.then if isinstance(result, Started | AwaitReady) else result
        if isinstance(result, AwaitReady):
            cell.awaits_ready = True
        else:
            cell.started(result.info if isinstance(result, Started) else None)
        farewell = None
        try:
            end = self._live(then)
            reason = end.reason
            farewell = end if isinstance(end, Farewell) else None
            if not isinstance(end, Die):
                reason = self._terminate(reason)
        except BaseException as error:
            # Only what is not a handler's can come here; an actor whose thread ended must be down all the same.
            reason = crashed(error)
        if farewell is not None:
            farewell.question.reply(farewell.reply)
        cell.finish(reason)

    def _live(self, then: Any) -> End:
        """Handle message after message; return why there are no more."""
        cell, inbox = self._cell, self._inbox
        now = self._clock.now
        while True:
            if then is None:
                item = inbox.get()
            else:
                then = self._go_on(then)
                if isinstance(then, End):
                    break
                item = inbox.get() if then is None else self._get_until(then)
            if cell.signals or cell.reason is not None:
                then = self._take_signals(then)
                if isinstance(then, End):
                    inbox.put(item)  # to be refused with the rest
                    break
                if type(item) is Wake:
                    continue
            kind = type(item)
            if kind is Call:
                if item.deadline >= now():
                    then = self._answer(item)
            elif kind is Cast:
                then = self._guarded(self._actor.handle_cast, item.message)
            else:
                then = self._other(item, then)
        if cell.reason is not None:
            return Die(KILLED)  # killed while it was busy: it may do nothing more
        # Trap 7: whoever is dying answers nobody any more, nor those who ask through pykka.
        cell.closing = True
        self._actor.actor_stopped.set()
        return then

    def _other(self, item: Any, then: Then) -> Then:
        """Handle what is neither call nor cast; *then* is how the actor waits for its next message."""
        kind = type(item)
        if kind is Envelope:
            return self._from_pykka(item)
        if kind is Request or kind is SystemCall:
            if item.deadline < self._clock.now():
                return then
            return self._answer(item) if kind is Request else self._system(item, then)
        if kind is Wake or kind is Due:
            return then
        if kind is StopRequest:
            return Stop(item.reason)
        if kind is Down and not self._cell.ties.hears(item):
            return then
        return self._guarded(self._actor.handle_info, item)

    # What handlers return

    def _guarded(self, handler: Callable[[Any], Any], message: Any) -> Then:
        try:
            result = handler(message)
            return None if result is None else checked(result, handler)
        except BaseException as error:
            return Stop(crashed(error))

    def _answer(self, call: Call) -> Then:
        cell = self._cell
        cell.in_hand = call
        # Killed with it in hand: whoever came first, here or there, it is refused.
        if cell.reason is not None:
            cell.refuse(call)
            return None
        try:
            result = self._actor.handle_call(call.request, call)
            if type(result) in NO_REPLIES:
                return self._after_call(call, result)
        except BaseException as error:
            return Stop(crashed(error))  # the caller learns it as ActorExited, when the cell ends
        call.reply(result)
        cell.in_hand = None
        return None

    def _from_pykka(self, envelope: Envelope[Any]) -> Then:
        """Serve pykka's own ``ask``, ``tell``, ``stop`` and proxies."""
        message, reply_to = envelope.message, envelope.reply_to
        if is_stop(message):
            self._inbox.put(envelope)  # answered when the actor is down, as pykka does
            return Stop(NORMAL)
        proxied = is_proxy_message(message)
        if reply_to is None and not proxied:
            return self._guarded(self._actor.handle_cast, message)
        asked, cell, actor = AskedFrom(reply_to), self._cell, self._actor
        cell.in_hand = asked
        if cell.reason is not None:
            cell.refuse(asked)
            return None
        try:
            result = actor._serve_proxy(message) if proxied else actor.handle_call(message, asked)
            if type(result) in NO_REPLIES:
                return self._after_call(asked, result)
        except BaseException as error:
            asked.fail(error)
            return Stop(crashed(error))
        asked.reply(result)
        cell.in_hand = None
        return None

    def _after_call(self, question: Question, result: Any) -> Then:
        """Answer as *result* of ``handle_call`` says; a question that an end is to answer stays in hand."""
        match result:
            case NoReply() | Continue() | Timeout():
                self._cell.opened(question)
                self._cell.in_hand = None
                return None if type(result) is NoReply else result
            case Reply(value, Stop(reason)) | Stop(reason, value):
                return Stop(reason) if type(value) is NoReply else Farewell(reason, question, value)
            case Reply(value, Continue() | Timeout() | None):
                question.reply(value)
                self._cell.in_hand = None
                then: Then = result.then
                return then
        raise TypeError(
            f"handle_call returned {result!r}; expected Continue, Timeout, Stop or None as its then"
        )

    def _terminate(self, reason: ExitReason) -> ExitReason:
        try:
            self._actor.terminate(reason)
        except BaseException as error:
            return crashed(error)
        return reason

    # How it waits

    def _go_on(self, then: Then) -> Then:
        """Run ``handle_continue`` as often as it is asked for, and begin a timeout."""
        while type(then) is Continue:
            # Signals to who traps them are messages, and come after it; others end the actor wherever it is.
            if self._cell.reason is not None or (self._cell.signals and not self._actor.trap_exit):
                end = self._take_signals(None)
                if isinstance(end, End):
                    return end
            then = self._guarded(self._actor.handle_continue, then.term)
        return Until(then.seconds, self._clock.now() + then.seconds) if type(then) is Timeout else then

    def _get_until(self, then: Any) -> Any:
        """Return the next message, or ``TIMEOUT`` if none came in time."""
        inbox, clock = self._inbox, self._clock
        if then.deadline <= clock.now():
            item = inbox.get_now()
            return TIMEOUT if item is None else item
        due = Due()
        timer = clock.call_at(then.deadline, lambda: inbox.put(due))
        item = inbox.get()
        if item is due:
            return TIMEOUT
        timer.cancel()
        return item

    # Signals and system requests

    def _effect(self, signal: ExitSignal) -> Effect:
        from_parent = signal.sender == self._cell.parent
        return effect_of_exit(signal.reason, trap_exit=self._actor.trap_exit, from_parent=from_parent)

    def _take_signals(self, then: Then) -> Then:
        """Look at the signals that arrived, in order; return the first end, or how the actor goes on waiting."""
        signals = self._cell.signals
        while signals and self._cell.reason is None:
            signal = signals.popleft()
            match self._effect(signal):
                case Effect.DIE:
                    return Die(signal.reason)
                case Effect.TERMINATE:
                    return Stop(signal.reason)
                case Effect.DELIVER:
                    # Handled now and not put behind the mailbox: whoever saw an actor down and then asks its
                    # supervisor must find the exit dealt with.
                    message = Exit(signal.sender, signal.reason)
                    then = self._go_on(self._guarded(self._actor.handle_info, message))
                    if isinstance(then, End):
                        return then
                case Effect.IGNORE:
                    pass
        return Die(KILLED) if self._cell.reason is not None else then

    def _system(self, call: SystemCall, then: Then) -> Then:
        if type(then) is Until:
            then = Timeout(then.seconds)  # it begins anew, as gen_server's does
        if type(call.request) is Suspend:
            call.reply(None)
            return self._hold_still(then)
        self._answer_system(call)
        return then

    def _answer_system(self, call: SystemCall) -> None:
        if type(call.request) in (Suspend, Resume):
            call.reply(None)
        else:
            waiting = self._inbox.waiting()
            system.answer(self._actor, self._cell, call, suspended=self._suspended, waiting=waiting)

    def _hold_still(self, then: Then) -> Then:
        """Be suspended: put messages aside, obey the rest; return an end, or what the actor goes on with."""
        cell, inbox = self._cell, self._inbox
        self._suspended = True
        inbox.hold_back()
        trapped: list[ExitSignal] = []
        while True:
            item = inbox.get()
            end = self._obey_signals(trapped)
            if end is not None:
                inbox.put(item)
                return end
            kind = type(item)
            if kind is StopRequest:
                return Stop(item.reason)
            if kind is SystemCall:
                if item.deadline >= self._clock.now():
                    self._answer_system(item)
                    if type(item.request) is Resume:
                        break
            elif kind is not Wake:
                inbox.put_aside(item)
        self._suspended = False
        inbox.take_up()
        if trapped:
            cell.signals.extendleft(reversed(trapped))
            inbox.put(_WAKE)
        return then

    def _obey_signals(self, trapped: list[ExitSignal]) -> End | None:
        """Return the end that a signal means to who is suspended; those that would be messages go to *trapped*."""
        while self._cell.signals and self._cell.reason is None:
            signal = self._cell.signals.popleft()
            match self._effect(signal):
                case Effect.DIE:
                    return Die(signal.reason)
                case Effect.TERMINATE:
                    return Stop(signal.reason)
                case Effect.DELIVER:
                    trapped.append(signal)
                case Effect.IGNORE:
                    pass
        return Die(KILLED) if self._cell.reason is not None else None
