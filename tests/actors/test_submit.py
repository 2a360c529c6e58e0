"""Submitted calls, with real interpreter processes: their futures, their deadlines, and what cancelling one frees."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import pool_functions as work
import pytest
from gates import gates
from strikes import STRUCK, Strike, Struck

import actors.caller
import actors.future
import actors.multiplexer
from actors import (
    CallCancelled,
    CallDeadline,
    CallExpired,
    InterpreterOptions,
    NotPicklable,
    Pool,
    PoolNotRunning,
    PoolSaturated,
    SessionLost,
    WorkerDied,
)
from actors.status import PoolStatus
from bridge.errors import RemoteTraceback
from bridge.ladder import Graces
from supervision import KILLED, Actor, ChildSpec, MonotonicClock, Supervisor, SupFlags, Tree

PATIENCE = 30.0
#: All the time of a busy machine to end at an interrupt.
PATIENT = InterpreterOptions(graces=Graces(flag=0.001, interrupt=20, terminate=20))


def is_exact(status: PoolStatus) -> bool:
    """Return whether every request, and every attempt, is counted under exactly one end."""
    ends = status.ok + status.errors + status.timeouts + status.rejected + status.cancelled
    return status.requests == ends and all(
        each.attempts == each.ok + each.errors + each.timeouts + each.cancelled + each.lost + each.given_back
        for each in status.workers
    )


def test_a_future_is_one_of_the_standard_library(no_leaks: None) -> None:
    """By its type, and by what works with it: results, errors with the remote traceback, wait, as_completed, callbacks."""
    told: list[Any] = []
    with Pool(workers=2) as pool:
        one = pool.submit(abs, -1)
        other = pool.submit(work.fail, text="no")
        one.add_done_callback(told.append)

        assert isinstance(one, futures.Future)
        assert one.result(PATIENCE) == 1
        error = other.exception(PATIENCE)
        assert isinstance(error, ValueError)
        assert isinstance(error.__cause__, RemoteTraceback)
        many = [pool.submit(abs, -n) for n in range(50)]
        assert {each.result() for each in futures.as_completed(many, PATIENCE)} == {*range(50)}
        done, rest = futures.wait(many, PATIENCE)
        assert (len(done), rest, told) == (50, set(), [one])
        assert (one.done(), one.running(), one.cancelled(), one.cancel()) == (True, False, False, False)
        status = pool.status()
    assert (status.requests, status.ok, status.errors) == (52, 51, 1)
    assert is_exact(status)


def test_an_event_loop_awaits_it(no_leaks: None) -> None:
    """And a task that is cancelled takes its call with it."""

    async def main(pool: Pool) -> Any:
        hung = asyncio.wrap_future(pool.submit(work.wait_to_be_killed))
        task = asyncio.ensure_future(hung)
        result = await asyncio.wrap_future(pool.submit(abs, -3))
        task.cancel()
        return result

    with Pool(workers=2, interpreter=PATIENT) as pool:
        assert asyncio.run(main(pool)) == 3
        assert pool.desk.drain(PATIENCE)
        assert pool.status().cancelled == 1


def test_more_calls_than_workers_wait_their_turn(no_leaks: None, tmp_path: Path) -> None:
    """Those of a higher priority first, of equals the first."""
    order: list[str] = []
    with Pool(workers=1) as pool, gates(tmp_path) as gate:
        busy = pool.submit(work.wait_at, str(first := next(gate)))
        first.reached()

        def noted(name: str, priority: int) -> None:
            pool.submit(abs, 1, priority=priority).add_done_callback(lambda _: order.append(name))

        noted("a", 0)
        noted("b", 0)
        noted("c", 1)
        assert pool.status().waiting == 3
        first.open()
        assert busy.result(PATIENCE) is None
        assert pool.submit(abs, 1).result(PATIENCE) == 1
    assert order == ["c", "a", "b"]


@pytest.mark.promise("one-deadline")
def test_a_future_that_waits_too_long_expires_and_is_not_executed(no_leaks: None, tmp_path: Path) -> None:
    """At its deadline, though nothing else happens in the pool; the figure in the error is the caller's."""
    with Pool(workers=1) as pool, gates(tmp_path) as gate:
        busy = pool.submit(work.wait_at, str(first := next(gate)))
        first.reached()
        marker = tmp_path / "ran"
        late = pool.submit(os.mkdir, str(marker), timeout=0.2)

        with pytest.raises(CallExpired, match=r"0\.2 s"):
            late.result(PATIENCE)
        first.open()
        busy.result(PATIENCE)
        assert pool.submit(abs, 1).result(PATIENCE) == 1
        assert not marker.exists()
        assert pool.status().timeouts == 1
        assert is_exact(pool.status())


