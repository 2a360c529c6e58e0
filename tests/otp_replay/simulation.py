"""Processes as generators in virtual time: whoever waits yields what it waits for, and one of them runs at a time.

What the processes are is in ``core_processes``.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Generator
from typing import Final, final

import attrs

from tests.otp_replay.world import Stuck

__all__ = ["Body", "Latch", "Simulation", "Task", "Wait"]

#: Steps after which a scenario is given up: no recording has this many, so something goes round in circles.
_ENDLESS: Final = 200_000


@final
class Latch:
    """Something that comes true once."""

    def __init__(self) -> None:
        self.fired = False
        self.waiting: list[tuple[Task, int]] = []  #: each with the number of its wait


@final
@attrs.frozen
class Wait:
    """Yielded by a process: resume me with True when *latch* has fired, with False after *timeout* seconds.

    0 does not wait, and lets nobody else run meanwhile.
    """

    latch: Latch
    timeout: float = math.inf


Body = Generator[Wait, bool, None]


@final
class Task:
    """A process that runs."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.alive = True
        self.waits = 0  #: how often it has waited; a wake-up for an older wait is void


@final
class Simulation:
    """Runs tasks, in the order in which they can go on; time passes only when none can."""

    def __init__(self) -> None:
        self.now = 0.0  #: seconds
        self._ready: deque[tuple[Task, bool]] = deque()
        self._timers: list[tuple[float, int, Task, int]] = []
        self._ticket = itertools.count()
        self._running: Task | None = None
        self._steps = 0

    def spawn(self, body: Body) -> Task:
        """Let *body* run, behind those that can run already."""
        task = Task(body)
        # A generator that has not begun takes no value: its first step is told apart by its number of waits.
        self._ready.append((task, True))
        return task

    def fire(self, latch: Latch) -> None:
        """Make *latch* true; who waits for it goes on."""
        latch.fired = True
        waiting, latch.waiting = latch.waiting, []
        for task, wait in waiting:
            self._wake(task, wait, fired=True)

    def cancel(self, task: Task) -> None:
        """Let *task* never run again; one that ends itself goes on until it returns."""
        task.alive = False
        if task is not self._running:
            task.body.close()

    def run(self, until: float = math.inf) -> None:
        """Run until nothing can go on any more, or to the moment *until*, in seconds of virtual time.

        Raises:
            Stuck: It never ends.
        """
        while True:
            while self._ready:
                self._step(*self._ready.popleft())
            if not self._timers or self._timers[0][0] > until:
                break
            moment, _, task, wait = heapq.heappop(self._timers)
            if task.alive and task.waits == wait:
                self.now = max(self.now, moment)
                self._wake(task, wait, fired=False)
        if until < math.inf:
            self.now = max(self.now, until)

    def _wake(self, task: Task, wait: int, *, fired: bool) -> None:
        if task.alive and task.waits == wait:
            task.waits += 1
            self._ready.append((task, fired))

    def _step(self, task: Task, fired: bool) -> None:
        begun = task.waits > 0
        while task.alive:
            self._steps += 1
            if self._steps > _ENDLESS:
                raise Stuck(f"still busy after {_ENDLESS} steps")
            self._running = task
            try:
                wait = task.body.send(fired) if begun else next(task.body)
            except StopIteration:
                task.alive = False
                return
            finally:
                self._running = None
            begun = True
            task.waits += 1
            if wait.latch.fired or wait.timeout <= 0:
                fired = wait.latch.fired
                continue
            wait.latch.waiting.append((task, task.waits))
            if wait.timeout < math.inf:
                timer = (self.now + wait.timeout, next(self._ticket), task, task.waits)
                heapq.heappush(self._timers, timer)
            return
