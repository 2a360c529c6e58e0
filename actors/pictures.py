"""The pictures that a pool's status is made of, taken of its books. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from actors.affinity import Affinity
from actors.errors import PoolError, PoolNotRunning
from actors.ledger import Ledger
from actors.scheduler import Row, Scheduler
from actors.status import PoolStatus, WorkerStatus

__all__ = ["affinity_picture", "pool_picture", "state_of", "worker_picture"]


class _Interpreter(Protocol):
    """What is shown of one."""

    @property
    def pid(self) -> int: ...
    @property
    def silence(self) -> str: ...


def worker_picture(row: Row, ledger: Ledger, interpreter: _Interpreter | None) -> WorkerStatus:
    """Return one worker; its *interpreter* is None before it runs."""
    return WorkerStatus(
        name=row.slot,
        incarnation=row.key,
        state=row.life.state.value,
        health=row.life.health.value,
        overflow=row.overflow,
        pid=None if interpreter is None else interpreter.pid,
        silence="" if interpreter is None else interpreter.silence,
        running=row.running,
        calls=row.calls,
        restarts=ledger.restarts_of(row.slot),
        attempts=row.book.attempts,
        **{end.value: count for end, count in row.book.counts.items()},
    )


def affinity_picture(affinity: Affinity, ledger: Ledger, now: float) -> Mapping[str, int]:
    """Return the statistics of the sessions' bindings; nothing where they are not bound."""
    found = affinity.statistics(now)
    return {**found, "hits": ledger.routed[True], "misses": ledger.routed[False]} if found else {}


def state_of(closed: PoolError | None, held_back: PoolError | None) -> str:
    """Return what the pool is, in a word or two.

    Args:
        closed: Why it takes no requests, if so.
        held_back: Why its workers cannot start, if so.
    """
    if closed is None:
        return "running" if held_back is None else "cannot start"
    return closed.state if isinstance(closed, PoolNotRunning) else "gave up"


def pool_picture(
    name: str,
    state: str,
    target: int,
    scheduler: Scheduler,
    ledger: Ledger,
    interpreters: Mapping[int, _Interpreter],
    running: int,
    now: float,
) -> PoolStatus:
    """Return the pool; *running* requests have not ended, and *interpreters* are those of the workers that are up."""
    workers = (worker_picture(row, ledger, interpreters.get(row.key)) for row in scheduler.rows.values())
    counts: dict[str, Any] = {outcome.value: count for outcome, count in ledger.counts.items()}
    counts["errors"] += counts["lost"]
    return PoolStatus(
        name=name,
        state=state,
        target=target,
        workers=tuple(sorted(workers, key=lambda worker: worker.name)),
        overflow=len(scheduler.overflow),
        ready=len(interpreters),
        waiting=len(scheduler.waiters),
        sessions=len(scheduler.affinity),
        affinity=affinity_picture(scheduler.affinity, ledger, now),
        requests=ledger.ended + running,
        attempts=sum(book.attempts for book in ledger.books.values()),
        given_back=sum(book.given_back for book in ledger.books.values()),
        deaths=ledger.deaths,
        restarts=ledger.restarts,
        moves=scheduler.affinity.moves,
        certificates=ledger.certificates,
        **counts,
    )
