"""One specification of a pool, run over the mock, the bridge and the real layer."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pool_functions as work
import pytest
from gates import Gate, gates

from actors import (
    CallCancelled,
    CallDeadline,
    CallExpired,
    NotPicklable,
    Pool,
    PoolNotRunning,
    PoolSaturated,
    PoolStatus,
    RemoteTraceback,
    SessionBusy,
    SessionLost,
    WorkerDied,
)
from actors.testing.answers import Answers
from actors.testing.layers import LAYERS, layered_pool
from bridge.cancel import CancelOutcome
from bridge.certificate import CallRecord, Phase, Verdict
from bridge.ladder import Graces
from bridge.options import InterpreterOptions

pytestmark = pytest.mark.parametrize("pool_layer", LAYERS)

APool: TypeAlias = Callable[..., Pool]

PATIENCE = 30.0


@pytest.fixture
def answers() -> Answers:
    """What the functions of ``pool_functions`` do, on the layers where they do not run themselves."""
    answers = Answers()
    for function in (
        abs,
        work.fail,
        work.wait_at,
        work.remember,
        work.recall,
        work.tell_how_far,
        work.ask_whether_to_end,
    ):
        answers.put(function, result_of=function)
    answers.put(work.after, result_of=lambda _, value: value, takes=0.3)
    answers.put(work.leave, dies=3)
    answers.put(work.wait_to_be_killed, None, takes=math.inf)
    return answers


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Where a call waits until the test lets it go on."""
    with gates(tmp_path) as several:
        yield next(several)


def is_exact(status: PoolStatus) -> bool:
    """Return whether every request, and every attempt, is counted under exactly one end."""
    ends = status.ok + status.errors + status.timeouts + status.rejected + status.cancelled
    return status.requests == ends and all(
        each.attempts == each.ok + each.errors + each.timeouts + each.cancelled + each.lost + each.given_back
        for each in status.workers
    )


def test_results_and_errors_come_back(a_pool: APool) -> None:
    """By a call, a future and a map; an error as itself, with the traceback of where it was raised."""
    pool = a_pool(workers=2)

    assert pool.call(abs, -1) == 1
    assert pool.submit(abs, -2).result(PATIENCE) == 2
    assert list(pool.map(abs, range(-50, 0))) == [*range(50, 0, -1)]
    assert sorted(pool.map(abs, range(-9, 0), ordered=False)) == [*range(1, 10)]
    with pytest.raises(ValueError, match="no") as caught:
        pool.call(work.fail, "no")
    failed = pool.submit(work.fail, text="nor this").exception(PATIENCE)

    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert isinstance(failed, ValueError)
    assert isinstance(failed.__cause__, RemoteTraceback)
    assert [str(each) for each in pool.map(work.fail, ["a", "b"], on_error="return")] == ["a", "b"]


def test_reports_reach_who_asked_for_them(a_pool: APool) -> None:
    """In order, of a call; of a submitted one the last is kept."""
    pool = a_pool(workers=1)
    heard: list[tuple[float, float | None, str]] = []

    assert pool.call(work.tell_how_far, 3, on_progress=lambda p: heard.append((p.n, p.total, p.note))) == 3
    submitted = pool.submit(work.tell_how_far, 5)

    assert heard == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]
    assert submitted.result(PATIENCE) == 5
    assert submitted.progress is not None
    assert (submitted.progress.n, submitted.progress.total) == (4, 5)


def test_no_report_is_lost_however_many_there_are(a_pool: APool) -> None:
    """More than any queue between the two holds: the call waits for its caller."""
    pool = a_pool(workers=1)
    heard = 0

    def hear(_: object) -> None:
        nonlocal heard
        heard += 1

    assert pool.call(work.tell_how_far, 3000, on_progress=hear) == 3000
    assert heard == 3000


def test_a_call_can_ask_whether_it_is_to_end(a_pool: APool, gate: Gate) -> None:
    """One that is cancelled sees it, ends in good order, and leaves its worker to the next."""
    pool = a_pool(workers=1, interpreter=InterpreterOptions(graces=Graces(flag=PATIENCE)))
    asked = pool.submit(work.ask_whether_to_end, str(gate))
    gate.reached()
    assert asked.cancel()
    gate.open()

    assert pool.call(abs, -1) == 1
    status = pool.status()
    # It came back of itself, with a result that nobody waits for any more.
    assert (status.ok, status.deaths, is_exact(status)) == (2, 0, True)


