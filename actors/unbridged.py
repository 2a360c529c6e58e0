"""A pool without a bridge: its interpreters are no processes and speak over no wire. For tests.

Everything above the bridge is as ever: the tree, the desk, the workers' actors. What such an interpreter is, its launcher
knows.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

from actors.desk import Desk
from actors.hub_actor import HubSlot
from bridge.faces import InterpreterFace
from bridge.options import InterpreterOptions
from supervision import Actor, ExitReason
from supervision.clock import Clock
from supervision.events import Event

__all__ = ["Unbridged", "UnbridgedActor"]


class Unbridged(ABC):
    """The base of launchers that need no hub, no sockets and no run directory; ``Pool(launcher=...)`` takes one."""

    @abstractmethod
    def launch(
        self,
        clock: Clock,
        options: InterpreterOptions,
        *,
        worker: str,
        incarnation: int,
        listener: Callable[[Event], None],
    ) -> InterpreterFace:
        """Return an interpreter that lives.

        Args:
            clock: The pool's.
            options: Of the pool's interpreters.
            worker: Its name.
            incarnation: Unique among those of this name.
            listener: Told when it is ready, and of its end; in any thread, from within this on.

        Raises:
            LaunchFailed: There is none.
        """


@final
class UnbridgedActor(Actor):
    """In the place of the hub's: first child of the pool's supervisor."""

    trap_exit = True

    def init(self, slot: HubSlot, desk: Desk, launcher: Unbridged) -> None:
        """Have the workers find their launcher."""
        self._slot = slot
        self._desk = desk
        slot.put(functools.partial(launcher.launch, self.clock))

    def terminate(self, reason: ExitReason) -> None:
        """Let no more be launched; those that are left are their workers', which ended before this."""
        self._desk.trouble(reason)
        self._slot.put(None)
