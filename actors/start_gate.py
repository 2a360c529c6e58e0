"""What repeated failed starts mean for a pool: when to try again, and when to give up. Pure.

A restart intensity in OTP's sense would not do here: under a kill every 50 ms it always gives up, and with a
back-off it never does. So what counts is a worker that never worked.
"""

from __future__ import annotations

import enum
from typing import Final, final

import attrs

from actors.ledger import WorkerEnd
from bridge.certificate import Certificate, Phase, Verdict

__all__ = [
    "GATE_OPENS_AT",
    "MAX_PROBES",
    "SETTLED_AFTER",
    "GateDecision",
    "StartGate",
    "has_settled",
    "is_failed_start",
    "may_start",
]

#: Failed starts in a row at which the gate opens: no more starts but one probe at a time.
GATE_OPENS_AT: Final = 3
#: Failed probes after which the pool gives up.
MAX_PROBES: Final = 3
#: Seconds in ``ready`` after which a start has proved itself.
SETTLED_AFTER: Final = 5.0
#: Seconds before the first probe; doubles with each.
FIRST_DELAY: Final = 0.5

#: Ends of a worker's own doing. A SIGKILL from outside, and every kill that we sent, only delays.
_OWN_DOING: Final = frozenset(
    {
        Verdict.EXITED,
        Verdict.CRASH_SIGNAL,
        Verdict.OUT_OF_MEMORY,
        Verdict.START_FAILED,
        Verdict.START_TIMEOUT,
    }
)


def may_start(missing: int, *, starting: int, at_once: int) -> int:
    """Return how many of the *missing* workers may be started now.

    Args:
        missing: How many have neither a process nor a start under way.
        starting: How many were started and have not shaken hands.
        at_once: How many may be starting at the same time, at least 1.
    """
    return max(0, min(missing, at_once - starting))


def has_settled(end: WorkerEnd) -> bool:
    """Return whether a worker that ended had been up for so long that its start was none that failed."""
    return end.ready_for >= SETTLED_AFTER


def is_failed_start(end: WorkerEnd) -> bool:
    """Return whether a worker's end counts: by its own doing, before its first answer, with no call running."""
    certificate = end.certificate
    return (
        certificate.verdict in _OWN_DOING
        and end.calls == 0
        and certificate.phase is not Phase.RUNNING
        and not has_settled(end)
    )


@final
class GateDecision(enum.Enum):
    """What to do about a worker that is missing."""

    START = "start"  #: at once
    PROBE = "probe"  #: one worker, after ``StartGate.delay``
    GIVE_UP = "give_up"


@final
@attrs.frozen
class StartGate:
    """Failed starts in a row: the certificates of these, and how many of them were probes."""

    failures: tuple[Certificate, ...] = ()
    probes: int = 0

    def after(self, end: WorkerEnd, *, answered: bool, probe: bool) -> StartGate:
        """Return the gate after a worker's end.

        Args:
            end: How it ended.
            probe: Whether it had been started as one; others, started before the gate opened, may end after it.
            answered: Whether any worker has given an answer since the end before this one; then, or if this one had
                settled, workers can start, and all failures before are forgotten.
        """
        before = StartGate() if answered or has_settled(end) else self
        if not is_failed_start(end):
            return before
        return StartGate((*before.failures, end.certificate), before.probes + probe)

    @property
    def is_open(self) -> bool:
        """Whether starts are held back."""
        return len(self.failures) >= GATE_OPENS_AT

    def decide(self) -> GateDecision:
        """Return how a missing worker is replaced."""
        if self.probes >= MAX_PROBES:
            return GateDecision.GIVE_UP
        return GateDecision.PROBE if self.is_open else GateDecision.START

    def delay(self) -> float:
        """Return the seconds before the next probe; 0 while the gate is closed."""
        return FIRST_DELAY * 2.0**self.probes if self.is_open else 0.0