def test_what_crosses_is_a_copy(a_pool: APool) -> None:
    """Nothing that a caller holds is what the function holds; what cannot be sent is refused with its name."""
    pool = a_pool(workers=1)
    mine = ["mine"]

    assert pool.call(work.remember, "copies", mine) >= 1
    mine.append("more")
    theirs = pool.call(work.recall, "copies")
    assert theirs[-1] == ["mine"]
    theirs.clear()
    assert pool.call(work.recall, "copies")[-1] == ["mine"]
    with pytest.raises(NotPicklable) as caught:
        pool.call(work.remember, "copies", [threading.Lock()])
    assert caught.value.path == "args[1][0]"


@pytest.mark.promise("affinity-on-every-layer")
@pytest.mark.promise("mock-parity")
def test_a_session_has_one_worker(a_pool: APool) -> None:
    """All of a hundred calls, by call, submit and map, beside calls of others that keep the workers busy."""
    pool = a_pool(workers=3)
    assert pool.wait_ready(PATIENCE)
    session = pool.session("ada")
    with ThreadPoolExecutor(4) as callers:
        futures: list[Future[int]] = [callers.submit(session.call, abs, -n) for n in range(50)]
        others = [pool.submit(abs, -n) for n in range(100)]
        futures.extend(session.submit(abs, -n) for n in range(50, 75))
        assert list(session.map(abs, range(75, 100))) == [*range(75, 100)]
        assert [each.result(PATIENCE) for each in futures] == [*range(75)]
        assert [each.result(PATIENCE) for each in others] == [*range(100)]

    status = pool.status()
    (told,) = [each for each in pool.sessions() if each.id == "ada"]

    assert told.worker == session.worker()
    assert (told.calls, told.moves) == (100, 0)
    assert (status.affinity["hits"], status.affinity["misses"]) == (99, 0)  # all but the one that bound it
    assert (status.requests, status.ok, status.restarts) == (200, 200, 0)
    assert is_exact(status)


def test_sessions_of_one_worker_wait_or_are_refused(a_pool: APool, gate: Gate) -> None:
    """As their mode says, on every layer."""
    pool = a_pool(workers=2)
    held = pool.session("ada").submit(work.wait_at, str(gate), "held")
    gate.reached()

    with pytest.raises(SessionBusy):
        pool.session("ada", mode="strict_fail_fast").call(abs, -1)
    assert pool.session("ada", mode="hint").call(abs, -1) == 1
    waits = pool.session("ada").submit(abs, -2)
    gate.open()

    assert (held.result(PATIENCE), waits.result(PATIENCE)) == ("held", 2)


def test_calls_of_several_workers_run_at_once(a_pool: APool, tmp_path: Path) -> None:
    """Each of four is in its worker before the first is let go; and so are threads that call."""
    pool = a_pool(workers=4)
    with gates(tmp_path) as several, ThreadPoolExecutor(2) as callers:
        own = [next(several) for _ in range(4)]
        running: list[Future[int]] = [
            pool.submit(work.wait_at, str(gate), n) for n, gate in enumerate(own[:2])
        ]
        running += [
            callers.submit(pool.call, work.wait_at, str(gate), 2 + n) for n, gate in enumerate(own[2:])
        ]
        for gate in own:
            gate.reached()
        assert sorted(each.state for each in pool.status().workers) == ["busy"] * 4
        for gate in own:
            gate.open()

        assert [each.result(PATIENCE) for each in running] == [0, 1, 2, 3]


def test_calls_of_one_worker_run_at_once_in_its_threads(a_pool: APool, tmp_path: Path) -> None:
    """Two of a worker with two threads, by both ways of calling; a third waits until one of them is over."""
    pool = a_pool(workers=1, threads=2)
    with gates(tmp_path) as several, ThreadPoolExecutor(1) as callers:
        first, second, third = (next(several) for _ in range(3))
        running: list[Future[int]] = [
            pool.submit(work.wait_at, str(first), 1),
            callers.submit(pool.call, work.wait_at, str(second), 2),
        ]
        first.reached()
        second.reached()
        running.append(pool.submit(work.wait_at, str(third), 3))
        (worker,) = pool.status().workers
        assert (pool.status().waiting, worker.state, worker.running) == (1, "busy", 2)
        first.open()
        third.reached()
        assert pool.status().waiting == 0
        second.open()
        third.open()

        assert [each.result(PATIENCE) for each in running] == [1, 2, 3]
    status = pool.status()
    assert (is_exact(status), status.ok) == (True, 3)
    assert (status.workers[0].state, status.workers[0].running) == ("ready", 0)


