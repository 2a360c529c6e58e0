"""The ending of a running call: the ladder's steps, each taken once, by whichever thread is there to take it.

Its caller's thread does so when the deadline has passed, a canceller's when it cancels; both at once do no harm. Which
step comes when is `ladder`'s rule. Nobody's thread waits here.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, final

import attrs

from bridge.certificate import Cause, Verdict
from bridge.ladder import Graces, Ladder, Step
from supervision.clock import Clock

__all__ = ["CANCELLED", "OVERRAN", "Enforcement", "Pause", "Target"]

#: Why a call is ended; for the certificate, should its interpreter end with it.
OVERRAN = Cause("its call was not done in time", Verdict.DEADLINE)
CANCELLED = Cause("its call was cancelled", Verdict.CANCELLED)


class Target(Protocol):
    """What the steps are done to. None of its methods blocks."""

    def flag(self, call_id: int) -> None:
        """Say to the code of the call *call_id* that it is to end."""

    def interrupt(self, call_id: int, why: str, verdict: Verdict) -> None:
        """Send SIGINT to the interpreter, and to it alone; after ``flag``."""

    def terminate(self, why: str, verdict: Verdict, call_id: int) -> None:
        """Send SIGTERM to the whole group, because of the call *call_id*."""

    def kill(self, why: str, verdict: Verdict, call_id: int) -> None:
        """Send SIGKILL to the whole group, likewise."""


class Pause(NamedTuple):
    """The time until the next step."""

    until: float  #: on the clock
    seconds: float


@attrs.define
class _Ending:
    """One call that must end."""

    call_id: int
    cause: Cause
    ladder: Ladder


@final
class Enforcement:
    """Of one interpreter: at most one call is in it, so at most one is being ended.

    A step is taken under the lock, and only while the call is in the interpreter: none reaches the next one.
    """

    def __init__(self, target: Target, graces: Graces, clock: Clock) -> None:
        self._target = target
        self._graces = graces
        self._clock = clock
        self._lock = threading.Lock()  # guards the next two
        self._ending: _Ending | None = None  # read without it, too
        #: The last call that was answered when its interpreter had been told to end already.
        self._doomed = 0

    @property
    def is_active(self) -> bool:
        """Whether a call is being ended. To be asked after the call was taken off as running: see ``begin``."""
        return self._ending is not None

    def begin(self, call_id: int, cause: Cause, runs: Callable[[], bool]) -> bool:
        """End the call *call_id*, unless that has begun: then the first cause stays. The first step is taken here.

        Args:
            call_id: The call.
            cause: Why.
            runs: Whether that call is still the running one. Asked when its caller can no longer miss it.

        Returns:
            Whether it is being ended; False: it is over already.
        """
        with self._lock:
            if self._ending is not None and self._ending.call_id == call_id:
                # Once more, because it asks what becomes of the call: the answer may have come before this thread waited.
                self._target.flag(call_id)
                return True
            before = self._ending
            # First this, then the look. Its caller does the reverse, so one of both sees the other.
            self._ending = _Ending(call_id, cause, Ladder(self._graces, self._clock.now()))
            if not runs():
                self._ending = before
                return False
            self._climb(self._ending, self._clock.now())
            return True

    def advance(self, call_id: int, reached: float = -math.inf) -> Pause | None:
        """Take the steps that are due.

        Args:
            call_id: The call that is being ended.
            reached: The moment of the last pause, if that has been waited for in full; it then counts as reached on a
                clock that stands still, too. It says nothing about a step that another thread has taken since.

        Returns:
            The pause until the next step; None: there is none, the call is over or the last step was taken.
        """
        with self._lock:
            ending = self._ending
            if ending is None or ending.call_id != call_id:
                return None
            now = max(self._clock.now(), reached)
            self._climb(ending, now)
            if ending.ladder.next is None:
                return None
            return Pause(ending.ladder.due_at, max(0.0, ending.ladder.due_at - now))

    def is_doomed(self, call_id: int) -> bool:
        """Return whether a step was taken for the call *call_id* that its interpreter must not outlive."""
        with self._lock:
            ending = self._ending
            return self._doomed == call_id or (
                ending is not None and ending.call_id == call_id and ending.ladder.is_fatal
            )

    def finish(self, call_id: int) -> tuple[Cause | None, bool]:
        """No more steps: the call *call_id* is over.

        Returns:
            Why it was being ended, None if it was not; and whether a step was taken that its interpreter must not
            outlive.
        """
        with self._lock:
            ending = self._ending
            if ending is None or ending.call_id != call_id:
                return None, False
            self._ending = None
            if ending.ladder.is_fatal:
                self._doomed = call_id
            return ending.cause, ending.ladder.is_fatal

    def _climb(self, ending: _Ending, now: float) -> None:
        """Take what is due at *now*. Under the lock."""
        while True:
            ladder, step = ending.ladder.advance(now)
            if step is None:
                return
            # Taken first: whoever is struck by an interrupt in between leaves a step that is taken twice, not one too few.
            self._take(ending, step)
            ending.ladder = ladder

    def _take(self, ending: _Ending, step: Step) -> None:
        why, verdict = ending.cause.why, ending.cause.verdict
        match step:
            case Step.FLAG:
                self._target.flag(ending.call_id)
            case Step.INTERRUPT:
                self._target.interrupt(ending.call_id, why, verdict)
            case Step.TERMINATE:
                self._target.terminate(why, verdict, ending.call_id)
            case Step.KILL:
                self._target.kill(why, verdict, ending.call_id)
