"""Progress of the running call, from user code to its caller.

The socket is the loop's; it lends the sending of one message to the call that it runs, and takes it back at its end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Final

__all__ = ["lend", "report", "take_back"]

_lock: Final = threading.Lock()  # user code may report from any thread, and late
_sender: Callable[[bytes], None] | None = None


def report(n: float, total: float | None = None, note: str = "") -> None:
    """Tell the caller of the running call how far it is. Does nothing where no call runs, in a worker or elsewhere.

    Blocks only while the caller is a thousand reports behind.

    Args:
        n: How much is done.
        total: Of how much, if that is known.
        note: A few words.
    """
    body = json.dumps([n, total, note]).encode()
    with _lock:
        if _sender is not None:
            _sender(body)


def lend(sender: Callable[[bytes], None]) -> None:
    """Send reports with *sender* from now on; for the loop."""
    global _sender  # noqa: PLW0603 (a process runs one loop)
    with _lock:
        _sender = sender


def take_back() -> None:
    """Send no more reports; when this returns, none is being sent."""
    global _sender  # noqa: PLW0603
    with _lock:
        _sender = None
