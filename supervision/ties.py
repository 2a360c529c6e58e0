"""Links and monitors of one actor: who hears of its end, and whose ends it is to hear of.

What an exit signal does to who gets it is in ``links``; who is told in which order when an actor ends, in ``cell``. Any
thread may call any method here; none blocks.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, final

import attrs

from supervision.exit_reason import NOPROC
from supervision.links import Surroundings
from supervision.messages import Down, MonitorRef
from supervision.ref import Ref

if TYPE_CHECKING:
    from supervision.cell import Cell

__all__ = ["Cut", "Ties"]

_monitor_ids = itertools.count(1)


@final
@attrs.frozen
class Cut:
    """Who was tied to an actor when it ended, and is to be told."""

    links: tuple[Cell, ...]
    monitors: tuple[tuple[MonitorRef, Cell], ...]


@final
class Ties:
    """One actor's ties. A tie has an entry on both sides, or on neither: both are made under both locks."""

    def __init__(self, owner: Cell) -> None:
        self._owner = owner
        self._lock = threading.Lock()  #: guards what follows; of two, that with the smaller id is taken first
        self._monitors: dict[MonitorRef, Ties] = {}  #: who is to be told of this one's end
        #: Whose ends this one is to be told of, until it has been; None once it wants to hear no more of it.
        self._watching: dict[MonitorRef, Ties | None] = {}
        self._links: dict[Ref, Ties] = {}
        self._cut = False

    def monitor(self, watcher: Ties) -> MonitorRef:
        """See ``Ref.monitor``."""
        monitor = MonitorRef(next(_monitor_ids))
        if watcher is self:
            return monitor  # nobody is told of its own end
        first, second = sorted((self, watcher), key=id)
        with first._lock, second._lock:
            gone = self._cut
            if not watcher._cut:
                watcher._watching[monitor] = self
                if not gone:
                    self._monitors[monitor] = watcher
        if gone:
            watcher._owner.tell_down(Down(monitor, self._owner.ref, NOPROC))
        return monitor

    def demonitor(self, monitor: MonitorRef) -> bool:
        """See ``Ref.demonitor``."""
        with self._lock:
            watcher = self._monitors.pop(monitor, None)
        if watcher is not None:
            with watcher._lock:
                watcher._watching.pop(monitor, None)
        return watcher is not None

    def stop_watching(self, monitor: MonitorRef, *, flush: bool) -> bool:
        """See ``Actor.demonitor``; for the watcher's own thread."""
        watched = self._watching.get(monitor)
        if watched is None:
            return False
        found = watched.demonitor(monitor)
        if flush and not found:
            # Its Down lies in the mailbox, or is about to: it is dropped when it is met there.
            with self._lock:
                if monitor in self._watching:
                    self._watching[monitor] = None
        return found

    def hears(self, down: Down) -> bool:
        """Note that *down* has been taken from the mailbox; return whether it is to be handled."""
        with self._lock:
            return self._watching.pop(down.monitor, self) is not None

    def link(self, other: Ties) -> None:
        """Tie two actors' fates: when one ends, the other gets an exit signal; at once, if one has ended."""
        if other is self:
            return
        first, second = sorted((self, other), key=id)
        with first._lock, second._lock:
            gone = [ties for ties in (self, other) if ties._cut]
            if not gone:
                self._links[other._owner.ref] = other
                other._links[self._owner.ref] = self
        for one in gone:
            (other if one is self else self)._owner.signal(one._owner.ref, NOPROC)

    def unlink(self, other: Ties) -> None:
        """Undo ``link``, on both sides."""
        for one, two in ((self, other), (other, self)):
            with one._lock:
                one._links.pop(two._owner.ref, None)

    def surroundings(self) -> Surroundings:
        """Return who is tied to this actor, at this moment."""
        with self._lock:
            return Surroundings(
                links=tuple(self._links),
                monitors=tuple(
                    watched._owner.ref for watched in self._watching.values() if watched is not None
                ),
                monitored_by=tuple(watcher._owner.ref for watcher in self._monitors.values()),
            )

    def cut(self) -> Cut:
        """Take every tie out, on both sides, and let none be made any more: the actor has ended. Once."""
        with self._lock:
            self._cut = True
            monitors, links, watching = self._monitors, self._links, self._watching
            self._monitors, self._links, self._watching = {}, {}, {}
        for linked in links.values():
            with linked._lock:
                linked._links.pop(self._owner.ref, None)
        for monitor, watched in watching.items():
            if watched is not None:  # nobody is left to be told
                with watched._lock:
                    watched._monitors.pop(monitor, None)
        return Cut(
            links=tuple(linked._owner for linked in links.values()),
            monitors=tuple((monitor, watcher._owner) for monitor, watcher in monitors.items()),
        )
