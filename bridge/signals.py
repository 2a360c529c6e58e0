"""What can be done to a running interpreter from outside: a word on the board, three signals, and a stop.

Which of them a call gets, and when, is decided in `ladder`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import final

from bridge.certificate import Verdict
from bridge.control import ControlChannel
from bridge.inquest import Inquest
from bridge.launchers.launcher import Group
from bridge.wire.board import Board
from supervision.clock import Clock

__all__ = ["Signals"]

#: Parts of a stop's timeout until SIGTERM, and until SIGKILL.
_ASK, _TERMINATE = 0.6, 0.8


@final
class Signals:
    """Of one interpreter. Each says first why, for the certificate: the signal may be the end. Only ``stop`` blocks."""

    def __init__(
        self, group: Group, inquest: Inquest, board: Board, control: ControlChannel, clock: Clock
    ) -> None:
        self._clock = clock
        self._group = group
        self._inquest = inquest
        self._board = board
        self._control = control

    def flag(self, call_id: int) -> None:
        """Say to the code of the call *call_id* that it is to end, and ask what becomes of it."""
        self._board.of(call_id).cancelled = call_id
        self._control.ask_about(call_id)

    def interrupt(self, call_id: int, why: str, verdict: Verdict) -> None:
        """Send SIGINT to the interpreter alone; it has an effect only while the call that was flagged runs."""
        self._inquest.interrupted(call_id, why, verdict)
        self._group.interrupt()

    def terminate(self, why: str, verdict: Verdict, call_id: int = 0) -> None:
        """Send SIGTERM to the whole group, because of the call *call_id*, if it is not 0; the first cause stays."""
        if self._inquest.charge(why, verdict, call_id):
            self._group.signal(signal.SIGTERM)

    def kill(self, why: str, verdict: Verdict = Verdict.KILLED_BY_US, call_id: int = 0) -> None:
        """Send SIGKILL to the whole group; otherwise as ``terminate``."""
        if self._inquest.charge(why, verdict, call_id):
            self._group.signal(signal.SIGKILL)

    def stop(self, why: str, timeout: float, ask: Callable[[float], object]) -> None:
        """See ``Interpreter.stop``; *ask* asks for the end, and takes the seconds that this may take."""
        since = self._clock.now()

        def wait(part: float) -> bool:
            """Wait for its end until *part* of the timeout has passed, whatever came before took."""
            return self._inquest.wait(max(0.0, since + timeout * part - self._clock.now()))

        self._inquest.charge(why, Verdict.STOPPED)
        ask(timeout * _ASK)
        if timeout <= 0 or wait(_ASK):
            return
        self.terminate(f"{why}; it did not end when asked", Verdict.KILLED_BY_US)
        if not wait(_TERMINATE):
            self._group.signal(signal.SIGKILL)
            wait(1.0)
