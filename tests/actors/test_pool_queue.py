"""A pool with real interpreter processes: its queue, its overflow workers, and its sessions' modes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pool_functions as work
import pytest

from actors import CallExpired, Pool, PoolSaturated, SessionBusy, SessionNotBound
from bridge.channel import Progress
from supervision.events import ActorStopped, Event


class Busy:
    """Calls that run until they are let go."""

    def __init__(self, pool: Pool, folder: Path, threads: ThreadPoolExecutor) -> None:
        self._pool, self._folder, self._threads = pool, folder, threads
        self._fifos: list[Path] = []

    def start(self, count: int, session: str | None = None) -> list[Future[int]]:
        """Start *count* calls, and return when all of them run at the same time."""
        call = self._pool.call if session is None else self._pool.session(session).call
        running = threading.Barrier(count + 1)

        def meet(_: Progress) -> None:
            running.wait(timeout=30)

        def run(fifo: Path) -> int:
            return call(work.wait_for_file, str(fifo), on_progress=meet)

        fifos = [self._folder / f"{len(self._fifos) + number}" for number in range(count)]
        for fifo in fifos:
            os.mkfifo(fifo)
        self._fifos += fifos
        calls = [self._threads.submit(run, fifo) for fifo in fifos]
        running.wait(timeout=30)
        return calls

    def let_go(self) -> None:
        """Let all that run end."""
        for fifo in self._fifos:
            with fifo.open("wb"):
                pass
        self._fifos.clear()


@contextmanager
def busy(pool: Pool, folder: Path) -> Iterator[tuple[Busy, ThreadPoolExecutor]]:
    """Give calls that run, and threads to make more; whatever happens, they are let go."""
    with ThreadPoolExecutor(16) as threads:
        calls = Busy(pool, folder, threads)
        try:
            yield calls, threads
        finally:
            calls.let_go()


def wait_for(pool: Pool, waiting: int) -> None:
    """Return when so many callers wait."""
    while pool.status().waiting != waiting:
        pass


@pytest.mark.promise("real-overflow")
def test_overflow_workers_are_real_and_retired_when_idle(no_leaks: None, tmp_path: Path) -> None:
    """With 3 workers and 2 beyond, five calls overlap in five processes, and the sixth waits; then 3 are left."""
    ended: queue.SimpleQueue[Event] = queue.SimpleQueue()
    pool = Pool(workers=3, max_overflow=2, overflow_ttl=0.2)
    overflow = {"tree/pool/workers/4", "tree/pool/workers/5"}

    def hear(event: Event) -> None:
        if isinstance(event, ActorStopped) and event.actor in overflow:
            ended.put(event)

    pool.tree.events.subscribe(hear)
    with pool:
        with busy(pool, tmp_path) as (calls, threads):
            five = calls.start(5)
            sixth = threads.submit(pool.call, work.pid)
            wait_for(pool, 1)
            assert (pool.status().overflow, len(pool.status().workers)) == (2, 5)
            calls.let_go()
            pids = {each.result(timeout=30) for each in five}
            assert len(pids) == 5
            assert sixth.result(timeout=30) in pids
        for _ in range(2):
            ended.get(timeout=30)
        assert [worker.overflow for worker in pool.status().workers] == [False] * 3
        assert pool.call(work.pid) in pids
        assert pool.status().deaths == 0


@pytest.mark.promise("bounded-fair-queue")
def test_what_becomes_of_a_call_too_many(no_leaks: None, tmp_path: Path) -> None:
    """A call of higher priority takes the place of one that waits, which is told at once."""
    with Pool(workers=1, max_queue=1, when_full="shed") as pool, busy(pool, tmp_path) as (calls, threads):
        calls.start(1)
        waits = threads.submit(pool.call, work.pid)
        wait_for(pool, 1)
        with pytest.raises(PoolSaturated):
            pool.call(work.pid)
        urgent = threads.submit(pool.call, work.pid, priority=1)
        with pytest.raises(PoolSaturated, match="higher priority"):
            waits.result(timeout=30)
        calls.let_go()
        assert urgent.result(timeout=30) > 0


@pytest.mark.promise("one-deadline")
def test_a_call_whose_time_is_over_is_never_executed(no_leaks: None, tmp_path: Path) -> None:
    """Its caller is told so, with the time that it gave."""
    trace = tmp_path / "trace"
    with Pool(workers=1) as pool, busy(pool, tmp_path) as (calls, _):
        (first,) = calls.start(1)
        with pytest.raises(CallExpired, match=r"within 0\.2 s"):
            pool.call(trace.touch, timeout=0.2)
        calls.let_go()
        first.result(timeout=30)
        pool.call(work.pid)
        assert not trace.exists()
        pool.call(trace.touch)
        assert trace.exists()


@pytest.mark.promise("session-sticks-to-worker")
@pytest.mark.promise("first-binding-atomic")
def test_a_session_has_one_worker_from_its_first_call(no_leaks: None) -> None:
    """50 first calls at once, and 100 one after the other, run in the same process."""
    with Pool(workers=3) as pool, ThreadPoolExecutor(50) as threads:
        assert pool.wait_ready()
        session = pool.session("s")
        at_once = threading.Barrier(50)

        def first() -> int:
            at_once.wait(timeout=30)
            return session.call(work.pid)

        pids = {each.result(timeout=30) for each in [threads.submit(first) for _ in range(50)]}
        pids |= {session.call(work.pid) for _ in range(100)}
        assert len(pids) == 1


@pytest.mark.promise("affinity-modes")
def test_a_busy_session_waits_fails_fast_or_goes_elsewhere(no_leaks: None, tmp_path: Path) -> None:
    """As its handle says, for one and the same session."""
    with Pool(workers=2) as pool, busy(pool, tmp_path) as (calls, threads):
        assert pool.wait_ready()
        with pytest.raises(SessionNotBound):
            pool.session("s").worker()
        (held,) = calls.start(1, session="s")
        elsewhere = pool.session("s", mode="hint").call(work.pid)
        with pytest.raises(SessionBusy):
            pool.session("s", mode="strict_fail_fast").call(work.pid)
        waits = threads.submit(pool.session("s").call, work.pid)
        wait_for(pool, 1)
        calls.let_go()
        mine = held.result(timeout=30)
        assert (waits.result(timeout=30), pool.session("s", mode="strict_fail_fast").call(work.pid)) == (
            mine,
            mine,
        )
        assert elsewhere != mine
        (known,) = pool.sessions()
        assert (known.id, known.state, known.worker) == ("s", "bound", pool.session("s").worker())
        with pytest.raises(ValueError, match="wait"):
            pool.session("s", mode="wait")


def test_a_priority_is_a_whole_number() -> None:
    """Anything else is refused in the caller."""
    with pytest.raises(TypeError, match="priority 'high'"):
        Pool(workers=1).call(work.pid, priority="high")  # type: ignore[arg-type]


@pytest.mark.promise("sessions-tracked-unbound")
def test_a_session_is_kept_by_being_touched(no_leaks: None) -> None:
    """In a pool that binds none as well, where it never belongs to a worker."""
    with Pool(workers=1, affinity=False) as pool:
        session = pool.session("s")
        session.touch()
        session.call(work.pid)
        (known,) = pool.sessions()
        assert (known.calls, known.state, known.worker) == (1, "unbound", None)
        session.end()
        assert pool.sessions() == ()
