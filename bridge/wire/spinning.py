"""Adaptive spinning: an end of a channel that is in quick use looks for the next message for a while before it sleeps.

To fall asleep and to be woken costs more than a small call does, most of all in a virtual machine, whose processors are put
to rest as soon as they have nothing to do. But who spins takes a processor meanwhile, so it is done only where it pays:
the last wait, and what came after it, say whether it will. Both ends have the same rule. ZeroMQ is not imported here, as
in `exchange`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, final

__all__ = ["AdaptiveSpin"]

_EVENTS: Final = 15  # zmq.EVENTS
_READABLE: Final = 1  # zmq.POLLIN


@final
class AdaptiveSpin:
    """Of one end of one channel; only the thread that waits there uses it.

    A wait begins awake if the last one took no longer than *limit*, and what was done since then neither. So one that lasts
    longer than expected costs *limit* seconds of a processor, once.

    Args:
        get: Of the ZeroMQ socket at this end, which returns one of its options.
        limit: Seconds that a wait stays awake; 0: always to sleep at once. So it is, too, where the thread that makes this
            may run on one processor only, as then most likely all of the process may: the other end could say nothing
            while this one spins. A quota of processor time is not seen.
        now: What time it is, in seconds; real ones, whatever clock the caller has: it is about processors.
        pause: Lets other threads, of any process, have the processor, and Python.
    """

    __slots__ = ("_began", "_came", "_get", "_limit", "_now", "_pause", "_quick")

    def __init__(
        self,
        get: Callable[[int], Any],
        limit: float,
        now: Callable[[], float] = perf_counter,
        pause: Callable[[], object] = os.sched_yield,
    ) -> None:
        self._get = get
        self._limit = limit if len(os.sched_getaffinity(0)) > 1 else 0.0
        self._now = now
        self._pause = pause
        self._began = self._came = -math.inf  # the last wait; when it ended
        self._quick = False  # whether that was soon

    def wait(self, is_coming: Callable[[], bool] | None = None, at_most: float = math.inf) -> bool:
        """Begin to wait: return whether a message is there now, after a moment at the most; else it is time to sleep.

        Args:
            is_coming: Says, for less than a look at the socket costs, whether it is on its way; None: nobody can tell.
            at_most: Seconds that there are for it.
        """
        self._began = now = self._now()
        if not self._quick or now - self._came > self._limit:
            return False
        get, pause, clock, until = self._get, self._pause, self._now, now + min(self._limit, at_most)
        # A pause comes first, and often: what this end has just sent is with ZeroMQ's thread, which may need the processor.
        while is_coming is not None and not is_coming():
            pause()
            if clock() >= until:
                return False
        while True:
            pause()
            if get(_EVENTS) & _READABLE:
                return True
            if clock() >= until:
                return False

    def came(self) -> None:
        """The wait has ended: the message is there."""
        self._came = now = self._now()
        self._quick = now - self._began < self._limit
