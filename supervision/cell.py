"""One incarnation of an actor, as everybody else meets it: its mailbox end, its watchers and its end.

What runs in the actor's thread is in ``actor`` (ours) and ``_pykka`` (plain pykka actors); both own a cell.
Any thread may call any method here; none blocks except ``call``, ``stop`` and ``join``.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, final

from supervision.clock import Clock, open_gate
from supervision.context import TreeContext
from supervision.errors import CallSelf, CallTimeout, NoProcess
from supervision.events import ActorStopped
from supervision.exit_reason import KILLED, NOPROC, ExitReason
from supervision.messages import Down, MonitorRef
from supervision.ref import Ref
from supervision.requests import Call, Cast, Question, StopRequest, Wake

__all__ = ["Cell", "ExitSignal", "Inbox"]

_monitor_ids = itertools.count(1)


class Inbox(Protocol):
    """The mailbox that a cell puts messages into; its owner's thread takes them out."""

    def put(self, item: Any) -> None: ...
    def close(self, refuse: Callable[[Question], object]) -> None: ...


@final
class ExitSignal:
    """An exit signal that has arrived and was not looked at yet."""

    __slots__ = ("reason", "sender")

    def __init__(self, sender: Ref, reason: ExitReason) -> None:
        self.sender = sender
        self.reason = reason


