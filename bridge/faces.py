"""What those who use an interpreter see of it: its face, its channel's, and that of one call in it.

The real ones are `interpreter_process`, `channel` and `turn`. Whoever keeps to these can be put in their place, as the
mock of the test kit is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bridge.cancel import CancelOutcome
    from bridge.certificate import CallRecord, Certificate, Verdict
    from bridge.options import InterpreterOptions
    from bridge.payload import EncodedCall
    from bridge.reports import Progress
    from supervision.events import Event

__all__ = ["ChannelFace", "InterpreterFace", "Launch", "TurnFace"]


class TurnFace(Protocol):
    """One call that was begun; see ``turn.Turn``."""

    @property
    def id(self) -> int:
        """Of the call, in its channel."""

    @property
    def due(self) -> float:
        """When its answer must be here, on the clock."""

    #: Whether who looked has found that this moment has come; written by it.
    late: bool

    @property
    def is_answered(self) -> bool:
        """Whether its end will not wait for anything."""

    def look(self) -> bool:
        """Take what has come; never blocks. Returns whether its end will not wait for the interpreter to say more."""


class ChannelFace(Protocol):
    """Where calls run, one at a time; see ``channel.DataChannel``."""

    @property
    def clean(self) -> bool:
        """Whether it can take the next call."""

    @property
    def watched(self) -> Sequence[tuple[Any, int]]:
        """What to poll while a call is in it: readable, and a number if that means its interpreter's end, or a call's."""

    def running(self) -> CallRecord | None:
        """Return the call that is in it; None: none is. From any thread."""

    def call(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> Any:
        """Run *request* and return its result, or raise what came of it. Blocks the calling thread."""

    def begin(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> TurnFace:
        """Begin *request* and return at once; ``complete`` is due, whatever happens."""

    def complete(self, turn: Any) -> Any:
        """Return, or raise, what came of a call that was begun here."""

    def give_up(self, why: str) -> None:
        """Kill the interpreter, whose call nobody looks after any more. Never blocks."""


class InterpreterFace(Protocol):
    """One incarnation; see ``interpreter_process.Interpreter``."""

    @property
    def pid(self) -> int:
        """Its number; that of a process, if it is one."""

    @property
    def channels(self) -> Sequence[ChannelFace]:
        """Where its calls run, one at a time in each."""

    @property
    def silence(self) -> str:
        """Why it is held to be silent, though it is kept; "": it is not."""

    def ping(self, timeout: float) -> float:
        """Return the seconds of a round trip to it; ``NoPong`` if there is no answer in *timeout* seconds. Blocks."""

    def kill(self, why: str, verdict: Verdict = ...) -> None:
        """End it at once, with all that it started; the first cause stays."""

    def stop(self, why: str, timeout: float) -> Certificate | None:
        """Ask it to end after its call, and end it within *timeout* seconds. Blocks."""

    def certificate(self, timeout: float) -> Certificate | None:
        """Wait until its end is known, at most *timeout* seconds; None if it lives."""

    def bury(self, timeout: float) -> bool:
        """Confirm its end and close what is held of it, within *timeout* seconds; returns whether. Idempotent."""

    def cancel(self, call_id: int) -> CancelOutcome:
        """End the call *call_id*, from another thread than its caller's; returns what was achieved. Blocks."""


class Launch(Protocol):
    """Brings one to life; see ``Interpreter.launch``."""

    def __call__(
        self,
        options: InterpreterOptions,
        *,
        worker: str,
        incarnation: int,
        listener: Callable[[Event], None],
    ) -> InterpreterFace:
        """Return as soon as it is launched."""
