"""A clock for real threads whose time passes only when all of them have nothing left to do but wait for it.

So a child that is slow to wake up, on a machine with other work, is never killed for it, and a child that refuses to
stop is killed at once: what a scenario says of time holds, whatever the machine does.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Final, final

import attrs

from supervision.clock import Timer, VirtualClock

__all__ = ["PatientClock"]

#: Real seconds between two looks at whether all is calm.
_LOOK: Final = 0.001
#: How many looks in a row must find it so: between taking a message and starting to handle it a thread seems idle.
_CALM: Final = 5


@final
@attrs.frozen(order=True)
class _Waiter:
    deadline: float
    number: int  #: who began to wait first goes on first


@final
class PatientClock:
    """A ``Clock``; see there for what each method does.

    Args:
        is_calm: Whether every thread but those that wait here is idle.
    """

    def __init__(self, is_calm: Callable[[], bool]) -> None:
        self._is_calm = is_calm
        self._time = VirtualClock()
        self._numbers = itertools.count()
        self._lock = threading.Lock()  #: guards what follows
        self._waiters: set[_Waiter] = set()
        #: Who waits here, with or without a deadline, and for which gate.
        self._gates: dict[int, threading.Lock] = {}

    def now(self) -> float:
        """See ``Clock``."""
        return self._time.now()

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """See ``Clock``; it is fired by whoever moves the time."""
        return self._time.call_at(deadline, callback)

    def close(self) -> None:
        """See ``Clock``."""

    def waits(self, thread: int | None) -> bool:
        """Return whether the thread with this number waits here; not if it only has to wake up."""
        gate = None if thread is None else self._gates.get(thread)
        return gate is not None and gate.locked()

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass; only when nobody waits here."""
        self._time.advance(seconds)

    def acquire(self, gate: threading.Lock, timeout: float) -> bool:
        """See ``Clock``."""
        if timeout <= 0 or gate.acquire(blocking=False):
            return timeout > 0 or gate.acquire(blocking=False)
        me, waiter = threading.get_ident(), _Waiter(self.now() + timeout, next(self._numbers))
        with self._lock:
            self._waiters.add(waiter)
            self._gates[me] = gate
        try:
            if timeout > threading.TIMEOUT_MAX:
                return gate.acquire()
            return self._outwait(gate, waiter)
        finally:
            with self._lock:
                self._waiters.discard(waiter)
                del self._gates[me]

    def _outwait(self, gate: threading.Lock, waiter: _Waiter) -> bool:
        calm = 0
        while not gate.acquire(timeout=_LOOK):
            calm = calm + 1 if self._is_first(waiter) and self._is_calm() else 0
            if calm == _CALM:
                self._time.advance(max(0.0, waiter.deadline - self.now()))
                return gate.acquire(blocking=False)
        return True

    def _is_first(self, waiter: _Waiter) -> bool:
        with self._lock:
            return waiter == min(self._waiters)
