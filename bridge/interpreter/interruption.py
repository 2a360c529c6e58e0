"""SIGINT in the child: it raises in the code of the call that the board calls cancelled, and does nothing at any other time.

So a signal that comes late reaches neither the next call nor the loop nor a message that is being received. Who sends it,
and what comes after it, is the host's affair (`bridge.enforcement`). How it reaches a call that does not run in the main
thread is in `thread_window`.

There is no gap between the window that ``run`` opens and the code in it: Python runs a signal's handler at the start
of a function, at a loop's jump back and after a call, and on no other line; where the window is opened and closed, none
of these lies between the act and the code that depends on it, or an ``except`` holds what it raises.
"""

from __future__ import annotations

import enum
import signal
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from bridge.interpreter import current
from bridge.wire.board import Words

__all__ = ["Achieved", "CallInterrupted", "Window", "cancelled", "install"]


class CallInterrupted(KeyboardInterrupt):
    """Raised in the code of a call that is cancelled, or has passed its deadline, if it did not end when it was told.

    Clean up and let it pass. What goes on instead is ended with its process.
    """

    def __str__(self) -> str:
        return "the call was cancelled, or its deadline has passed"


class Achieved(enum.Enum):
    """What the cancelling of a call has achieved, as the child sees it."""

    NOT_STARTED = "not started"  #: nothing of it was executed
    INTERRUPTED = "interrupted"  #: its code ended by an exception after it was interrupted
    TOO_LATE = "too late"  #: it ended of itself


def install(windows: Iterable[Window]) -> None:
    """Have SIGINT looked at by all *windows* from now on. In the main thread."""
    every = tuple(windows)

    def on_sigint(*_: object) -> None:
        for window in every:
            window.on_sigint()

    signal.signal(signal.SIGINT, every[0].on_sigint if len(every) == 1 else on_sigint)


def cancelled() -> bool:
    """Return whether the running call is to end: it was cancelled, or its deadline has passed. Never blocks.

    Code that looks can end in good order; code that does not gets ``CallInterrupted`` a moment later. From any thread
    of the call; in a worker that runs several calls at a time (``Pool(threads=...)``) from the call's own only. False where
    no call runs, in a worker or elsewhere.
    """
    lane = current.lane()
    return lane is not None and lane.window.is_cancelled


class Window:
    """What SIGINT may interrupt in one lane, and what it has. The lane's thread alone writes it."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._running = 0  # the id of the last call that was begun
        self.open = 0  #: the id of the call whose code SIGINT may interrupt now; 0: none
        self.struck = 0  #: the id of the last call that was interrupted
        self._noted = (0, Achieved.TOO_LATE)  # the last call that did not end of itself

    @property
    def is_cancelled(self) -> bool:
        """Whether the last call that was begun is to end. From any thread."""
        return self._running != 0 and self._words.cancelled == self._running

    def begin(self, call_id: int) -> None:
        """Take the call *call_id* for the running one; SIGINT does not interrupt it yet.

        Raises:
            CallInterrupted: It was cancelled before.
        """
        self._running = call_id
        if self._words.cancelled == call_id:
            self.strike(call_id)

    def run(self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return ``function(*args, **kwargs)``, and let SIGINT interrupt that, and nothing before or after it.

        Not before: an import that is cut off, of a module that the call's arguments need, can leave the worker with half
        of it for ever.

        What it returned is not lost to a signal that comes in the moment of its return: called by the dictionary, in C,
        it is stored before Python looks for signals again.

        Raises:
            BaseException: What it raised; its traceback begins with the function's own code.
        """
        box: dict[int, Any] = defaultdict(partial(function, *args, **kwargs))
        try:
            self.open = self._running
            # After it was opened: a signal that came before that has been for nothing, but its word is on the board.
            if self.open and self._words.cancelled == self.open:
                self.strike(self.open)
            _ = box[0]
            self.open = 0
            self.take_back()
        except BaseException as error:
            self.open = 0
            self.take_back()
            if 0 not in box:
                error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
                raise
        return box[0]

    def take_back(self) -> None:
        """Nothing is to strike any more, now that it is not open: here, nothing can be on its way."""

    def on_sigint(self, *_: object) -> None:
        """The signal has come. In the main thread, between any two lines of it."""
        call_id = self.open
        if call_id and self._words.cancelled == call_id:
            self.strike(call_id)

    def strike(self, call_id: int) -> None:
        """Raise in the code of the call. Once: what cleans up after it is not struck again."""
        self.open = 0
        self.struck = call_id
        raise CallInterrupted

    def note(self, call_id: int, what: Achieved) -> None:
        """Remember *what* became of the call *call_id*; for ``achieved``."""
        self._noted = (call_id, what)

    def achieved(self, call_id: int) -> Achieved | None:
        """Return what cancelling the call *call_id* has achieved; None: it has not ended yet. From any thread."""
        if self._words.finished < call_id:
            return None
        noted = self._noted
        return noted[1] if noted[0] == call_id else Achieved.TOO_LATE
