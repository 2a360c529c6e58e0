"""Progress of the running call, and its log records, from user code to its caller.

The socket is the lane's; it lends the sending of a message to the call that it runs, until that call's end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, final

from bridge.interpreter import current

__all__ = ["Offerer", "Reporter", "Sender", "insist", "offer", "report"]

Sender = Callable[[int, bytes], None]  #: waits until there is room
Offerer = Callable[[int, bytes], bool]  #: does not wait; returns whether it was sent

#: Seconds that a log record waits for a report of another thread that is being sent.
_WAIT: Final = 0.1
#: Characters of a note, each of which may need six bytes.
_NOTE: Final = 10_000


def report(n: float, total: float | None = None, note: str = "") -> None:
    """Tell the caller of the running call how far it is. Does nothing where no call runs, in a worker or elsewhere.

    Blocks only while the caller is a thousand reports behind. Any thread may report; one that outlives its call reports
    to whichever call runs then: end the threads that a call starts before it returns. In a worker that runs several calls
    at a time (``Pool(threads=...)``) only the call's own thread is heard.

    Args:
        n: How much is done.
        total: Of how much, if that is known.
        note: A few words, at most 10,000 characters.

    Raises:
        TypeError, ValueError: If an argument is none of these; nothing is told.
    """
    numbers = isinstance(n, int | float) and isinstance(total, int | float | None)
    if not (numbers and isinstance(note, str)):
        raise TypeError(
            f"report({n!r}, {total!r}, {note!r}): expected a number, a number or None, and a text"
        )
    if len(note) > _NOTE:
        raise ValueError(
            f"a note of {len(note)} characters, expected at most {_NOTE}: it is for a person to read"
        )
    import json  # not at the top: most workers never report

    lane = current.lane()
    if lane is not None:
        lane.reporter.report(json.dumps([n, total, note]).encode())


def offer(record: bytes) -> bool:
    """Send the log record *record* to the caller of the call that runs this; see ``Reporter.offer``."""
    lane = current.lane()
    return lane is not None and lane.reporter.offer(record)


def insist(record: bytes) -> bool:
    """Send it, and wait for room; see ``Reporter.insist``."""
    lane = current.lane()
    return lane is not None and lane.reporter.insist(record)


@final
class Reporter:
    """What the call of one lane may say to its caller.

    Args:
        sender: Sends a report; takes the call's id and the body.
    """

    def __init__(self, sender: Sender) -> None:
        self._lock = threading.Lock()  # user code may report from any thread, and late
        self._sender: Sender | None = sender
        self._offerer: Offerer | None = None  # if log records are wanted, as the next two
        self._insister: Sender | None = None
        self._farewell: Callable[[], None] | None = None
        self._call_id = 0  # the running call's; 0 if there is none

    def lend_for_logs(self, offerer: Offerer, insister: Sender, farewell: Callable[[], None]) -> None:
        """Have log records offered to *offerer*; *farewell* is run at the end of each call, while it can still be heard.

        Args:
            offerer: Sends a record if there is room.
            insister: Sends one when there is.
            farewell: What is said last.
        """
        self._offerer, self._insister, self._farewell = offerer, insister, farewell

    def begin(self, call_id: int) -> None:
        """Let the call *call_id* report."""
        self._call_id = call_id

    def end(self) -> None:
        """Let nobody report; when this returns, no report is being sent."""
        if self._farewell is not None:
            self._farewell()
        with self._lock:
            self._call_id = 0

    def report(self, body: bytes) -> None:
        """Send a report."""
        with self._lock:
            if self._call_id and self._sender is not None:
                self._sender(self._call_id, body)

    def offer(self, record: bytes) -> bool:
        """Send *record* to the caller of the running call, if there is one, and room. Blocks for `_WAIT` seconds at most.

        Returns:
            Whether it was sent.
        """
        if not self._lock.acquire(timeout=_WAIT):
            return False
        try:
            return bool(self._call_id and self._offerer is not None and self._offerer(self._call_id, record))
        finally:
            self._lock.release()

    def insist(self, record: bytes) -> bool:
        """Send *record* as ``offer`` does, but wait for room, as the answer that comes next has to.

        Returns:
            Whether it was sent; False: no call runs.
        """
        with self._lock:
            if not self._call_id or self._insister is None:
                return False
            self._insister(self._call_id, record)
            return True

    def disown(self) -> None:
        """In a forked copy: nobody reports any more, whoever held the lock when it was made."""
        self._lock, self._call_id = threading.Lock(), 0
        self._sender = self._offerer = self._insister = self._farewell = None
