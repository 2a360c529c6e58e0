"""One incarnation of an actor, as everybody else meets it: its mailbox end, its watchers and its end.

What runs in the actor's thread is in ``actor`` (ours) and ``_pykka`` (plain pykka actors); both own a cell.
Any thread may call any method here; none blocks except ``call``, ``stop`` and ``join``.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any, Protocol, final

from supervision.arguments import checked_timeout
from supervision.clock import Clock, open_gate
from supervision.context import TreeContext
from supervision.errors import CallSelf, CallTimeout, NoProcess, SenderKilled, StartError
from supervision.events import ActorStopped
from supervision.exit_reason import KILLED, NOPROC, ExitReason
from supervision.links import ExitSignal
from supervision.messages import Down, Ignore, Response
from supervision.pending import Pending
from supervision.ref import Ref
from supervision.requests import Call, Cast, Question, Request, StopRequest, SystemCall, Wake
from supervision.ties import Cut, Ties

__all__ = ["Cell", "Inbox", "Outcome"]

#: What becomes of a start: the actor runs, there is nothing to run, or it failed.
Outcome = Ref | Ignore | StartError


class Inbox(Protocol):
    """The mailbox that a cell puts messages into; its owner's thread takes them out."""

    def put(self, item: Any) -> None: ...
    def close(self, refuse: Callable[[Question], object]) -> None: ...


