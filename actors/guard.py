"""The pool's books behind one lock: an operation is done whole, or mended by whoever comes next.

Under the lock run only the books' own methods: no sink, no log, no I/O, no wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, final

from actors.books import Books
from supervision.clock import Clock, open_gate

__all__ = ["Guard"]

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


@final
class Guard:
    """The lock, and those who wait for something that the books will say."""

    def __init__(self, books: Books) -> None:
        self._lock = threading.Lock()
        # What follows is guarded by the lock.
        self._books = books
        self._torn = False  #: whether an operation is under way; whoever finds it so mends what was cut off
        self._gates: list[tuple[Callable[[], bool], threading.Lock]] = []  #: what is waited for, and by whom

    def do(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run *operation* of the books under the lock."""
        # On one line: whatever strikes between lines, an interrupt or a tracer, strikes before the lock is taken,
        # inside the operation, or after the release. With two, Python goes back to the first one for the release, and
        # what strikes there leaves it locked for ever.
        with self._lock: return self._whole(operation, *args)  # fmt: skip  # noqa: E701

    def wait(self, clock: Clock | None, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait until *reached*, which is asked under the lock after each operation; at most *timeout* seconds.

        Args:
            clock: Counts them; None: it is not open yet, and nothing is waited for.
            reached: Whether it has come to that.
            timeout: Seconds.

        Returns:
            Whether it has.
        """
        if clock is None:
            return self.do(reached)
        gate = threading.Lock()
        gate.acquire()
        watched = (reached, gate)
        try:
            self.do(self._gates.append, watched)
            clock.acquire(gate, timeout)
        finally:
            self.do(self._unwatch, watched)
        return self.do(reached)

    def _whole(self, operation: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run *operation* on books that are whole, and open the gates of those who waited for what it brought."""
        if self._torn:
            self._books.mend()
        self._torn = True
        self._books.expire()
        result = operation(*args)
        for waited_for in [each for each in self._gates if each[0]()] if self._gates else ():
            open_gate(waited_for[1])
            self._gates.remove(waited_for)
        self._torn = False
        return result

    def _unwatch(self, watched: tuple[Callable[[], bool], threading.Lock]) -> None:
        if watched in self._gates:
            self._gates.remove(watched)
