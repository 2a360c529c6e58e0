"""What repeated failed starts mean for a pool: when to try again, and when to give up. Pure.

A restart intensity in OTP's sense would not do here: under a kill every 50 ms it always gives up, and with a
back-off it never does. So what counts is a worker that never worked.
"""

from __future__ import annotations

import enum
from typing import Final, final

import attrs

from bridge.certificate import Certificate, Phase, Verdict

__all__ = ["GATE_OPENS_AT", "MAX_PROBES", "GateDecision", "StartGate", "is_failed_start"]

#: Failed starts in a row at which the gate opens: no more starts but one probe at a time.
GATE_OPENS_AT: Final = 3
#: Failed probes after which the pool gives up.
MAX_PROBES: Final = 3
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


def is_failed_start(certificate: Certificate, calls: int) -> bool:
    """Return whether a worker's end counts: by its own doing, before its first answer, with no call running.

    Args:
        certificate: Its end.
        calls: How many calls it had been given.
    """
    return certificate.verdict in _OWN_DOING and calls == 0 and certificate.phase is not Phase.RUNNING


@final
class GateDecision(enum.Enum):
    """What to do about a worker that is missing."""

    START = "start"  #: at once
    PROBE = "probe"  #: one worker, after ``StartGate.delay``
    GIVE_UP = "give_up"


@final
@attrs.frozen
class StartGate:
    """Failed starts in a row; the certificates of these, at most as many as it takes to give up."""

    failures: tuple[Certificate, ...] = ()

    def failed(self, certificate: Certificate) -> StartGate:
        """Return the gate after one more failed start."""
        return StartGate((*self.failures, certificate))

    def answered(self) -> StartGate:
        """Return the gate after a worker gave its first answer, or was ready for long enough: all is forgotten."""
        return StartGate()

    @property
    def is_open(self) -> bool:
        """Whether starts are held back."""
        return len(self.failures) >= GATE_OPENS_AT

    def decide(self) -> GateDecision:
        """Return how a missing worker is replaced."""
        if len(self.failures) >= GATE_OPENS_AT + MAX_PROBES:
            return GateDecision.GIVE_UP
        return GateDecision.PROBE if self.is_open else GateDecision.START

    def delay(self) -> float:
        """Return the seconds before the next probe; 0 while the gate is closed."""
        return FIRST_DELAY * 2.0 ** (len(self.failures) - GATE_OPENS_AT) if self.is_open else 0.0