@final
class Cell:
    """What a ``Ref`` points to."""

    def __init__(
        self,
        context: TreeContext,
        name: str,
        parent: Ref | None,
        inbox: Inbox,
        answer: Callable[[Outcome], None],
    ) -> None:
        self.context = context
        self.parent = parent
        self.ref = Ref(name, context.next_incarnation(), self)
        self.thread: threading.Thread | None = None  #: set once, before it runs, by whoever starts it
        #: The number of its thread, written by that thread when it begins. Looked at only while the cell is not closing:
        #: the number of a thread that has ended may be another's.
        self.ident: int | None = None
        #: The question that a handler has in its hands; written by the actor's own thread. It is refused with the rest
        #: when the cell ends: who puts one here looks afterwards whether that has happened.
        self.in_hand: Question | None = None
        #: Set once, when the end has begun: from then on every message is refused (a dying actor would
        #: otherwise still answer what lay before its stop, and "is it up?" would lie).
        self.closing = False
        #: Whether it is a supervisor, whatever its spec says; set before its thread runs.
        self.supervises = False
        self.reason: ExitReason | None = None  #: set once, by whoever ends the cell first
        self.signals: deque[ExitSignal] = deque()  #: filled by any thread, taken by the actor's own
        #: Set once, before the starter is answered: what came with ``Started`` or ``ready``.
        self.info: object = None
        #: Whether its start is answered by ``ready``; of an actor, set when ``init`` is over.
        self.awaits_ready = False
        self.ties = Ties(self)  #: its links and monitors
        self.inbox = inbox
        self._put = inbox.put
        self._killed = context.killed
        self._lock = threading.Lock()  #: guards what follows, and the write of ``reason``
        self._open: set[Question] = set()  #: handed to a handler and not yet answered
        self._waiting: list[threading.Lock] = []  #: the gates of those who wait for the end
        self._down = False
        self._has_started = False
        #: Tells whoever starts it what became of that; None once that is decided, or nobody waits for it any more.
        self._answer: Callable[[Outcome], None] | None = answer

    # The start

    def started(self, info: object = None) -> bool:
        """Answer the starter: the actor runs. Returns whether this was the answer; the first decides, or an end."""
        with self._lock:
            answer = self._answer
            if answer is None or self.closing:
                return False
            self._answer = None
            self._has_started = True
            self.info = info
        answer(self.ref)
        return True

    def give_up_start(self) -> bool:
        """Have the start count as failed; False if it has been answered, or is about to be."""
        with self._lock:
            answer, self._answer = self._answer, None
        return answer is not None

    # Messages

    def call(self, request: object, timeout: float, kind: type[Call] = Call) -> Any:
        """See ``Ref.call``; with ``SystemCall`` as *kind*, the framework itself answers in the actor's thread."""
        try:
            valid = timeout >= 0
        except TypeError:
            valid = False
        if not valid:
            checked_timeout(timeout)
        closing = self.closing
        if closing:
            if self.thread is threading.current_thread():
                raise CallSelf(self.ref.name)  # from its terminate
            if self.reason is not None:
                raise NoProcess(self.ref.name)
        elif self.ident == get_ident():
            raise CallSelf(self.ref.name)
        if self._killed:
            self._refuse_killed()
        clock = self.context.clock
        call = kind(request, clock.now() + timeout)
        if closing:
            self.opened(call)  # refused when its terminate is over: OTP's call, too, waits for that
        else:
            self._put(call)
        if not clock.acquire(call.gate, timeout):
            # The first answer counts: one that came in the very moment in which the time ran out, or this.
            call.fail(CallTimeout(self.ref.name, timeout))
        return call.result()

    def ask_system(self, request: object, timeout: float) -> Any:
        """Have the framework itself answer *request* in the actor's thread; fails as ``Ref.call``."""
        return self.call(request, timeout, SystemCall)

    def send_request(self, request: object, reply_to: Ref | None) -> Pending:
        """See ``Ref.send_request``."""
        sent = Request(request)
        pending = Pending(self, sent)
        if reply_to is not None:
            sent.listener = lambda: reply_to.send(Response(pending))
        sender = self._killed.get(threading.current_thread()) if self._killed else None
        if sender is not None:
            sent.fail(SenderKilled(sender.name, self.ref.name))
        elif not self.closing:
            self._put(sent)
        elif self.reason is None:
            self.opened(sent)
        else:
            sent.fail(NoProcess(self.ref.name))
        return pending

    def cast(self, message: object) -> None:
        """See ``Ref.cast``."""
        if not self.closing and not (self._killed and self.sender_is_killed()):
            self._put(Cast(message))

    def send(self, message: object) -> None:
        """See ``Ref.send``."""
        if not self.closing and not (self._killed and self.sender_is_killed()):
            self._put(message)

    def runs_here(self) -> bool:
        """Return whether the calling thread is the actor's own."""
        return self.ident == get_ident()

    def sender_is_killed(self) -> bool:
        """Return whether the calling thread is that of a killed actor: nothing more may come of it."""
        return threading.current_thread() in self._killed

    def _refuse_killed(self) -> None:
        """Raise ``SenderKilled`` if the calling thread is that of a killed actor."""
        sender = self._killed.get(threading.current_thread())
        if sender is not None:
            raise SenderKilled(sender.name, self.ref.name)

    # Signals

    def signal(self, sender: Ref, reason: ExitReason) -> None:
        """Deliver an exit signal; the actor's thread looks at it before its next message."""
        if not self.closing:
            self.signals.append(ExitSignal(sender, reason))
            self._put(Wake())

    def tell_down(self, down: Down) -> None:
        """Put *down* into this watcher's mailbox, whoever's thread this is."""
        if not self.closing:
            self._put(down)

    # The end

    def stop(self, reason: ExitReason, timeout: float) -> bool:
        """See ``Ref.stop``."""
        if self.thread is threading.current_thread():
            raise CallSelf(self.ref.name)
        self._refuse_killed()
        self.send(StopRequest(reason))
        return self.join(timeout)

    def join(self, timeout: float, clock: Clock | None = None) -> bool:
        """Wait until the actor is down. Blocks for at most *timeout* seconds of *clock*, by default the tree's."""
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            if self._down:
                return True
            self._waiting.append(gate)
        if (clock or self.context.clock).acquire(gate, timeout):
            return True
        with self._lock:
            if not self._down:
                self._waiting.remove(gate)
            return self._down

    def is_down(self) -> bool:
        """Return whether the actor has ended and all who watch it were told."""
        return self._down

    def kill(self) -> bool:
        """End the actor from outside, whatever its thread is doing: it is down when this returns.

        A thread cannot be killed. One that waits for a message ends by itself at once; one that is inside a
        handler goes on until that returns, then ends without ``terminate``, and the tree names it until then.

        Returns:
            Whether this call ended it. If not, its end had begun before: its name is free and its reason known,
            and those who watch it are being told.
        """
        return self.finish(KILLED, outside=True)

    def finish(self, reason: ExitReason, *, outside: bool = False, outcome: Ignore | None = None) -> bool:
        """End the cell: refuse what comes, fail who waits, tell who watches; the first to call it decides.

        Before the start was answered this answers it, as a start that failed: the parent is told by that and not by a
        signal, and an actor that never started makes no event of its end.

        Args:
            reason: What everybody is told.
            outside: The actor's own thread has not come to its end: the tree names it until it has.
            outcome: What the starter is told instead of a failure.

        Returns:
            Whether this call ended it.
        """
        with self._lock:
            if self.reason is not None:
                return False
            self.closing = True
            self.reason = reason
            silent = not self._has_started
            answer, self._answer = self._answer, None
            if outside and self.thread is not None:
                self.context.abandoned(self.ref, self.thread)
                if self.thread.is_alive():
                    # Nothing that its thread still sends arrives, as nothing of a dead process does.
                    self.context.killed[self.thread] = self.ref
            # The name is free once the reason is there, and before anybody hears of the end: a supervisor that
            # finds the actor ended starts the next incarnation with it.
            self.context.registry.unregister(self.ref.name, self.ref)
            cut = self.ties.cut()
            unanswered = {*self._open, *(() if self.in_hand is None else (self.in_hand,))}
        for question in unanswered:
            # What somebody's own place for an answer raises is no reason not to tell the others of the end.
            with contextlib.suppress(Exception):
                self.refuse(question)
        self.inbox.close(self.refuse)
        try:
            self._tell(cut, reason, silent=silent)
        finally:
            # Last: who saw "down" may ask the supervisor, and must find its Exit queued before that question.
            with self._lock:
                self._down = True
                waiting, self._waiting = self._waiting, []
            for gate in waiting:
                open_gate(gate)
            if answer is not None:
                answer(outcome or StartError(self.ref.name, reason))
        return True

    def _tell(self, cut: Cut, reason: ExitReason, *, silent: bool) -> None:
        # The supervisor before the monitors: who hears Down and asks it for a new child with the id of the old
        # one must find the exit dealt with.
        for linked in cut.links:
            if not (silent and linked.ref == self.parent):
                linked.signal(self.ref, reason)
        for monitor, watcher in cut.monitors:
            watcher.tell_down(Down(monitor, self.ref, reason))
        events = self.context.events
        if events.active and not silent:
            events.emit(ActorStopped(actor=self.ref.name, incarnation=self.ref.incarnation, reason=reason))

    # For the actor's own thread

    def opened(self, question: Question) -> bool:
        """Note that *question* may be answered later; it is refused if the actor ends before.

        Returns:
            Whether to go on; False if the actor has been killed, and *question* refused.
        """
        question.on_answer = self._closed
        with self._lock:
            ended = self.reason is not None
            if not ended:
                self._open.add(question)
        if ended:
            self.refuse(question)
        elif question.answered():
            self._closed(question)  # before anybody was to hear of it
        return not ended

    def thread_began(self) -> None:
        """Note which thread is the actor's: this one."""
        self.ident = get_ident()

    def thread_ended(self) -> None:
        """Note that the actor's thread, this one, is at its end, maybe long after the actor was killed."""
        self._killed.pop(threading.current_thread(), None)

    def refuse(self, question: Question) -> None:
        """Tell who waits for *question* that the actor has ended."""
        question.refuse(self.ref.name, self.reason or NOPROC)

    def _closed(self, question: Question) -> None:
        with self._lock:
            self._open.discard(question)