def test_a_map_keeps_all_threads_busy(a_pool: APool, tmp_path: Path) -> None:
    """As many items as there are threads are in the worker before the first is let go."""
    pool = a_pool(workers=1, threads=6)
    with gates(tmp_path) as several, ThreadPoolExecutor(1) as consumer:
        own = [next(several) for _ in range(6)]
        results = pool.map(work.wait_at, map(str, own), range(6))
        first = consumer.submit(next, results)
        for gate in own:
            gate.reached()
        for gate in own:
            gate.open()
        assert [first.result(PATIENCE), *results] == [*range(6)]


def test_a_death_ends_all_calls_of_its_worker(a_pool: APool, tmp_path: Path) -> None:
    """Each caller is told, each call is counted once, and the next worker serves on."""
    pool = a_pool(workers=1, threads=3)
    with gates(tmp_path) as several:
        own = [next(several) for _ in range(2)]
        held = [pool.submit(work.wait_at, str(gate)) for gate in own]
        for gate in own:
            gate.reached()

        with pytest.raises(WorkerDied):
            pool.call(work.leave, 3)
        for gate in own:
            gate.open()

        assert [type(each.exception(PATIENCE)) for each in held] == [WorkerDied] * 2
    assert pool.call(abs, -1) == 1
    status = pool.status()
    assert (is_exact(status), status.lost, status.deaths) == (True, 3, 1)


@pytest.mark.promise("mock-layer-spawns-nothing")
@pytest.mark.promise("mock-parity")
def test_no_call_takes_much_longer_than_the_others(a_pool: APool) -> None:
    """Of as many calls as workers, each of 0.3 s, the longest takes less than twice the mean."""
    pool = a_pool(workers=4)
    assert pool.wait_ready(PATIENCE)
    together = threading.Barrier(4)

    def measured(number: int) -> float:
        together.wait(PATIENCE)
        begun = time.monotonic()
        assert pool.call(work.after, 0.3, number) == number
        return time.monotonic() - begun

    with ThreadPoolExecutor(4) as callers:
        taken = list(callers.map(measured, range(4)))

    assert max(taken) / (sum(taken) / len(taken)) < 2.0


@pytest.mark.promise("mock-parity")
def test_every_end_of_a_call_is_counted_once(a_pool: APool) -> None:
    """Ok, errors, timeouts, deaths and cancelled ones; the figures are the same on each layer."""
    pool = a_pool(workers=1)
    assert pool.call(abs, -1) == 1
    with pytest.raises(ValueError, match="no"):
        pool.call(work.fail, "no")
    with pytest.raises(CallDeadline):
        pool.call(work.wait_to_be_killed, timeout=0.5)
    with pytest.raises(WorkerDied):
        pool.call(work.leave, 3)
    assert pool.call(abs, -2) == 2
    running = pool.submit(work.wait_to_be_killed)
    while not running.running():
        threading.Event().wait(0.001)
    assert running.cancel()
    assert pool.submit(abs, -3).result(PATIENCE) == 3  # it has the worker after that one
    status = pool.status()

    assert (status.requests, status.ok, status.errors, status.lost) == (7, 3, 2, 1)
    assert (status.timeouts, status.cancelled, status.rejected) == (1, 1, 0)
    assert (status.attempts, status.given_back) == (7, 0)
    assert is_exact(status)


def test_a_call_that_overruns_leaves_its_worker_to_the_next(a_pool: APool) -> None:
    """It is interrupted at its deadline, by call and by submit; the worker lives on, and no late answer comes."""
    pool = a_pool(workers=1)
    assert pool.wait_ready(PATIENCE)
    (before,) = pool.status().workers

    with pytest.raises(CallDeadline) as caught:
        pool.call(work.wait_to_be_killed, timeout=0.5)
    submitted = pool.submit(work.wait_to_be_killed, timeout=0.5).exception(PATIENCE)

    assert (caught.value.timeout, caught.value.certificate) == (0.5, None)
    assert isinstance(submitted, CallDeadline)
    assert pool.call(work.after, 0.3, "in time") == "in time"
    assert pool.status().workers[0].incarnation == before.incarnation


