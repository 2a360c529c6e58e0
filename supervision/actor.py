"""The actor: OTP's gen_server as a Python class, one thread each.

Starting one under a supervisor is in ``starting``; the substrate (pykka) in ``_pykka``; links and signals in ``links``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import attrs

from supervision._pykka import AskedFrom, Envelope, Inbox, ThreadActor, is_proxy_message, is_stop
from supervision.cell import Cell
from supervision.clock import Clock, Timer
from supervision.context import TreeContext
from supervision.errors import StartError
from supervision.exit_reason import KILLED, NORMAL, ExitReason, crashed
from supervision.links import Effect, effect_of_exit
from supervision.messages import Continue, Exit, Ignore, NoReply, Stop
from supervision.ref import Ref
from supervision.requests import Call, Cast, From, GetStatus, Question, StopRequest, Wake

__all__ = ["Actor", "InitResult"]

InitResult = Continue | Ignore | Stop | None


class Actor(ThreadActor):
    """Subclass this and write handlers; each runs in the actor's own thread, one at a time.

    A handler that raises ends the actor with ``crashed(exception)``, and its caller gets ``ActorExited``: as in
    gen_server, and unlike pykka, a failure is the supervisor's business and not the caller's.
    """

    #: Whether exit signals arrive as ``Exit`` messages instead of ending the actor; an actor that is to run
    #: ``terminate`` when its supervisor stops it must trap exits (OTP's rule).
    trap_exit: ClassVar[bool] = False

    _cell: Cell

    # Callbacks

    def init(self, *args: Any, **kwargs: Any) -> InitResult:
        """Set up; the starter waits for it. Raising, or returning ``Stop``, makes the start fail.

        An ``init`` that outlasts its start timeout is abandoned: nothing else of the actor runs when it returns.
        """
        return None

    def handle_call(self, request: Any, from_: From) -> Any:
        """Return the reply, or ``NOREPLY`` and use ``from_.reply`` later, or ``Stop(reason)``.

        With ``Stop(reason, reply)`` the caller has the reply before ``terminate`` runs.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no calls; it was sent {request!r}")

    def handle_cast(self, message: Any) -> Stop | None:
        """Handle a message that nobody waits for."""
        raise NotImplementedError(f"{type(self).__name__} takes no casts; it was sent {message!r}")

    def handle_info(self, message: Any) -> Stop | None:
        """Handle what came by ``send``: ``Down``, ``Exit``, timers. The default drops it, as OTP's does."""
        return None

    def handle_continue(self, term: Any) -> Stop | None:
        """Go on after ``init`` returned ``Continue(term)``; runs before any message."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_continue")

    def terminate(self, reason: ExitReason) -> None:
        """Clean up; not run when the actor is killed, nor for a signal that it does not trap."""

    def status(self) -> Mapping[str, object]:
        """Return what the tree view shows beside this actor's name."""
        return {}

    # For the subclass

    @property
    @final
    def ref(self) -> Ref:
        """This incarnation's own handle."""
        return self._cell.ref

    @property
    @final
    def context(self) -> TreeContext:
        """What this tree's actors share."""
        return self._cell.context

    @property
    @final
    def clock(self) -> Clock:
        """The tree's clock."""
        return self._cell.context.clock

    @final
    def send_after(self, delay: float, message: object) -> Timer:
        """Send *message* to this actor's ``handle_info`` after *delay* seconds of the tree's clock.

        Returns:
            The timer; its ``cancel()`` keeps a message that was not sent yet from being sent.
        """
        ref = self.ref
        return self.clock.call_at(self.clock.now() + delay, lambda: ref.send(message))

    # The life

    @final
    def attach(
        self, cell: Cell, args: tuple[Any, ...], kwargs: Mapping[str, Any], answer: Callable[[Any], None]
    ) -> None:
        """Tie the actor to *cell* and start its thread; *answer* is given what became of ``init``."""
        self._cell = cell
        self._begin = (args, kwargs, answer)
        self.start_thread(cell)

    @final
    def run_loop(self) -> None:
        """See ``ThreadActor``."""
        cell = self._cell
        args, kwargs, answer = self._begin
        del self._begin
        try:
            result = _checked_init(self.init(*args, **kwargs), self.init)
        except BaseException as error:
            result = Stop(crashed(error))
        if isinstance(result, Stop | Ignore):
            cell.finish(result.reason if isinstance(result, Stop) else NORMAL, silent=True)
            answer(StartError(cell.ref.name, result.reason) if isinstance(result, Stop) else result)
            return
        answer(cell.ref)
        try:
            reason = self._live(result)
        except BaseException as error:
            # Only what is not a handler's can come here; an actor whose thread ended must be down all the same.
            reason = crashed(error)
        cell.finish(reason)

    def _live(self, first: Continue | None) -> ExitReason:
        """Handle message after message; return why there are no more."""
        cell = self._cell
        inbox = self._inbox()
        now = self.clock.now
        end: Stop | _Die | None = None
        if first is not None and cell.reason is None:
            end = self._guarded(self.handle_continue, first.term)
        while end is None:
            item = inbox.get()
            if cell.signals:
                end = self._take_signals()
                if end is not None:
                    inbox.put(item)  # to be refused with the rest
                    break
            if cell.reason is not None:
                inbox.put(item)
                break  # killed while it was busy: it may do nothing more
            kind = type(item)
            if kind is Call:
                if item.deadline >= now():
                    end = self._answer(item)
            elif kind is Cast:
                end = self._guarded(self.handle_cast, item.message)
            else:
                end = self._other(item)
        if end is None or cell.reason is not None:
            return KILLED
        # Trap 7: whoever is dying answers nobody any more, nor those who ask through pykka.
        cell.closing = True
        self.actor_stopped.set()
        return end.reason if isinstance(end, _Die) else self._terminate(end.reason)

    def _other(self, item: Any) -> Stop | None:
        match item:
            case Wake():
                return None
            case StopRequest():
                return Stop(item.reason)
            case Envelope():
                return self._from_pykka(item)
        return self._guarded(self.handle_info, item)

    def _terminate(self, reason: ExitReason) -> ExitReason:
        try:
            self.terminate(reason)
        except BaseException as error:
            return crashed(error)
        return reason

    def _take_signals(self) -> Stop | _Die | None:
        """Look at the signals that arrived, in order; return the first thing that ends the actor."""
        cell = self._cell
        while cell.signals:
            signal = cell.signals.popleft()
            from_parent = signal.sender == cell.parent
            match effect_of_exit(signal.reason, trap_exit=self.trap_exit, from_parent=from_parent):
                case Effect.DIE:
                    return _Die(signal.reason)
                case Effect.TERMINATE:
                    return Stop(signal.reason)
                case Effect.DELIVER:
                    # Handled now and not put behind the mailbox: whoever saw an actor down and then asks its
                    # supervisor must find the exit dealt with.
                    stop = self._guarded(self.handle_info, Exit(signal.sender, signal.reason))
                    if stop is not None:
                        return stop
                case Effect.IGNORE:
                    pass
        return None

    def _inbox(self) -> Inbox:
        inbox = self.actor_inbox
        assert isinstance(inbox, Inbox)
        return inbox

    def _guarded(self, handler: Callable[[Any], Stop | None], message: Any) -> Stop | None:
        try:
            return _checked(handler(message), handler)
        except BaseException as error:
            return Stop(crashed(error))

    def _answer(self, call: Call) -> Stop | None:
        if type(call.request) is GetStatus:
            call.reply(self._safe_status())
            return None
        if not self._cell.opened(call):
            return None
        try:
            result = self.handle_call(call.request, call)
        except BaseException as error:
            return Stop(crashed(error))  # the caller learns it as ActorExited, when the cell ends
        return _reply(call, result)

    def _from_pykka(self, envelope: Any) -> Stop | None:
        """Serve pykka's own ``ask``, ``tell``, ``stop`` and proxies."""
        message, asked = envelope.message, AskedFrom(envelope.reply_to)
        if is_stop(message):
            self._inbox().put(envelope)  # answered when the actor is down, as pykka does
            return Stop(NORMAL)
        proxied = is_proxy_message(message)
        if not proxied and envelope.reply_to is None:
            return self._guarded(self.handle_cast, message)
        if not self._cell.opened(asked):
            return None
        try:
            result = self._handle_receive(message) if proxied else self.handle_call(message, asked)
        except BaseException as error:
            asked.fail(error)
            return Stop(crashed(error))
        return _reply(asked, result)

    def _safe_status(self) -> Mapping[str, object]:
        try:
            return dict(self.status())
        except BaseException as error:
            return {"status": f"failed: {error!r}"}


@final
@attrs.frozen
class _Die:
    """The end of an actor without ``terminate``."""

    reason: ExitReason


def _reply(question: Question, result: Any) -> Stop | None:
    """Answer with what ``handle_call`` returned; return how the actor ends, if so."""
    if type(result) is not Stop:
        if type(result) is not NoReply:
            question.reply(result)
        return None
    if type(result.reply) is not NoReply:
        question.reply(result.reply)
    return result


def _checked_init(result: Any, init: Callable[..., Any]) -> InitResult:
    if result is None or isinstance(result, Continue | Ignore | Stop):
        return result
    raise TypeError(
        f"{init.__qualname__} returned {result!r}; expected None, Continue(term), IGNORE or Stop(reason)"
    )


def _checked(result: Any, handler: Callable[..., Any]) -> Stop | None:
    if result is None or isinstance(result, Stop):
        return result
    raise TypeError(f"{handler.__qualname__} returned {result!r}; expected None or Stop(reason)")