def test_a_submitted_call_overruns_once(no_leaks: None) -> None:
    """It is ended when a call would be: who looks after it hands it on to be ended, not to be waited for again."""
    with Pool(workers=2) as pool, futures.ThreadPoolExecutor(1) as caller:
        assert pool.wait_ready(PATIENCE)
        begun = time.monotonic()
        waited: dict[str, float] = {}
        submitted = pool.submit(time.sleep, 60, timeout=2.0)
        submitted.add_done_callback(lambda _: waited.setdefault("submit", time.monotonic() - begun))
        called = caller.submit(pool.call, time.sleep, 60, timeout=2.0)
        called.add_done_callback(lambda _: waited.setdefault("call", time.monotonic() - begun))

        assert isinstance(submitted.exception(PATIENCE), CallDeadline)
        assert isinstance(called.exception(PATIENCE), CallDeadline)
    assert waited["submit"] < 1.5 * waited["call"]


def test_a_future_that_overruns_is_ended_alone(no_leaks: None) -> None:
    """Its worker is interrupted, or killed if it must be; the neighbour's goes on."""
    with Pool(workers=2) as pool:
        assert pool.wait_ready(PATIENCE)
        soft = pool.submit(work.wait_to_be_killed, timeout=0.2)
        hard = pool.submit(work.hold_the_gil, timeout=1.5)

        assert isinstance(soft.exception(PATIENCE), CallDeadline)
        error = hard.exception(PATIENCE)
        assert isinstance(error, CallDeadline)
        assert error.certificate is not None
        assert "1.5 s" in str(error)
        while (status := pool.status()).deaths != 1:
            pass
        assert status.timeouts == 2
        assert is_exact(status)


def test_a_death_is_told_with_its_certificate(no_leaks: None) -> None:
    """To the one future that ran there."""
    with Pool(workers=2) as pool:
        died, lives = pool.submit(work.die, signal.SIGKILL), pool.submit(abs, -1)

        error = died.exception(PATIENCE)
        assert isinstance(error, WorkerDied)
        assert (error.certificate.signal, error.started) == ("SIGKILL", True)
        assert lives.result(PATIENCE) == 1
        assert pool.status().lost == 1


def test_a_future_that_waits_is_cancelled_and_never_executed(no_leaks: None, tmp_path: Path) -> None:
    """Its place is free at once, and nobody's worker is harmed."""
    with Pool(workers=1) as pool, gates(tmp_path) as gate:
        busy = pool.submit(work.wait_at, str(first := next(gate)), "mine")
        first.reached()
        marker = tmp_path / "ran"
        waiting = pool.submit(os.mkdir, str(marker))

        assert waiting.cancel()
        assert waiting.cancel()
        assert pool.status().waiting == 0
        assert futures.wait([waiting], PATIENCE).done == {waiting}
        with pytest.raises(futures.CancelledError):
            waiting.result()
        first.open()
        assert busy.result(PATIENCE) == "mine"
        assert not marker.exists()
        status = pool.status()
        assert (status.requests, status.ok, status.cancelled, status.deaths) == (2, 1, 1, 0)
        assert is_exact(status)


