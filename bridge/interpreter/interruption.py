"""SIGINT in the child: it raises in the code of the call that the board calls cancelled, and does nothing at any other time.

So a signal that comes late reaches neither the next call nor the loop nor a message that is being received. Who sends it,
and what comes after it, is the host's affair (`bridge.enforcement`).

There is no gap between the window that ``run`` opens and the code in it: Python runs a signal's handler at the start
of a function, at a loop's jump back and after a call, and on no other line; where the window is opened and closed, none
of these lies between the act and the code that depends on it, or an ``except`` holds what it raises.
"""

from __future__ import annotations

import enum
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bridge.wire.board import Board

__all__ = ["Achieved", "CallInterrupted", "achieved", "begin", "cancelled", "install", "note", "run"]


class CallInterrupted(KeyboardInterrupt):
    """Raised in the code of a call that is cancelled, or has passed its deadline, if it did not end when it was told.

    Clean up and let it pass. What goes on instead is ended with its process.
    """


class Achieved(enum.Enum):
    """What the cancelling of a call has achieved, as the child sees it."""

    NOT_STARTED = "not started"  #: nothing of it was executed
    INTERRUPTED = "interrupted"  #: its code ended by an exception after it was interrupted
    TOO_LATE = "too late"  #: it ended of itself


_board: Board | None = None  # the loop's, once and for all
_running = 0  # the id of the last call that was begun
window = 0  #: the id of the call whose code SIGINT may interrupt now; 0: none. Only the main thread writes it
struck = 0  #: the id of the last call that was interrupted. Likewise
_noted = (0, Achieved.TOO_LATE)  # the last call that did not end of itself


def install(board: Board) -> None:
    """Handle SIGINT from now on. In the main thread."""
    global _board  # noqa: PLW0603 (a process runs one loop)
    _board = board
    signal.signal(signal.SIGINT, _on_sigint)


def cancelled() -> bool:
    """Return whether the running call is to end: it was cancelled, or its deadline has passed. Never blocks.

    Code that looks can end in good order; code that does not gets ``CallInterrupted`` a moment later. From any thread
    of the call. False where no call runs, in a worker or elsewhere.
    """
    return _board is not None and _running != 0 and _board.cancelled == _running


def begin(call_id: int) -> None:
    """Take the call *call_id* for the running one; SIGINT does not interrupt it yet.

    Raises:
        CallInterrupted: It was cancelled before.
    """
    global _running  # noqa: PLW0603
    _running = call_id
    if _board is not None and _board.cancelled == call_id:
        _strike(call_id)


def run(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return ``function(*args, **kwargs)``, and let SIGINT interrupt that, and nothing before or after it.

    Not before: an import that is cut off, of a module that the call's arguments need, can leave the worker with half of it
    for ever.

    What it returned is not lost to a signal that comes in the moment of its return: called by the dictionary, in C, it
    is stored before Python looks for signals again.

    Raises:
        BaseException: What it raised; its traceback begins with the function's own code.
    """
    global window  # noqa: PLW0603
    box: dict[int, Any] = defaultdict(partial(function, *args, **kwargs))
    try:
        window = _running
        # After the window was opened: a signal that came before that has been for nothing, but its word is on the board.
        if window and _board is not None and _board.cancelled == window:
            _strike(window)
        _ = box[0]
        window = 0
    except BaseException as error:
        window = 0
        if 0 not in box:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise
    return box[0]


def note(call_id: int, what: Achieved) -> None:
    """Remember *what* became of the call *call_id*; for ``achieved``."""
    global _noted  # noqa: PLW0603
    _noted = (call_id, what)


def achieved(call_id: int) -> Achieved | None:
    """Return what cancelling the call *call_id* has achieved; None: it has not ended yet. From any thread."""
    if _board is None or _board.finished < call_id:
        return None
    noted = _noted
    return noted[1] if noted[0] == call_id else Achieved.TOO_LATE


def _on_sigint(*_: object) -> None:
    call_id = window
    if call_id and _board is not None and _board.cancelled == call_id:
        _strike(call_id)


def _strike(call_id: int) -> None:
    """Raise in the code of the call. Once: what cleans up after it is not struck again."""
    global window, struck  # noqa: PLW0603
    window = 0
    struck = call_id
    raise CallInterrupted("the call was cancelled, or its deadline has passed")
