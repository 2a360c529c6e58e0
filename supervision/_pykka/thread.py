"""What an actor's thread is: pykka's actor object with a loop of ours, entered into no registry."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import pykka

from supervision._pykka.mailbox import Inbox

if TYPE_CHECKING:
    from supervision.cell import Cell

__all__ = ["ThreadActor", "own_attributes", "start_thread"]

#: What pykka's constructor and this package put into every actor.
_NOT_ITS_OWN: Final = frozenset({*vars(pykka.ThreadingActor()), "_begin", "_cell", "_machine", "trap_exit"})


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
        start_thread(self, cell)

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


def start_thread(actor: pykka.ThreadingActor, cell: Cell) -> None:
    """Start *actor*'s thread under *cell*'s name."""

    def run() -> None:
        cell.thread_began()
        try:
            actor._actor_loop()
        finally:
            cell.thread_ended()

    cell.thread = threading.Thread(target=run, name=cell.ref.name, daemon=True)
    cell.thread.start()
