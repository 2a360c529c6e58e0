"""Actors that were written for pykka, unchanged, under supervision: our loop around their hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from supervision._pykka.mailbox import AskedFrom, Envelope, Inbox, is_stop
from supervision._pykka.thread import ThreadActor, own_attributes, start_thread
from supervision.errors import TakesNoMessages
from supervision.exit_reason import KILLED, NORMAL, ExitReason, crashed
from supervision.links import Effect, effect_of_exit
from supervision.messages import Down
from supervision.requests import Call, Cast, GetState, GetStatus, Question, StopRequest, SystemCall, Wake

if TYPE_CHECKING:
    from supervision.cell import Cell

__all__ = ["is_plain_actor", "supervised"]


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

    def attach(self, cell: Cell) -> None:
        """Tie the actor to *cell* before its thread starts; its starter is told how ``on_start`` went (trap 4)."""
        self._cell = cell
        start_thread(self, cell)

    def _actor_loop(self) -> None:
        try:
            self.on_start()
        except BaseException as error:
            self._finish(crashed(error))
            return
        self._cell.started()
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

    def _finish(self, reason: ExitReason) -> None:
        self.actor_stopped.set()
        self._cell.finish(reason)
