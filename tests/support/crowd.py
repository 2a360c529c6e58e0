"""A crowd of workers and requests in virtual time, on the scheduler alone: with deaths, deadlines and sessions."""

from __future__ import annotations

import gc
import heapq
import math
import random
from time import perf_counter
from typing import Final, final

from actors.affinity import Affinity
from actors.scheduler import Scheduler
from actors.ticket import Ticket
from actors.worker_state import WorkerState

__all__ = ["Crowd", "seconds_per_event"]

#: Of the requests, those that name a session; a worker has so many sessions on the average.
_WITH_SESSION: Final = 0.25
_SESSIONS_EACH: Final = 2
#: Of the calls, those whose worker dies.
_DEATHS: Final = 0.01
#: Seconds that a call takes on the average, and for which it waits at the most.
_SERVICE: Final = 1.0
_PATIENCE: Final = 2.0
#: Seconds that no operation takes by itself: the kernel gave the processor to somebody else for at least as long.
_INTERRUPTED: Final = 0.001


@final
class Crowd:
    """So many workers, a little more work than they can do, and a clock that goes from one event to the next.

    Args:
        workers: How many.
        seed: Of the dice.
    """

    def __init__(self, workers: int, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.scheduler = Scheduler(Affinity(math.inf))
        self.workers = workers
        self.now = 0.0
        self.keys = 0
        self.arrived = self.served = self.late = self.stranded = self.deaths = self.events = 0
        self.spent = 0.0  #: seconds in the scheduler
        self._agenda: list[tuple[float, int, Ticket | None]] = []
        self._running: set[Ticket] = set()
        for _ in range(workers):
            self._start()
        self._gap = _SERVICE / (1.02 * workers)
        heapq.heappush(self._agenda, (0.0, 0, None))

    def run(self, requests: int) -> None:
        """Let *requests* more arrive, and go on as far as they need."""
        last = self.arrived + requests
        while self.arrived < last:
            self._step()

    def finish(self) -> None:
        """Let those that are there come to their ends; nobody arrives any more."""
        self._agenda = [entry for entry in self._agenda if entry[2] is not None]
        heapq.heapify(self._agenda)
        while self._agenda:
            self._step()

    def check(self) -> None:
        """Assert what holds at any moment. Takes as long as there are workers and waiters."""
        scheduler = self.scheduler
        rows = scheduler.rows.values()
        held = [ticket.key for ticket in self._running]
        assert len(held) == len(set(held))
        assert {row.key for row in rows if row.life.state is WorkerState.BUSY} == set(held)
        waiting = scheduler.waiters.all()
        assert len(waiting) == len(scheduler.waiters)
        free = {row.key for row in rows if row.life.state is WorkerState.READY}
        for ticket in waiting:
            wanted = None if ticket.session is None else scheduler.affinity.worker_of(ticket.session)
            assert wanted not in free if wanted is not None else not free
            assert ticket.deadline > self.now - 1e-9
        ended = self.served + self.late + self.stranded
        assert self.arrived == ended + len(waiting) + len(self._running)
        attempts = sum(row.calls for row in rows) + self._calls_of_the_dead
        assert attempts == self.served + len(self._running)
        assert len(scheduler.rows) == self.workers

    _calls_of_the_dead = 0

    def _step(self) -> None:
        at, _, ticket = heapq.heappop(self._agenda)
        self.now = at
        self.events += 1
        before = perf_counter()
        tardy = self.scheduler.late(at)
        self._took(perf_counter() - before)
        while tardy is not None:
            self.late += 1
            tardy = self.scheduler.late(at)
        if ticket is None:
            self._arrive()
        else:
            self._end(ticket)

    def _took(self, seconds: float) -> None:
        """An operation took so long. One that the kernel interrupted to run another process says nothing."""
        if seconds < _INTERRUPTED:
            self.spent += seconds

    def _arrive(self) -> None:
        dice = self.random
        heapq.heappush(self._agenda, (self.now + dice.expovariate(1.0) * self._gap, self.arrived + 1, None))
        session = None
        if dice.random() < _WITH_SESSION:
            session = f"s{dice.randrange(_SESSIONS_EACH * self.workers)}"
            if self.scheduler.affinity.lost_worker_of(session) is not None:
                self.scheduler.affinity.rebind(session, self.now)
        self.arrived += 1
        ticket = Ticket(session, priority=dice.randrange(3), deadline=self.now + dice.random() * _PATIENCE)
        before = perf_counter()
        key = self.scheduler.checkout(ticket, self.now)
        self._took(perf_counter() - before)
        if key is not None:
            self._begin(ticket)

    def _begin(self, ticket: Ticket) -> None:
        assert ticket.deadline > self.now
        self._running.add(ticket)
        end = self.now + self.random.expovariate(1.0) * _SERVICE
        heapq.heappush(self._agenda, (end, -ticket.number - self.arrived, ticket))

    def _end(self, ticket: Ticket) -> None:
        key = ticket.key
        assert key is not None
        self._running.discard(ticket)
        self.served += 1
        if self.random.random() >= _DEATHS:
            before = perf_counter()
            grant = self.scheduler.checkin(key, self.now)
            self._took(perf_counter() - before)
            self._given(grant)
            return
        before = perf_counter()
        row, stranded = self.scheduler.gone(key, self.now)
        self._took(perf_counter() - before)
        assert row is not None
        self._calls_of_the_dead += row.calls
        self.stranded += len(stranded)
        self.deaths += 1
        self._start()

    def _start(self) -> None:
        self.keys += 1
        self.scheduler.expect(self.keys, "w", self.now)
        self._given(self.scheduler.ready(self.keys, self.now))

    def _given(self, grant: tuple[Ticket, int] | None) -> None:
        if grant is not None:
            self._begin(grant[0])


def seconds_per_event(crowd: Crowd, requests: int) -> float:
    """Return what an event of *crowd* costs in the scheduler; Python's collector is off meanwhile."""
    before, events = crowd.spent, crowd.events
    gc.disable()
    try:
        crowd.run(requests)
    finally:
        gc.enable()
    return (crowd.spent - before) / (crowd.events - events)
