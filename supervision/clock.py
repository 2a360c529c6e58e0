"""Time for one tree: what it is now, and what happens later; real or virtual.

Nothing else in the project reads the clock or sleeps. Durations are float seconds.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, final

__all__ = ["Clock", "MonotonicClock", "Timer", "VirtualClock", "open_gate"]

_LONGEST: Final = threading.TIMEOUT_MAX


@final
class Timer:
    """A callback that is due at a moment; made by a clock's ``call_at``."""

    __slots__ = ("_callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], None]) -> None:
        self.deadline = deadline  #: seconds on the clock that made it
        #: None once fired or cancelled. Taken out by one dict-free swap, so that it runs at most once.
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> bool:
        """Keep the callback from running. Returns whether it was still to come; never blocks."""
        pending, self._callback = self._callback, None
        return pending is not None

    def is_pending(self) -> bool:
        """Return whether the callback is still to come."""
        return self._callback is not None

    def fire(self) -> None:
        """Run the callback now unless it was cancelled; for clocks only."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Clock(Protocol):
    """What a tree needs of time."""

    def now(self) -> float:
        """Return the present, in seconds from an arbitrary origin; it never goes back."""

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Run *callback* once *deadline* is reached, in a thread of the clock; it must not block or raise.

        ``math.inf`` never comes. A deadline in the past is due at once, yet never runs inside this call
        on a real clock.
        """

    def acquire(self, gate: threading.Lock, timeout: float) -> bool:
        """Acquire *gate* within *timeout* seconds of this clock; how every bounded wait of a tree is made.

        Blocks the calling thread. ``math.inf`` waits for ever, 0 does not wait. Returns whether it was acquired.
        A clock may open the gate itself to end the wait, so whoever opens it uses ``open_gate``, and whoever was
        told False looks once more for what was waited for.
        """

    def close(self) -> None:
        """End the clock's thread, if it has one; timers that are left never fire. Idempotent."""


def open_gate(gate: threading.Lock) -> None:
    """Let the one who waits at *gate* go on; fine if its time ran out, and the clock opened it, in this moment."""
    try:
        gate.release()
    except RuntimeError:
        pass


class _Agenda:
    """Timers in the order of their deadlines, first come first among equals. Not synchronised."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._ticket = itertools.count()

    def add(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.deadline, next(self._ticket), timer))

    def next_deadline(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Timer | None:
        if self._heap and self._heap[0][0] <= now:
            return heapq.heappop(self._heap)[2]
        return None


@final
class MonotonicClock:
    """Real time. A daemon thread is started with the first timer, and ends with ``close``."""

    def __init__(self, name: str = "clock") -> None:
        self._name = name
        self._agenda = _Agenda()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    #: The C function itself: it is asked twice for each call.
    now = staticmethod(time.monotonic)

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(deadline, callback)
        with self._changed:
            if self._closed:
                timer.cancel()
                return timer
            self._agenda.add(timer)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=f"{self._name}/timers", daemon=True)
                thread.start()  # may fail, while the interpreter exits: then there is none for close() to join
                self._thread = thread
            if self._agenda.next_deadline() == deadline:
                self._changed.notify()
        return timer

    def acquire(self, gate: threading.Lock, timeout: float) -> bool:
        if 0 <= timeout <= _LONGEST:
            return gate.acquire(True, timeout)
        return gate.acquire(timeout > 0)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                timer = self._agenda.pop_due(now)
                if timer is None:
                    due = self._agenda.next_deadline()
                    # The cap keeps a far deadline inside what the platform can wait for.
                    self._changed.wait(None if due is None else min(due - now, _LONGEST))
                    continue
            timer.fire()


@final
class VirtualClock:
    """Time that stands still until a test moves it; timers fire inside ``advance``, in the caller's thread."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._agenda = _Agenda()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(deadline, callback)
        with self._lock:
            self._agenda.add(timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Move time forward by *seconds* and fire what falls due, each timer at its own moment.

        Args:
            seconds: How far to go; 0 fires only what is due already.

        Raises:
            ValueError: If *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: advance({seconds!r}) needs a number >= 0")
        target = self._now + seconds
        while True:
            with self._lock:
                timer = self._agenda.pop_due(target)
                if timer is None:
                    self._now = target
                    return
                self._now = max(self._now, timer.deadline)
            timer.fire()

    def acquire(self, gate: threading.Lock, timeout: float) -> bool:
        if timeout <= 0:
            return gate.acquire(blocking=False)
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            open_gate(gate)

        timer = self.call_at(self._now + timeout, expire)
        gate.acquire()
        timer.cancel()
        return not expired.is_set()

    def close(self) -> None:
        """Nothing to end: a virtual clock has no thread."""
