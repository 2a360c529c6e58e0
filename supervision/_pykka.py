"""The only import of pykka: what an actor's thread is, with the seven traps of that substrate closed.

What an actor means (handlers, replies, exit reasons) is in ``actor``; docs/pykka.md tells what pykka provides and
what is bypassed. Both kinds of actor below keep pykka's own references working: ``ask``, ``tell`` and proxies.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, final

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from supervision.errors import TakesNoMessages
from supervision.exit_reason import KILLED, NORMAL, ExitReason, crashed
from supervision.links import Effect, effect_of_exit
from supervision.messages import Down
from supervision.requests import (
    Call,
    Cast,
    GetState,
    GetStatus,
    Question,
    StopRequest,
    SystemCall,
    Wake,
)

if TYPE_CHECKING:
    from supervision.cell import Cell

__all__ = [
    "AskedFrom",
    "Envelope",
    "Inbox",
    "ThreadActor",
    "is_plain_actor",
    "is_proxy_message",
    "is_stop",
    "own_attributes",
    "supervised",
]


_WAKE: Final = Wake()
#: What pykka's constructor and this package put into every actor.
_NOT_ITS_OWN: Final = frozenset(
    {*vars(pykka.ThreadingActor()), "_begin", "_cell", "_machine", "_started", "trap_exit"}
)


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
            refuse(item)
        elif isinstance(item, Envelope) and item.reply_to is not None:
            asked = AskedFrom(item.reply_to)
            if isinstance(item.message, _ActorStop):
                asked.reply(None)
            else:
                refuse(asked)


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


class ThreadActor(pykka.ThreadingActor):
    """A pykka actor whose loop is ours: ``run_loop`` of the subclass, in a daemon thread.

    It is never entered into pykka's global registry (a list, and one for the whole process; trap 6).
    """

    use_daemon_thread = True

    @staticmethod
    def _create_actor_inbox() -> Any:
        return Inbox()

    def start_thread(self, cell: Cell) -> None:
        """Start the actor's thread under *cell*'s name."""
        _start(self, cell)

    def _actor_loop(self) -> None:
        try:
            self.run_loop()
        finally:
            self.actor_stopped.set()

    def _serve_proxy(self, message: Any) -> Any:
        return self._handle_receive(message)

    def run_loop(self) -> None:
        """Live the actor's life; the end of this method is the actor's."""
        raise NotImplementedError


def own_attributes(actor: pykka.ThreadingActor) -> dict[str, Any]:
    """Return *actor*'s attributes without those of pykka and of this package."""
    return {name: value for name, value in vars(actor).items() if name not in _NOT_ITS_OWN}


def is_proxy_message(message: object) -> bool:
    """Return whether *message* comes from one of pykka's proxies."""
    return isinstance(message, ProxyCall | ProxyGetAttr | ProxySetAttr)


def is_stop(message: object) -> bool:
    """Return whether *message* is pykka's request to stop."""
    return isinstance(message, _ActorStop)


def is_plain_actor(start: object) -> bool:
    """Return whether *start* is a pykka actor class that is not one of ours."""
    return (
        isinstance(start, type)
        and issubclass(start, pykka.ThreadingActor)
        and not issubclass(start, ThreadActor)
    )


def supervised(plain: type[pykka.ThreadingActor], cell_inbox: Inbox) -> type[_Supervised]:
    """Return *plain* with our loop around its unchanged hooks, reading *cell_inbox*."""
    return type(
        plain.__name__, (_Supervised, plain), {"_create_actor_inbox": staticmethod(lambda: cell_inbox)}
    )