@pytest.mark.promise("dead-caller-frees-worker")
@pytest.mark.parametrize(
    ("function", "deaths"), [(work.wait_to_be_killed, 0), (work.report_and_hold_the_gil, 1)]
)
def test_a_future_that_runs_is_cancelled_at_once_and_its_worker_freed(
    no_leaks: None, tmp_path: Path, function: Callable[[], None], deaths: int
) -> None:
    """Interrupted if it listens, killed if not; the next call has a worker."""
    graces = (
        PATIENT if not deaths else InterpreterOptions(graces=Graces(flag=0.1, interrupt=0.1, terminate=20))
    )
    with Pool(workers=1, interpreter=graces) as pool:
        running = pool.submit(function)
        while running.progress is None:
            pass
        assert (running.progress.n, running.progress.note) == (1, "here")

        assert running.cancel()

        assert running.cancelled()
        with pytest.raises(futures.CancelledError):
            running.result()
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        assert pool.desk.drain(PATIENCE)
        status = pool.status()
        assert (status.cancelled, status.deaths) == (1, deaths)
        assert is_exact(status)


def test_a_cancel_storm_leaves_nothing_behind(no_leaks: None) -> None:
    """Cancelled at any moment of their lives, by another thread; every one is counted once, and all workers are free."""
    with Pool(workers=2, interpreter=PATIENT) as pool:
        every = [pool.submit(work.after, 0.001 * (n % 3), n) for n in range(300)]
        storm = threading.Thread(target=lambda: [each.cancel() for each in every[::2]])
        storm.start()
        ends = [each.cancelled() or each.result(PATIENCE) for each in every if each in every[1::2]]
        storm.join(PATIENCE)
        futures.wait(every, PATIENCE)

        assert ends == [n for n in range(300) if n % 2]
        assert pool.desk.drain(PATIENCE)
        status = pool.status()
        assert status.requests == 300
        assert is_exact(status)


class Owner(Actor):
    """Somebody who has calls."""


@pytest.mark.promise("dead-caller-frees-worker")
def test_a_call_whose_owner_goes_down_is_cancelled(no_leaks: None) -> None:
    """An actor that is killed needs no answer any more; that of one who lives goes on."""
    children = [ChildSpec(id=name, start=Owner) for name in ("one", "other")]
    with (
        Tree("service", [ChildSpec(id="top", start=Supervisor, args=(SupFlags(intensity=9), children))],
             clock=MonotonicClock()) as tree,
        Pool(workers=2, interpreter=PATIENT) as pool,
    ):  # fmt: skip
        one, other = (tree.registry.whereis(f"service/top/{name}") for name in ("one", "other"))
        assert one is not None
        assert other is not None
        doomed = pool.submit(work.wait_to_be_killed, owner=one)
        kept = pool.submit(abs, -1, owner=other)

        one.exit(KILLED)

        with pytest.raises(futures.CancelledError):
            doomed.result(PATIENCE)
        assert kept.result(PATIENCE) == 1
        assert pool.desk.drain(PATIENCE)
        gone = pool.submit(work.wait_to_be_killed, owner=one)
        with pytest.raises(futures.CancelledError):
            gone.result(PATIENCE)


def test_a_sessions_futures_run_in_order_in_its_worker(no_leaks: None) -> None:
    """All of them where its state is; when that is lost they say so."""
    with Pool(workers=3) as pool:
        session = pool.session("s")
        counts = [session.submit(work.remember, "s", n) for n in range(20)]
        assert [each.result(PATIENCE) for each in counts] == [*range(1, 21)]
        pid = session.submit(work.pid).result(PATIENCE)
        os.kill(pid, signal.SIGKILL)
        error = session.submit(work.wait_to_be_killed).exception(PATIENCE)
        assert isinstance(error, WorkerDied | SessionLost)


def test_what_cannot_be_sent_is_told_to_the_caller(no_leaks: None) -> None:
    """In its own thread; and so are a timeout without sense, and what is no function."""
    with Pool(workers=1) as pool:
        with pytest.raises(NotPicklable):
            pool.submit(abs, threading.Lock())
        with pytest.raises(ValueError, match="timeout"):
            pool.submit(abs, 1, timeout=0)
        with pytest.raises(TypeError, match="not callable"):
            pool.submit(3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="priority"):
            pool.submit(abs, 1, priority="high")  # type: ignore[arg-type]
        assert pool.status().requests == 0