@final
class Cell:
    """What a ``Ref`` points to."""

    def __init__(self, context: TreeContext, name: str, parent: Ref | None, inbox: Inbox) -> None:
        self.context = context
        self.parent = parent
        self.ref = Ref(name, context.next_incarnation(), self)
        self.thread: threading.Thread | None = None  #: set once, before it runs, by whoever starts it
        #: Set once, when the end has begun: from then on every message is refused (a dying actor would
        #: otherwise still answer what lay before its stop, and "is it up?" would lie).
        self.closing = False
        self.reason: ExitReason | None = None  #: set once, by whoever ends the cell first
        self.signals: deque[ExitSignal] = deque()  #: filled by any thread, taken by the actor's own
        self._inbox = inbox
        self._put = inbox.put
        self._lock = threading.Lock()  #: guards what follows, and the write of ``reason``
        self._monitors: dict[MonitorRef, Cell] = {}
        self._links: dict[Ref, Cell] = {}
        self._open: set[Question] = set()  #: handed to a handler and not yet answered
        self._waiting: list[threading.Lock] = []  #: the gates of those who wait for the end
        self._down = False

    # Messages

    def call(self, request: object, timeout: float) -> Any:
        """See ``Ref.call``."""
        if self.closing:
            raise NoProcess(self.ref.name)
        thread = self.thread
        # Only now: the number of a thread that has ended may be another's, the caller's for one.
        if thread is not None and thread.ident == threading.get_ident():
            raise CallSelf(self.ref.name)
        clock = self.context.clock
        call = Call(request, clock.now() + timeout)
        self._put(call)
        # Answered in the very moment in which its time ran out is answered.
        if not clock.acquire(call.gate, timeout) and not call.answered():
            self._closed(call)
            raise CallTimeout(self.ref.name, timeout)
        return call.result()

    def cast(self, message: object) -> None:
        """See ``Ref.cast``."""
        if not self.closing:
            self._put(Cast(message))

    def send(self, message: object) -> None:
        """See ``Ref.send``."""
        if not self.closing:
            self._put(message)

    # Signals, links, monitors

    def signal(self, sender: Ref, reason: ExitReason) -> None:
        """Deliver an exit signal; the actor's thread looks at it before its next message."""
        if not self.closing:
            self.signals.append(ExitSignal(sender, reason))
            self._put(Wake())

    def monitor(self, watcher: Cell) -> MonitorRef:
        """See ``Ref.monitor``."""
        monitor = MonitorRef(next(_monitor_ids))
        with self._lock:
            gone = self.reason is not None
            if not gone:
                self._monitors[monitor] = watcher
        if gone:
            watcher.send(Down(monitor, self.ref, NOPROC))
        return monitor

    def demonitor(self, monitor: MonitorRef) -> None:
        """See ``Ref.demonitor``."""
        with self._lock:
            self._monitors.pop(monitor, None)

    def link(self, other: Cell) -> None:
        """Tie two actors' fates: when one ends, the other gets an exit signal; at once, if one has ended."""
        if other is self:
            return
        # Both or neither: an end between the two entries would leave one that nobody takes out. finish() holds
        # one cell's lock at a time, so only the order among links matters.
        first, second = sorted((self, other), key=id)
        with first._lock, second._lock:
            gone = [cell for cell in (self, other) if cell.reason is not None]
            if not gone:
                self._links[other.ref] = other
                other._links[self.ref] = self
        for one in gone:
            (other if one is self else self).signal(one.ref, NOPROC)

    def unlink(self, other: Cell) -> None:
        """Undo ``link``, on both sides."""
        for one, two in ((self, other), (other, self)):
            with one._lock:
                one._links.pop(two.ref, None)

    # The end

    def stop(self, reason: ExitReason, timeout: float) -> bool:
        """See ``Ref.stop``."""
        if self.thread is threading.current_thread():
            raise CallSelf(self.ref.name)
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

    def finish(self, reason: ExitReason, *, silent: bool = False, outside: bool = False) -> bool:
        """End the cell: refuse what comes, fail who waits, tell who watches; the first to call it decides.

        Args:
            reason: What everybody is told.
            silent: A start that failed: the parent is told by the start's own answer and not by a signal, and
                an actor that never started makes no event of its end.
            outside: The actor's own thread has not come to its end: the tree names it until it has.

        Returns:
            Whether this call ended it.
        """
        with self._lock:
            if self.reason is not None:
                return False
            self.closing = True
            self.reason = reason
            if outside and self.thread is not None:
                self.context.abandoned(self.ref, self.thread)
            # The name is free once the reason is there, and before anybody hears of the end: a supervisor that
            # finds the actor ended starts the next incarnation with it.
            self.context.registry.unregister(self.ref.name, self.ref)
            monitors, links = self._monitors, self._links
            self._monitors, self._links = {}, {}
            unanswered = tuple(self._open)
        for question in unanswered:
            self._refuse(question)
        self._inbox.close(self._refuse)
        # The supervisor before the monitors: who hears Down and asks it for a new child with the id of the old
        # one must find the exit dealt with.
        for linked in links.values():
            with linked._lock:
                linked._links.pop(self.ref, None)
            if not (silent and linked.ref == self.parent):
                linked.signal(self.ref, reason)
        for monitor, watcher in monitors.items():
            watcher.send(Down(monitor, self.ref, reason))
        events = self.context.events
        try:
            if events.active and not silent:
                events.emit(
                    ActorStopped(actor=self.ref.name, incarnation=self.ref.incarnation, reason=reason)
                )
        finally:
            # Last: who saw "down" may ask the supervisor, and must find its Exit queued before that question.
            with self._lock:
                self._down = True
                waiting, self._waiting = self._waiting, []
            for gate in waiting:
                open_gate(gate)
        return True

    # For the actor's own loop

    def opened(self, question: Question) -> bool:
        """Note that a handler gets *question* and may answer it later; it is refused if the actor ends before.

        Returns:
            Whether to go on; False if the actor has been killed, and *question* refused.
        """
        question.on_answer = self._closed
        with self._lock:
            ended = self.reason is not None
            if not ended:
                self._open.add(question)
        if ended:
            self._refuse(question)
        return not ended

    def _closed(self, question: Question) -> None:
        with self._lock:
            self._open.discard(question)

    def _refuse(self, question: Question) -> None:
        question.refuse(self.ref.name, self.reason or NOPROC)
