"""The pulse of one interpreter: pings at an interval, and a look at the process of one that does not answer.

What silence means is `liveness`'s rule; what follows, the interpreter's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from bridge.liveness import Health, Liveness
from bridge.options import InterpreterOptions
from bridge.proc import state_of
from supervision.clock import Clock, Timer

__all__ = ["Pulse"]


@final
class Pulse:
    """Everything but the timer runs on the hub's thread.

    Args:
        clock: Counts the interval and the grace.
        options: Have the interval of pings, and of looks, and the grace.
        pid: The process; not reaped as long as this runs, so the number is its own.
        post: Has something run on the hub's thread.
        ping: Sends one, and returns whether it could be sent; does not wait for the answer.
        dead: Told why, once; unless silence is only to be told.
        silent: Told why then; and "" when it is heard again.
    """

    def __init__(
        self,
        clock: Clock,
        options: InterpreterOptions,
        pid: int,
        *,
        post: Callable[[Callable[[], None]], object],
        ping: Callable[[], bool],
        dead: Callable[[str], None],
        silent: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._interval = options.ping_interval
        self._pid = pid
        self._post = post
        self._ping = ping
        self._dead = dead
        self._silent = silent
        self._kills = options.on_silence == "kill"
        self._told = False  # whether it is silent now, and that was told
        self._liveness = Liveness(options.silence_grace, clock.now())
        self._timer: Timer | None = None
        self._asked = False  # whether a ping is out; there is never more than one
        self._runs = False

    def start(self) -> None:
        """Feel the pulse from now on; the interpreter has been heard just now."""
        self._runs = True
        self.heard()
        self._arm()

    def heard(self) -> None:
        """It has said something."""
        self._asked = False
        self._liveness = self._liveness.heard(self._clock.now())
        if self._told:
            self._told = False
            self._silent("")

    def stop(self) -> None:
        """Feel it no more. Idempotent."""
        self._runs = False
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._clock.call_at(self._clock.now() + self._interval, self._due)

    def _due(self) -> None:
        self._post(self._beat)

    def _beat(self) -> None:
        if not self._runs:
            return
        if self._asked:
            now = self._clock.now()
            self._liveness = self._liveness.seen(state_of(self._pid), now)
            if self._liveness.health(now) is Health.DEAD and not self._told:
                silence = now - self._liveness.heard_at
                why = f"it said nothing for {silence:.3g} s, and its process is stopped or gone"
                if self._kills:
                    self.stop()
                    self._dead(why)
                    return
                self._told = True
                self._silent(why)
        else:
            # One for which there was no room is never answered: the next beat tries again.
            self._asked = self._ping()
        self._arm()