@pytest.mark.promise("call-while-down")
def test_a_pool_that_does_not_run_says_so_at_once(no_leaks: None, tmp_path: Path) -> None:
    """Before its start and after its end; a future that waited when it was closed is told."""
    pool = Pool(workers=1)
    with pytest.raises(PoolNotRunning, match="not started"):
        pool.submit(abs, 1)
    with pool, gates(tmp_path) as gate:
        running = pool.submit(work.wait_at, str(first := next(gate)), "mine")
        first.reached()
        waiting = pool.submit(abs, 1)
        closer = threading.Thread(target=pool.close)
        closer.start()
        assert isinstance(waiting.exception(PATIENCE), PoolNotRunning)
        with pytest.raises(PoolNotRunning, match="stopping"):
            pool.submit(abs, 1)
        first.open()
        assert running.result(PATIENCE) == "mine"
        closer.join(PATIENCE)
    with pytest.raises(PoolNotRunning, match="stopped"):
        pool.submit(abs, 1)


@pytest.mark.promise("graceful-bounded-stop")
def test_a_future_that_runs_when_the_pool_is_closed_is_answered(no_leaks: None) -> None:
    """By its worker's death, which was ours."""
    with Pool(workers=1) as pool:
        running = pool.submit(work.report_and_hold_the_gil)
        while running.progress is None:
            pass
        pool.close(drain=0)
        error = running.exception(PATIENCE)
        assert isinstance(error, WorkerDied)
        assert "closed" in (error.certificate.sent_by_us or "")


@pytest.mark.promise("bounded-fair-queue")
@pytest.mark.parametrize("when_full", ["raise", "block"])
def test_a_full_queue(no_leaks: None, tmp_path: Path, when_full: str) -> None:
    """Refused at once, in the caller's thread; or held there until there is room, and no longer than its timeout."""
    with Pool(workers=1, max_queue=1, when_full=when_full) as pool, gates(tmp_path) as gate:
        busy = pool.submit(work.wait_at, str(first := next(gate)))
        first.reached()
        queued = pool.submit(abs, -1)
        third: list[futures.Future[int]] = []
        blocked = threading.Thread(target=lambda: third.append(pool.submit(abs, -3)))
        if when_full == "raise":
            with pytest.raises(PoolSaturated):
                pool.submit(abs, -2)
        else:
            with pytest.raises(CallExpired):
                pool.submit(abs, -2, timeout=0.1)
            blocked.start()
            while pool.status().waiting != 2:
                pass
            assert third == []
        first.open()
        assert (busy.result(PATIENCE), queued.result(PATIENCE)) == (None, 1)
        if when_full == "block":
            blocked.join(PATIENCE)
            assert third[0].result(PATIENCE) == 3
        assert is_exact(pool.status())


def test_a_callback_may_submit_the_next(no_leaks: None) -> None:
    """In the thread that ends the call; a chain of a hundred."""
    ended = threading.Event()
    with Pool(workers=1) as pool:

        def go_on(future: futures.Future[int]) -> None:
            n = future.result()
            if n == 100:
                ended.set()
            else:
                pool.submit(abs, -n - 1).add_done_callback(go_on)

        pool.submit(abs, 0).add_done_callback(go_on)
        assert ended.wait(PATIENCE)


@pytest.mark.promise("dead-caller-frees-worker")
@pytest.mark.parametrize("busy", [False, True], ids=["free", "busy"])
def test_an_interrupt_at_any_line_of_a_submission_costs_no_worker(
    no_leaks: None, tmp_path: Path, busy: bool
) -> None:
    """Whether its call is granted, queued, or running already by then: the worker serves on, all is counted once."""
    modules = (*STRUCK, actors.multiplexer, actors.future, actors.caller)
    struck = submitted = 0
    with Pool(workers=1, interpreter=PATIENT) as pool, gates(tmp_path) as gate:
        assert pool.call(abs, -1) == 1
        for number in itertools.count(1):
            held = pool.submit(work.wait_at, str(first := next(gate)), "mine") if busy else None
            if held is not None:
                first.reached()
            strike = Strike(number, modules)
            future = None
            try:
                with strike.on():
                    future = pool.submit(abs, -2)
            except Struck:
                struck += 1
            if held is not None:
                first.open()
                assert held.result(PATIENCE) == "mine"
            if future is not None:
                assert future.result(PATIENCE) == 2
            assert pool.submit(abs, -3).result(PATIENCE) == 3
            submitted += 2 + busy
            if not strike.struck:
                break
        assert struck > 50
        assert pool.desk.drain(PATIENCE)
        status = pool.status()
        assert is_exact(status)
        assert status.requests <= submitted + 1
        assert (status.ready, status.waiting) == (1, 0)


