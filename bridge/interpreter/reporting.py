"""Progress of the running call, and its log records, from user code to its caller.

The socket is the loop's; it lends the sending of a message to the call that it runs, until that call's end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

__all__ = [
    "Offerer",
    "Sender",
    "begin",
    "disown",
    "end",
    "insist",
    "lend",
    "lend_for_logs",
    "offer",
    "report",
]

Sender = Callable[[int, bytes], None]  #: waits until there is room
Offerer = Callable[[int, bytes], bool]  #: does not wait; returns whether it was sent

#: Seconds that a log record waits for a report of another thread that is being sent.
_WAIT: Final = 0.1
#: Characters of a note, each of which may need six bytes.
_NOTE: Final = 10_000

_lock = threading.Lock()  # user code may report from any thread, and late
_sender: Sender | None = None  # the loop's, once and for all
_offerer: Offerer | None = None  # likewise, if log records are wanted
_farewell: Callable[[], None] | None = None  # likewise
_insister: Sender | None = None  # likewise
_call_id = 0  # the running call's; 0 if there is none


def report(n: float, total: float | None = None, note: str = "") -> None:
    """Tell the caller of the running call how far it is. Does nothing where no call runs, in a worker or elsewhere.

    Blocks only while the caller is a thousand reports behind. Any thread may report; one that outlives its call reports
    to whichever call runs then: end the threads that a call starts before it returns.

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

    body = json.dumps([n, total, note]).encode()
    with _lock:
        if _call_id and _sender is not None:
            _sender(_call_id, body)


def lend(sender: Sender) -> None:
    """Have reports sent with *sender*, which takes the call's id and the body; for the loop."""
    global _sender  # noqa: PLW0603 (a process runs one loop)
    _sender = sender


def lend_for_logs(offerer: Offerer, insister: Sender, farewell: Callable[[], None]) -> None:
    """Have log records offered to *offerer*; *farewell* is run at the end of each call, while it can still be heard.

    Args:
        offerer: Sends a record if there is room.
        insister: Sends one when there is.
        farewell: What is said last.
    """
    global _offerer, _insister, _farewell
    _offerer, _insister, _farewell = offerer, insister, farewell


def offer(record: bytes) -> bool:
    """Send *record* to the caller of the running call, if there is one, and room. Blocks for `_WAIT` seconds at most.

    Returns:
        Whether it was sent.
    """
    if not _lock.acquire(timeout=_WAIT):
        return False
    try:
        return bool(_call_id and _offerer is not None and _offerer(_call_id, record))
    finally:
        _lock.release()


def insist(record: bytes) -> bool:
    """Send *record* as ``offer`` does, but wait for room, as the answer that comes next has to.

    Returns:
        Whether it was sent; False: no call runs.
    """
    with _lock:
        if not _call_id or _insister is None:
            return False
        _insister(_call_id, record)
        return True


def disown() -> None:
    """In a forked copy: nobody reports any more, whoever held the lock when it was made."""
    global _lock, _call_id, _sender, _offerer, _insister, _farewell  # noqa: PLW0603
    _lock, _call_id = threading.Lock(), 0
    _sender = _offerer = _insister = _farewell = None


def begin(call_id: int) -> None:
    """Let the call *call_id* report."""
    global _call_id  # noqa: PLW0603
    _call_id = call_id


def end() -> None:
    """Let nobody report; when this returns, no report is being sent."""
    global _call_id  # noqa: PLW0603
    if _farewell is not None:
        _farewell()
    with _lock:
        _call_id = 0
