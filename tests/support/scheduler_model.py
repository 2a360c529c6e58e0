"""Who gets which worker, and what is counted, worked out the slow and plain way: by looking at everybody each time."""

from __future__ import annotations

from collections import Counter
from typing import final

import attrs

from actors.ticket import SessionMode, WhenFull

__all__ = ["Model", "Request", "Worker"]


@final
@attrs.define(eq=False)
class Request:
    """One call as the model sees it."""

    number: int
    session: str | None
    mode: SessionMode
    priority: int
    deadline: float
    worker: int | None = None  #: that it was granted
    wants: int | None = None  #: the only worker that it takes
    outcome: str | None = None  #: if it was decided without a worker
    sent: bool = False


@final
@attrs.define(eq=False)
class Worker:
    """One worker as the model sees it."""

    key: int
    overflow: bool
    state: str = "initializing"
    healthy: bool = True
    failed_checks: int = 0
    free_since: int = 0
    so_loaded_since: int = 0
    holders: list[Request] = attrs.field(factory=list)


@final
class Model:
    """A pool without clocks, heaps or lazy anything."""

    def __init__(self, *, max_queue: int, when_full: WhenFull, lanes: int = 1) -> None:
        self.lanes = lanes
        self.max_queue = max_queue
        self.when_full = when_full
        self.workers: dict[int, Worker] = {}
        self.waiting: list[Request] = []
        self.bindings: dict[str, int] = {}
        self.lost: set[str] = set()
        self.requests = 0
        self.counts: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.granted = 0
        self.turn = 0
        self.now = 0.0

    def arrive(self, request: Request) -> None:
        """A request comes."""
        self.expire()
        self.requests += 1
        if request.session in self.lost and request.mode is not SessionMode.HINT:
            request.outcome = "rejected"
            return
        bound = None if request.session is None else self.bindings.get(request.session)
        free = sorted(
            (each for each in self.workers.values() if self.has_room(each)),
            key=lambda each: (each.overflow, each.free_since),
        )
        mine = [each for each in free if each.key == bound]
        if mine:
            self.grant(request, mine[0])
        elif free and bound is None and request.session is not None:
            self.grant(
                request, min(free, key=lambda each: (each.overflow, self.load(each), each.so_loaded_since))
            )
        elif free and (bound is None or request.mode is SessionMode.HINT):
            self.grant(request, free[0])
        elif bound is not None and request.mode is SessionMode.STRICT_FAIL_FAST:
            request.outcome = "rejected"
        else:
            request.wants = None if request.mode is SessionMode.HINT else bound
            self.waiting.append(request)
            self.make_room(request)

    def make_room(self, newest: Request) -> None:
        """Too many wait."""
        if self.when_full is WhenFull.BLOCK or len(self.waiting) <= self.max_queue:
            return
        victim = newest
        if self.when_full is WhenFull.SHED:
            victim = min(self.waiting, key=lambda each: (each.priority, -each.number))
        self.refuse(victim, "rejected")

    def end(self, request: Request, outcome: str, *, clean: bool) -> None:
        """Its caller gives it back."""
        self.expire()
        if request in self.waiting:
            self.waiting.remove(request)
        self.counts[request.outcome or outcome] += 1
        if request.worker is None:
            return
        untouched = not request.sent and outcome in {"cancelled", "timeouts"}
        self.attempts["given_back" if untouched else outcome] += 1
        worker = self.workers.get(request.worker)
        if worker is None:
            return
        worker.holders.remove(request)
        if not clean:
            worker.state = "terminating"
        elif worker.state == "busy" or (worker.state == "degraded" and worker.healthy and not worker.holders):
            self.free(worker)

    def free(self, worker: Worker) -> None:
        """A worker can take the next, or more than one."""
        worker.state = "busy" if worker.holders else "ready"
        self.turn += 1
        worker.free_since = worker.so_loaded_since = self.turn
        while self.has_room(worker):
            fit = [each for each in self.waiting if each.wants in {None, worker.key}]
            if not fit:
                return
            chosen = min(fit, key=lambda each: (-each.priority, each.number))
            self.waiting.remove(chosen)
            self.grant(chosen, worker)

    def has_room(self, worker: Worker) -> bool:
        """Return whether it can take a call."""
        return worker.state in {"ready", "busy"} and len(worker.holders) < self.lanes

    def grant(self, request: Request, worker: Worker) -> None:
        """A request gets a worker; the first of its session takes the others along."""
        request.worker, worker.state = worker.key, "busy"
        worker.holders.append(request)
        self.turn += 1
        worker.free_since = worker.so_loaded_since = self.turn  # behind those that have more room
        self.granted += 1
        if request.session is None or request.session in self.bindings:
            return
        self.bindings[request.session] = worker.key
        self.lost.discard(request.session)
        for each in list(self.waiting):
            if (
                each.session == request.session
                and each.mode is SessionMode.STRICT_QUEUE
                and each.wants is None
            ):
                each.wants = worker.key
            elif each.session == request.session and each.mode is SessionMode.STRICT_FAIL_FAST:
                self.refuse(each, "rejected")

    def refuse(self, request: Request, outcome: str) -> None:
        """A waiting request will get no worker."""
        self.waiting.remove(request)
        request.outcome = outcome

    def expire(self) -> None:
        """Who waits too long is told."""
        for each in [each for each in self.waiting if each.deadline <= self.now]:
            self.refuse(each, "timeouts")

    def gone(self, key: int) -> None:
        """A worker is dead."""
        self.expire()
        del self.workers[key]
        for session in [session for session, bound in self.bindings.items() if bound == key]:
            del self.bindings[session]
            self.lost.add(session)
        for each in [each for each in self.waiting if each.wants == key]:
            self.refuse(each, "rejected")

    def check(self, worker: Worker, *, healthy: bool) -> None:
        """A worker was looked at."""
        self.expire()
        worker.healthy = healthy
        if healthy:
            worker.failed_checks = 0
            if worker.state == "degraded" and not worker.holders:
                self.free(worker)
            return
        worker.failed_checks += 1
        if worker.state in {"ready", "busy"}:
            worker.state = "degraded"
        if worker.failed_checks >= 3:
            worker.state = "terminating"

    def load(self, worker: Worker) -> int:
        """Return how many sessions live there."""
        return list(self.bindings.values()).count(worker.key)

    def rebind(self, session: str) -> None:
        """A session begins anew; who waits for its old worker goes on doing so."""
        self.expire()
        worker = self.workers.get(self.bindings.pop(session, 0))
        if worker is not None:
            self.turn += 1
            worker.so_loaded_since = self.turn
        self.lost.discard(session)