def test_who_waits_too_long_is_never_run(a_pool: APool, gate: Gate) -> None:
    """Its deadline passes in the queue; a future in the queue is cancelled just so."""
    pool = a_pool(workers=1)
    held = pool.submit(work.wait_at, str(gate))
    gate.reached()
    queued = pool.submit(work.remember, "never run", 1)

    with pytest.raises(CallExpired):
        pool.call(work.remember, "never run", 2, timeout=0.05)
    assert queued.cancel()
    gate.open()

    assert held.result(PATIENCE) is None
    assert pool.call(work.recall, "never run") == []
    status = pool.status()
    assert (status.timeouts, status.cancelled, status.attempts) == (1, 1, 2)


def test_a_full_queue_refuses(a_pool: APool, gate: Gate) -> None:
    """With no place to wait, a call that finds no free worker is told so at once."""
    pool = a_pool(workers=1, max_queue=0)
    assert pool.wait_ready(PATIENCE)
    held = pool.submit(work.wait_at, str(gate))
    gate.reached()

    with pytest.raises(PoolSaturated):
        pool.call(abs, -1)
    with pytest.raises(PoolSaturated):
        pool.submit(abs, -1)
    gate.open()

    assert held.result(PATIENCE) is None
    assert pool.status().rejected == 2


@pytest.mark.promise("mock-parity")
def test_a_death_is_told_with_its_certificate(a_pool: APool) -> None:
    """How it ended and in which call; the worker is replaced, and a session that it held is lost until bound anew."""
    pool = a_pool(workers=1)
    session = pool.session("ada")
    assert session.call(abs, -1) == 1

    with pytest.raises(WorkerDied) as caught:
        session.call(work.leave, 3)
    certificate = caught.value.certificate
    submitted = pool.submit(work.leave, 3).exception(PATIENCE)

    assert caught.value.started
    assert (certificate.verdict, certificate.exit_code) == (Verdict.EXITED, 3)
    assert (certificate.phase, certificate.call and certificate.call.label) == (
        Phase.RUNNING,
        "pool_functions.leave",
    )
    assert isinstance(submitted, WorkerDied)
    with pytest.raises(SessionLost) as lost:
        session.call(abs, -1)
    assert lost.value.certificate == certificate
    session.rebind()
    assert session.call(abs, -1) == 1
    assert pool.status().deaths == 2
    assert certificate in pool.status().certificates


def test_another_thread_ends_a_call(a_pool: APool) -> None:
    """The caller that waits is told that it was cancelled; its worker lives on."""
    pool = a_pool(workers=1)
    assert pool.wait_ready(PATIENCE)
    with ThreadPoolExecutor(1) as callers:
        waits = callers.submit(pool.call, work.wait_to_be_killed)
        begun: list[CallRecord] = []
        while not begun:
            calls = [interpreter.channels[0].running() for interpreter in pool.desk.held()]
            begun = [call for call in calls if call is not None and call.begun]
        assert pool.desk.held()[0].cancel(begun[0].id) is CancelOutcome.INTERRUPTED
        with pytest.raises(CallCancelled) as caught:
            waits.result(PATIENCE)

    assert caught.value.certificate is None
    assert pool.call(abs, -1) == 1
    assert pool.status().restarts == 0


def test_outside_its_life_a_pool_says_so(pool_layer: str, answers: Answers, no_leaks: None) -> None:
    """Before the start, after the end; and a call that runs at a close without patience is told of its death."""
    pool = layered_pool(pool_layer, answers, workers=1)
    with pytest.raises(PoolNotRunning, match="not started"):
        pool.call(abs, -1)
    with ThreadPoolExecutor(1) as callers:
        with pool:
            assert pool.call(abs, -1) == 1
            waits = callers.submit(pool.call, work.wait_to_be_killed, timeout=math.inf)
            while not pool.desk.held():
                threading.Event().wait(0.001)
            pool.close(drain=0)
        with pytest.raises(WorkerDied) as caught:
            waits.result(PATIENCE)
    assert caught.value.certificate.verdict is Verdict.KILLED_BY_US
    with pytest.raises(PoolNotRunning, match="stopped"):
        pool.call(abs, -1)
    with pytest.raises(PoolNotRunning, match="stopped"):
        pool.submit(abs, -1)