def test_many_threads_submit_at_once(no_leaks: None) -> None:
    """Each gets its own answers; every request is counted once."""
    with Pool(workers=2) as pool, futures.ThreadPoolExecutor(8) as threads:

        def some(thread: int) -> bool:
            mine = [pool.submit(abs, -thread * 1000 - n) for n in range(50)]
            return [each.result(PATIENCE) for each in mine] == [thread * 1000 + n for n in range(50)]

        assert all(threads.map(some, range(8)))
        status = pool.status()
    assert status.requests == status.ok == 400
    assert is_exact(status)


def test_a_thread_that_fails_is_replaced_and_every_future_told(no_leaks: None) -> None:
    """A fault of our own in the thread that all futures depend on: their workers are given up, and the pool works again."""
    reached, go_on = threading.Event(), threading.Event()
    with Pool(workers=2) as pool:
        assert pool.wait_ready(PATIENCE)
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        running = pool.submit(work.report_and_hold_the_gil)
        while running.progress is None:
            pass
        board = pool.multiplexer._board
        assert board is not None

        def fault() -> None:
            reached.set()
            go_on.wait(PATIENCE)
            raise RuntimeError("a fault")

        board.post(fault)
        assert reached.wait(PATIENCE)
        # It has a worker, and stands behind the fault.
        behind = pool.submit(abs, -2)
        go_on.set()

        error = behind.exception(PATIENCE)
        assert isinstance(error, WorkerDied)
        assert not error.started
        assert isinstance(running.exception(PATIENCE), WorkerDied | CallCancelled)
        while pool.multiplexer._board is board or pool.status().state != "running":
            pass
        assert pool.wait_ready(PATIENCE)
        assert pool.submit(abs, -2).result(PATIENCE) == 2


@pytest.mark.parametrize(
    ("kind", "told"), [(SystemExit, NotPicklable), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_a_result_that_ends_programs_is_its_own_calls_end(
    kind: type[BaseException], told: type[BaseException], no_leaks: None, tmp_path: Path
) -> None:
    """It does so when it is rebuilt, in the thread that serves all submitted calls: the others and the next go on."""
    with Pool(workers=2) as pool, gates(tmp_path) as gate:
        neighbour = pool.submit(work.wait_at, str(at := next(gate)))
        at.reached()
        ended = pool.submit(work.ending_its_reader, kind)
        with pytest.raises(told, match="STAGE is not set"):
            ended.result(PATIENCE)
        at.open()
        assert neighbour.result(PATIENCE) is None
        assert pool.submit(abs, -1).result(PATIENCE) == 1
        assert pool.status().deaths == 0


def test_a_result_that_ends_programs_does_not_end_its_callers(no_leaks: None) -> None:
    """A direct call is told what it is, like any result that cannot be rebuilt here."""
    with Pool(workers=1) as pool:
        with pytest.raises(NotPicklable, match="SystemExit: STAGE is not set"):
            pool.call(work.ending_its_reader, SystemExit)
        assert pool.call(abs, -1) == 1


def test_a_callback_that_ends_programs_ends_nothing(
    no_leaks: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as the standard library logs what callbacks raise; the other callbacks and calls go on."""
    called = threading.Event()

    def leave(_: object) -> None:
        raise SystemExit("of a callback")

    with Pool(workers=1) as pool, gates(tmp_path) as gate:
        future = pool.submit(work.wait_at, str(at := next(gate)))
        future.add_done_callback(leave)
        future.add_done_callback(lambda _: called.set())
        at.open()
        assert called.wait(PATIENCE)
        assert pool.submit(abs, -1).result(PATIENCE) == 1
    assert "exception calling callback" in caplog.text
