"""The cancelling of a running call by another thread than its caller's, and what it has achieved.

The steps are `ladder`'s, and `enforcement` takes them; what was achieved the interpreter tells over its control channel,
or its death does.
"""

from __future__ import annotations

import enum
import threading
from contextlib import AbstractContextManager
from typing import Final, final

from bridge.channel import DataChannel
from bridge.enforcement import CANCELLED
from supervision.clock import Clock, open_gate

__all__ = ["CancelOutcome", "CancelWait", "cancel"]

#: Seconds for a death to be confirmed, or for a message that is on its way.
_CONFIRMATION: Final = 5.0


@final
class CancelOutcome(enum.Enum):
    """What the cancelling of a call has achieved."""

    NOT_STARTED = "not started"  #: nothing of it was executed; the interpreter lives on
    INTERRUPTED = "interrupted"  #: its code ended by an exception; the interpreter lives on
    KILLED = "killed"  #: the interpreter is dead, or as good as that
    TOO_LATE = "too late"  #: it had ended, or ended of itself


@final
class CancelWait:
    """One thread that waits to be told what became of a call."""

    def __init__(self, call_id: int) -> None:
        self.call_id = call_id
        self.outcome: CancelOutcome | None = (
            None  #: what the interpreter told; written before the gate is opened
        )
        self.gate = threading.Lock()
        self.gate.acquire()

    def open(self, outcome: CancelOutcome | None) -> None:
        """Let the thread go on; what was told first stays."""
        self.outcome = self.outcome or outcome
        open_gate(self.gate)


def cancel(
    call_id: int, channel: DataChannel, waiting: AbstractContextManager[CancelWait], clock: Clock
) -> CancelOutcome:
    """See ``Interpreter.cancel``.

    Args:
        call_id: The call.
        channel: That it is in.
        waiting: Gives what is opened when the interpreter tells what became of the call, or is dead.
        clock: Counts the graces.
    """
    enforcement = channel.enforcement
    with waiting as wait:
        if not enforcement.begin(call_id, CANCELLED, lambda: channel.runs(call_id)):
            return CancelOutcome.TOO_LATE
        pause, told = enforcement.advance(call_id), False
        while pause is not None and not told:
            told = clock.acquire(wait.gate, pause.seconds)
            if not told:
                pause = enforcement.advance(call_id, pause.until)
        # After the last step; or its caller has taken its answer, or its death, first: then the rest comes in a moment.
        if not told:
            clock.acquire(wait.gate, _CONFIRMATION)
        if wait.outcome is None or enforcement.is_doomed(call_id):
            return CancelOutcome.KILLED
        return wait.outcome
