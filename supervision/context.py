"""What every actor of one tree shares: its clock, its names, its events, its numbers.

There is one for each tree and none for the process, so two trees, or one tree for each test, never meet.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import final

import attrs

from supervision.clock import Clock
from supervision.errors import NoProcess
from supervision.events import ActorUnstopped
from supervision.ref import Ref, cell_of
from supervision.registry import Registry
from supervision.sinks import EventBus

__all__ = ["TreeContext"]


@final
@attrs.frozen(eq=False)
class TreeContext:
    """The surroundings of a tree's actors, handed down from supervisor to child."""

    name: str
    clock: Clock
    registry: Registry = attrs.field(init=False)
    events: EventBus = attrs.field(factory=EventBus, init=False)
    _incarnations: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _unstopped: dict[Ref, threading.Thread] = attrs.field(factory=dict, init=False)
    #: The threads of killed actors that have not come to their end: what they send is refused. Looked at for each
    #: message, so it is empty but for those moments. Threads, not their numbers, which are used again.
    killed: dict[threading.Thread, Ref] = attrs.field(factory=dict, init=False)
    _abandonments: list[float] = attrs.field(factory=list, init=False)

    @registry.default
    def _own_registry(self) -> Registry:
        return Registry(self.name)

    def next_incarnation(self) -> int:
        """Return a number that no other incarnation of this tree has; ``next`` on a count is atomic."""
        return next(self._incarnations)

    def actor_of(self, thread: threading.Thread) -> Ref | None:
        """Return the actor that has a name here and lives in *thread*, if one does."""
        for name in self.registry.names():
            ref = self.registry.whereis(name)
            with contextlib.suppress(
                NoProcess
            ):  # a handle of something else, under a name that somebody gave it
                if ref is not None and cell_of(ref).thread is thread:
                    return ref
        return None

    def abandoned(self, ref: Ref, thread: threading.Thread) -> None:
        """Remember a thread that would not stop, and forget those that have ended since."""
        running = self.unstopped()
        for old in list(self._unstopped):
            if old not in running:
                self._unstopped.pop(old, None)
        self._unstopped[ref] = thread

    def would_not_stop(self, ref: Ref, waited: float) -> None:
        """Count *ref*, whose thread did not end within *waited* seconds, and tell who listens."""
        self._abandonments.append(waited)
        if self.events.active:
            self.events.emit(ActorUnstopped(actor=ref.name, incarnation=ref.incarnation, waited=waited))

    def unstopped_count(self) -> int:
        """Return how many threads would not stop, and were abandoned, since the tree was made."""
        return len(self._abandonments)

    def settle(self, timeout: float) -> None:
        """Wait for abandoned threads that are on their way out. Blocks until one takes *timeout* real seconds."""
        for thread in list(self._unstopped.values()):
            # One without a number never ran: no thread can be started any more while the interpreter exits.
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(timeout)
                if thread.is_alive():
                    return

    def unstopped(self) -> tuple[Ref, ...]:
        """Return the abandoned actors whose threads still run."""
        return tuple(ref for ref, thread in list(self._unstopped.items()) if thread.is_alive())