class _Supervised(pykka.ThreadingActor):
    """Placed before a plain actor class: every end of it becomes an exit reason."""

    use_daemon_thread = True
    _cell: Cell
    _started: Callable[[BaseException | None], None]

    def attach(self, cell: Cell, started: Callable[[BaseException | None], None]) -> None:
        """Tie the actor to *cell* before its thread starts; *started* is told how ``on_start`` went (trap 4)."""
        self._cell = cell
        self._started = started
        _start(self, cell)

    def _actor_loop(self) -> None:
        try:
            self.on_start()
        except BaseException as error:
            self._finish(crashed(error), silent=True)
            self._started(error)
            return
        self._started(None)
        try:
            reason = self._live()
        except BaseException as error:
            # Trap 5: pykka would stop every actor of the process here, this one first, with its on_stop.
            reason = self._stop_hook(crashed(error))
        # Trap 3: pykka's is_alive() turned false long ago; the cell's end comes after the last hook.
        self._finish(reason)

    def _live(self) -> ExitReason:
        cell = self._cell
        while True:
            item = self.actor_inbox.get()
            if cell.signals or cell.reason is not None:
                end = self._take_signals()
                if end is not None:
                    self.actor_inbox.put(item)  # to be refused with the rest
                    return end
            end = self._take(item)
            if end is not None:
                return end

    def _take_signals(self) -> ExitReason | None:
        cell = self._cell
        while cell.signals and cell.reason is None:
            signal = cell.signals.popleft()
            from_parent = signal.sender == cell.parent
            # A plain actor knows no exit signals: its supervisor's runs on_stop, as pykka's stop() does.
            effect = effect_of_exit(signal.reason, trap_exit=from_parent, from_parent=from_parent)
            if effect is Effect.TERMINATE:
                return self._stop_hook(signal.reason)
            if effect is Effect.DIE:
                return signal.reason
        return None if cell.reason is None else KILLED

    def _take(self, item: Any) -> ExitReason | None:
        """Handle one item as pykka would; return an exit reason when it was the last."""
        if isinstance(item, Wake):
            return None
        if isinstance(item, StopRequest):
            return self._stop_hook(item.reason)
        if isinstance(item, Call):
            self._answer(item)
            return None
        if isinstance(item, Down) and not self._cell.hears(item):
            return None
        if isinstance(item, Envelope):
            message, reply_to = item.message, item.reply_to
        else:
            message, reply_to = (item.message if isinstance(item, Cast) else item), None
        asked = AskedFrom(reply_to)
        if is_stop(message):
            reason = self._stop_hook(NORMAL)
            asked.reply(None)
            return reason
        if reply_to is not None:
            self._serve(message, asked)
            return None
        try:
            self._handle_receive(message)
        except Exception as error:
            return self._fail_hook(error)
        return None

    def _answer(self, call: Call) -> None:
        if call.deadline < self._cell.context.clock.now():
            return
        if type(call) is not SystemCall:
            self._serve(call.request, call)
        elif isinstance(call.request, GetStatus):
            call.reply({})
        elif isinstance(call.request, GetState):
            call.reply(own_attributes(self))
        else:
            wanted = f"request {type(call.request).__name__}"
            call.fail(TakesNoMessages(self._cell.ref.name, "a plain pykka actor", wanted))

    def _serve(self, message: Any, question: Question) -> None:
        # In the cell's books while the hook runs: a BaseException out of it, or a kill, must not leave who asked
        # without an answer.
        if not self._cell.opened(question):
            return
        try:
            question.reply(self._handle_receive(message))
        except Exception as error:
            # pykka's own rule (trap 2), kept for actors that were written for it: an exception in an
            # ask goes to the asker, and the actor lives on.
            question.fail(error)

    def _stop_hook(self, reason: ExitReason) -> ExitReason:
        self._cell.closing = True
        self.actor_stopped.set()
        try:
            self.on_stop()
        except BaseException as error:
            return crashed(error)
        return reason

    def _fail_hook(self, error: Exception) -> ExitReason:
        self._cell.closing = True
        self.actor_stopped.set()
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except BaseException as second:
            return crashed(second)
        return crashed(error)

    def _finish(self, reason: ExitReason, *, silent: bool = False) -> None:
        self.actor_stopped.set()
        self._cell.finish(reason, silent=silent)


def _start(actor: pykka.ThreadingActor, cell: Cell) -> None:
    def run() -> None:
        cell.thread_began()
        try:
            actor._actor_loop()
        finally:
            cell.thread_ended()

    cell.thread = threading.Thread(target=run, name=cell.ref.name, daemon=True)
    cell.thread.start()
