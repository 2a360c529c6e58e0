"""A pool whose calls are ended: an interrupted worker serves on, a silent one is replaced, and all of it is counted."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pool_functions as work
import pytest

from actors import CallCancelled, CallDeadline, Graces, InterpreterOptions, Pool, WorkerDied
from bridge.cancel import CancelOutcome
from bridge.certificate import Verdict
from bridge.channel import Progress
from supervision import MonotonicClock

#: All the time of a busy machine to end at an interrupt.
PATIENT = InterpreterOptions(graces=Graces(flag=0.001, interrupt=20, terminate=20))


def test_a_worker_that_was_interrupted_serves_on(no_leaks: None) -> None:
    """An overrun is a timeout and no death: the next call runs in the same process."""
    with Pool(workers=1, interpreter=PATIENT) as pool:
        first = pool.call(work.pid)
        with pytest.raises(CallDeadline, match=r"deadline of 0\.2 s") as caught:
            pool.call(work.wait_to_be_killed, timeout=0.2)
        assert caught.value.certificate is None
        assert pool.call(work.pid) == first
        status = pool.status()
        assert (status.requests, status.ok, status.timeouts) == (3, 2, 1)
        assert (status.deaths, status.restarts, status.ready) == (0, 0, 1)


def test_a_session_keeps_its_worker_when_a_call_is_interrupted(no_leaks: None) -> None:
    """What the session has there is there still."""
    with Pool(workers=2, interpreter=PATIENT) as pool:
        session = pool.session("s")
        session.call(work.remember, "s", 1)
        with pytest.raises(CallDeadline):
            session.call(work.wait_to_be_killed, timeout=0.2)
        assert session.call(work.recall, "s") == [1]
        assert pool.status().moves == 0


def test_a_cancelled_call_is_counted_as_cancelled(no_leaks: None) -> None:
    """Another thread cancels it; its caller is told, and the worker is with the next caller."""
    outcomes: list[CancelOutcome] = []

    with Pool(workers=1, interpreter=PATIENT) as pool:
        first = pool.call(work.pid)

        def cancel() -> None:
            (interpreter,) = pool.desk.held()
            running = interpreter.channels[0].running()
            assert running is not None
            outcomes.append(interpreter.cancel(running.id))

        thread = threading.Thread(target=cancel)
        with pytest.raises(CallCancelled):
            pool.call(work.wait_to_be_killed, on_progress=lambda _: thread.start())
        thread.join(30)
        assert outcomes == [CancelOutcome.INTERRUPTED]
        assert pool.call(work.pid) == first
        status = pool.status()
        assert (status.requests, status.ok, status.cancelled, status.lost) == (3, 2, 1, 0)
        assert (status.deaths, status.restarts) == (0, 0)


def test_a_cancelled_call_that_had_to_be_killed_is_counted_once(no_leaks: None) -> None:
    """As cancelled, and its worker's death as a death; another worker takes its place."""
    hasty = InterpreterOptions(graces=Graces(flag=0, interrupt=0, terminate=0))
    with Pool(workers=1, interpreter=hasty) as pool:
        first = pool.call(work.pid)
        threads: list[threading.Thread] = []

        def cancel(_: Progress) -> None:
            (interpreter,) = pool.desk.held()
            threads.append(threading.Thread(target=interpreter.cancel, args=[2]))
            threads[0].start()

        with pytest.raises(CallCancelled) as caught:
            pool.call(work.wait_to_be_killed, on_progress=cancel)
        threads[0].join(30)
        assert caught.value.certificate is not None
        assert caught.value.certificate.sent_by_us == "its call was cancelled"
        assert pool.call(work.pid) != first
        status = pool.status()
        assert (status.requests, status.ok, status.cancelled, status.lost) == (3, 2, 1, 0)
        assert (status.deaths, status.restarts) == (1, 1)


def test_an_idle_worker_that_is_stopped_is_replaced(no_leaks: None) -> None:
    """Nobody calls it, so only its silence tells; the pool is whole again without a call that had to fail."""
    watched = InterpreterOptions(ping_interval=0.02, silence_grace=0.1)
    with Pool(workers=1, interpreter=watched) as pool:
        first = pool.call(work.pid)
        os.kill(first, signal.SIGSTOP)
        while not pool.status().restarts:
            pool.wait_ready()
        assert pool.call(work.pid) != first
        (certificate,) = pool.status().certificates
        assert (certificate.pid, certificate.verdict) == (first, Verdict.SILENT)
        assert pool.status().lost == 0


@pytest.mark.promise("graceful-bounded-stop")
def test_a_stop_with_four_busy_workers_ends_in_its_time(no_leaks: None, tmp_path: Path) -> None:
    """One ends of itself in the drain, and has its answer; three do not, and their callers are told; none is left."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    clock = MonotonicClock()
    running = threading.Semaphore(0)
    with ThreadPoolExecutor(4) as threads:
        pool = Pool(workers=4).start()
        assert pool.wait_ready()

        def note(_: Progress) -> None:
            running.release()

        ends = threads.submit(pool.call, work.wait_for_file, str(gate), timeout=600, on_progress=note)
        stuck = [
            threads.submit(pool.call, function, timeout=600, on_progress=note)
            for function in (work.wait_to_be_killed, work.report_and_hold_the_gil, work.ignore_signals)
        ]
        for _ in range(4):
            assert running.acquire(timeout=30)
        closer = threading.Thread(target=pool.close, args=[6.0])
        begun = clock.now()
        closer.start()
        while pool.status().state == "running":
            pass
        gate.write_text("go on")
        closer.join(30)

        # A wrong design stops one after the other, or waits for the calls' own deadlines.
        assert clock.now() - begun < 2 * 6.0
        assert ends.result(timeout=0) > 0
        for each in stuck:
            with pytest.raises(WorkerDied):
                each.result(timeout=5)
    status = pool.status()
    assert (status.requests, status.ok, status.lost, status.ready) == (4, 1, 3, 0)
