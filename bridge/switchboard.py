"""One thread that looks after many calls at once, each in a data channel of its own.

It takes answers as they come. Whatever takes longer, the ending of a call that overran or the account of a death, is left
to a thread of its own, so that no call waits for another's end. Who may call which interpreter is not decided here.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, final

import attrs
import zmq

from bridge.faces import ChannelFace, TurnFace
from bridge.payload import EncodedCall
from bridge.reports import Progress
from supervision.clock import Clock

__all__ = ["READABLE", "Run", "Switchboard"]

#: What is asked of each source, as a number: a member of an enumeration takes five times as long.
READABLE: Final = int(zmq.POLLIN)
#: Seconds after which the thread looks around even if nothing happened.
_LONGEST_POLL: Final = 60.0


@final
@attrs.define(eq=False)
class Run:
    """One call that was begun."""

    channel: ChannelFace
    turn: TurnFace
    #: Told once what came of it, an error or the result; in the board's thread, or in one of its helpers.
    done: Callable[[BaseException | None, Any], None]


@final
class Switchboard:
    """The thread, which is a daemon, and its calls.

    Args:
        name: Of the thread.
        clock: Counts deadlines.
        next_due: Asked before each wait: when is there something to do that nobody will tell of? ``math.inf``: never.
        failed: Told, on its last breath, if the thread dies of an error; the calls that it had have been given up then.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        next_due: Callable[[], float],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._name = name
        self._clock = clock
        self._next_due = next_due
        self._failed = failed
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._posted: deque[Callable[[], None]] = deque()
        #: Until when the thread sleeps, -inf: it is awake; written by it alone. Whoever posts looks after, it looks before.
        self._sleeps_until = -math.inf
        self._ending = False
        self._watched: list[Any] = [(self._wake_fd, READABLE)]  # this and the next: the board's thread only
        self._runs: set[Run] = set()
        #: By socket, and by pidfd, which those of an interpreter that runs several calls at a time have in common.
        self._by_source: dict[Any, list[Run]] = {}
        #: Guards the next, and the end of the descriptor. One that its holder may take again: finalizers post, too.
        self._lock = threading.RLock()
        self._helpers: set[threading.Thread] = set()
        self._open = True
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """End the thread once its calls have ended; blocks at most *timeout* seconds. Idempotent.

        Returns:
            Whether it has ended, and all its helpers. If not, call it again.
        """
        deadline = self._clock.now() + timeout
        self.post(self._end_soon)
        self._thread.join(max(0.0, deadline - self._clock.now()))
        with self._lock:
            helpers = tuple(self._helpers)
        for helper in helpers:
            helper.join(max(0.0, deadline - self._clock.now()))
        if self._thread.is_alive() or any(helper.is_alive() for helper in helpers):
            return False
        with self._lock:
            if self._open:
                self._open = False
                os.close(self._wake_fd)
        return True

    def post(self, action: Callable[[], None]) -> None:
        """Have *action* run on the thread, soon; from any thread, never blocks. It must not raise."""
        self._posted.append(action)
        self.wake_by(-math.inf)

    def take_over(self, other: Switchboard) -> None:
        """Have what was posted to *other*, whose thread has ended, run on this one's."""
        while other._posted:
            self.post(other._posted.popleft())

    def wake_by(self, moment: float) -> None:
        """See to it that the thread looks around at *moment* on the clock at the latest; from any thread."""
        if self._sleeps_until > moment:
            with self._lock:
                if self._open:
                    os.eventfd_write(self._wake_fd, 1)

    def help(self, action: Callable[[], object]) -> None:
        """Run *action*, which may block for as long as an end takes, in a thread of its own."""

        def run() -> None:
            try:
                action()
            finally:
                with self._lock:
                    self._helpers.discard(thread)

        thread = threading.Thread(target=run, name=f"{self._name}/end", daemon=True)
        with self._lock:
            self._helpers.add(thread)
        thread.start()

    # On the thread.

    def run(
        self,
        channel: ChannelFace,
        request: EncodedCall,
        *,
        timeout: float,
        on_progress: Callable[[Progress], None],
        done: Callable[[BaseException | None, Any], None],
    ) -> Run:
        """Begin a call, and tell *done* when it has ended.

        Raises:
            Exception: As ``DataChannel.begin``; nothing was sent, and *done* is not told.
        """
        run = Run(channel, channel.begin(request, timeout=timeout, on_progress=on_progress), done)
        self._runs.add(run)
        for source, _ in channel.watched:
            self._by_source.setdefault(source, []).append(run)
        self._watched.extend(channel.watched)
        return run

    def _main(self) -> None:
        try:
            while self._goes_on():
                self._wait()
        except BaseException as error:  # told to whoever owns this; a thread cannot raise
            for run in tuple(self._runs):
                run.channel.give_up(f"the thread {self._name} failed")
                self._hand_over(run)
            self._failed(error)

    def _goes_on(self) -> bool:
        """Do what was posted; returns whether there may be more to do."""
        while self._posted:
            self._posted.popleft()()
        return not self._ending or bool(self._runs)

    def _wait(self) -> None:
        """Wait, and see to whatever has come."""
        now = self._clock.now()
        due = min(now + _LONGEST_POLL, self._next_due(), *(run.turn.due for run in self._runs))
        self._sleeps_until = due
        ready = zmq.zmq_poll(self._watched, 0 if self._posted else math.ceil(max(0.0, due - now) * 1000))
        self._sleeps_until = -math.inf
        for source, _ in ready:
            if source == self._wake_fd:
                os.eventfd_read(self._wake_fd)
                continue
            for run in tuple(self._by_source.get(source, ())):
                self._see_to(run, dead=isinstance(source, int))
        # What poll waited counts, also on a virtual clock, which stands still meanwhile.
        now = max(self._clock.now(), due) if not ready and not self._posted else self._clock.now()
        for run in [run for run in self._runs if run.turn.due <= now]:
            run.turn.late = True
            self._hand_over(run)

    def _see_to(self, run: Run, *, dead: bool) -> None:
        """Take what has come for *run*; its interpreter is *dead*, or has said something."""
        over = run.turn.look()
        if over and run.turn.is_answered:
            self._forget(run)
            self._end(run)
        elif over or dead:
            self._hand_over(run)

    def _hand_over(self, run: Run) -> None:
        """Its end may take a while: in a thread of its own."""
        self._forget(run)
        self.help(lambda: self._end(run))

    def _end(self, run: Run) -> None:
        try:
            result = run.channel.complete(run.turn)
        except BaseException as error:  # of this call alone: nobody presses Ctrl-C in this thread
            run.done(error, None)
        else:
            run.done(None, result)

    def _forget(self, run: Run) -> None:
        self._runs.remove(run)
        for watched in run.channel.watched:
            others = self._by_source[watched[0]]
            others.remove(run)
            if not others:
                del self._by_source[watched[0]]
            self._watched.remove(watched)

    def _end_soon(self) -> None:
        self._ending = True
