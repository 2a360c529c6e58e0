"""A pool's life with real interpreter processes: it starts at once, stops in order, and meets no other pool."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pool_functions as work
import pytest
from gates import gates

from actors import InterpreterOptions, Pool, PoolError, PoolNotRunning, UnknownOption, WorkerDied
from supervision import Tree

PATIENCE = 30.0


def slow_start(folder: Path, seconds: float) -> InterpreterOptions:
    """Return options of interpreters that take so long to start."""
    (folder / "sitecustomize.py").write_text(f"import time; time.sleep({seconds})")
    return InterpreterOptions(env={"PYTHONPATH": str(folder)})


@pytest.mark.promise("start-returns-at-once")
@pytest.mark.promise("pool-stays-responsive")
def test_a_pool_answers_while_its_workers_start(no_leaks: None, tmp_path: Path) -> None:
    """The start, and what is asked meanwhile, take a part of what a worker's start takes; all start in parallel."""
    begun = time.monotonic()
    with Pool(workers=3, interpreter=slow_start(tmp_path, 2.0)) as pool:
        statuses = [pool.status() for _ in range(10)]
        tree = pool.tree.as_text()
        asked = time.monotonic() - begun
        assert {each.ready for each in statuses} == {0}
        # One after the other they would never all be starting; nobody is ready before 2 s.
        while [each.state for each in pool.status().workers] != ["initializing"] * 3:
            pass
        assert "workers" in tree
        pool.wait_ready(PATIENCE)
        ready = time.monotonic() - begun
        with gates(tmp_path) as gate:
            blocked = pool.submit(work.wait_at, str(first := next(gate)))
            first.reached()
            again = time.monotonic()
            assert pool.status().ready == 3
            assert time.monotonic() - again < ready / 2
            first.open()
            blocked.result(PATIENCE)
    assert asked < ready / 2


@pytest.mark.promise("parallel-start")
def test_a_stop_in_the_midst_of_the_start_leaves_nothing(no_leaks: None, tmp_path: Path) -> None:
    """Eight that are starting; the fixture looks for what is left."""
    pool = Pool(workers=8, interpreter=slow_start(tmp_path, 60.0)).start()
    while len([each for each in pool.status().workers if each.state == "initializing"]) < 8:
        pass
    assert pool.close(timeout=PATIENCE)


@pytest.mark.promise("cancel-during-start")
def test_a_caller_that_leaves_while_a_worker_starts_wastes_nothing(no_leaks: None, tmp_path: Path) -> None:
    """The start goes on, and the worker serves who comes next; the one that left is counted as cancelled."""
    with Pool(workers=1, interpreter=slow_start(tmp_path, 0.5)) as pool:
        left = pool.submit(work.pid)
        assert left.cancel()
        assert pool.call(work.pid, timeout=PATIENCE) > 0
        status = pool.status()
        assert (status.cancelled, status.ok, status.restarts, status.deaths) == (1, 1, 0, 0)


@pytest.mark.promise("names-scoped-to-tree")
@pytest.mark.promise("tree-brings-its-registry")
def test_a_name_belongs_to_its_tree(no_leaks: None) -> None:
    """Two trees may have a pool of one name, each found by its own registry; in one tree the second is refused."""
    pools = [Pool(workers=1, name="parse") for _ in range(3)]
    with Tree("one", [pools[0].child_spec()]) as one, Tree("other", [pools[1].child_spec()]) as other:
        assert pools[0].call(work.pid) != pools[1].call(work.pid)
        assert one.registry.whereis("one/parse") is not None
        assert other.registry.whereis("other/parse") is not None
        assert one.registry.whereis("other/parse") is None
        with pytest.raises(Exception, match="parse") as caught:
            one.start_child(pools[2].child_spec())
        assert not isinstance(caught.value, AssertionError)


@pytest.mark.promise("pools-isolated")
def test_a_broken_pool_does_not_touch_its_neighbour(no_leaks: None, tmp_path: Path) -> None:
    """One cannot start, is killed at, and gives up; the other one's worker is the same all the time."""
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(7)")
    broken_options = InterpreterOptions(env={"PYTHONPATH": str(tmp_path)})
    with Pool(workers=1, name="healthy") as healthy:
        before = healthy.call(work.pid)
        with Pool(workers=2, name="broken", interpreter=broken_options) as broken:
            with pytest.raises(PoolError):
                broken.call(work.pid, timeout=PATIENCE)
            assert healthy.call(work.pid) == before
        assert healthy.call(work.pid) == before
        assert healthy.status().deaths == 0


@pytest.mark.promise("stop-answers-everyone")
@pytest.mark.promise("graceful-bounded-stop")
def test_a_stop_with_four_busy_workers_answers_every_caller(no_leaks: None, tmp_path: Path) -> None:
    """Within its budget: who runs is killed when the drain is over, who waits is refused; nobody is left hanging."""
    with Pool(workers=4) as pool, gates(tmp_path) as gate:
        points = [next(gate) for _ in range(4)]
        busy = [pool.submit(work.wait_at, str(each)) for each in points]
        for each in points:
            each.reached()
        waiting = [pool.submit(abs, -n) for n in range(4)]
        begun = time.monotonic()
        pool.close(timeout=8.0, drain=0.2)
        took = time.monotonic() - begun
        assert {type(each.exception(PATIENCE)) for each in busy} == {WorkerDied}
        assert {type(each.exception(PATIENCE)) for each in waiting} == {PoolNotRunning}
    assert took < 20, "its budget was 8 s, on whatever machine"


@pytest.mark.promise("stop-is-idempotent")
def test_stopping_twice_at_once_and_in_the_midst_of_dying(no_leaks: None) -> None:
    """From two threads, again, and while its workers are being killed: each returns, and nothing is left."""
    pool = Pool(workers=2).start()
    pids = {pool.submit(work.pid).result(PATIENCE) for _ in range(4)}
    with ThreadPoolExecutor(2) as threads:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        both = [threads.submit(pool.close) for _ in range(2)]
        assert [each.exception(PATIENCE) for each in both] == [None, None]
    assert pool.close()
    assert pool.close(timeout=0)


@pytest.mark.promise("mixed-calls-with-overflow")
def test_ten_mixed_calls_on_three_workers_and_two_beyond(no_leaks: None, tmp_path: Path) -> None:
    """Of sessions and of none, by slow starters: all succeed, five processes at the most and really five, the sixth waits."""
    options = slow_start(tmp_path, 1.0)
    with (
        Pool(workers=3, max_overflow=2, interpreter=options) as pool,
        ThreadPoolExecutor(10) as threads,
        gates(tmp_path) as gate,
    ):
        points = [next(gate) for _ in range(10)]
        calls: list[Future[int]] = []
        for n, point in enumerate(points):
            call = pool.call if n % 2 else pool.session(f"s{n}").call
            calls.append(threads.submit(call, work.wait_at_and_tell, str(point), timeout=PATIENCE))
        # Five are there at the same time, whichever they are; then, as each is let go, the next.
        seen: set[int] = set()
        while len(seen) < 5:
            status = pool.status()
            seen = {each.pid for each in status.workers if each.state == "busy" and each.pid is not None}
        assert pool.status().waiting == 5
        openers = [threading.Thread(target=point.open) for point in points]
        for opener in openers:
            opener.start()
        pids = [call.result(PATIENCE) for call in calls]
        for opener in openers:
            opener.join(PATIENCE)
        assert set(pids) == seen
        assert pool.status().ok == 10


@pytest.mark.promise("concurrent-calls-overlap")
def test_five_calls_at_once_on_two_workers_take_turns(no_leaks: None) -> None:
    """They take three turns of two, and not five of one; with a worker for each caller nobody waits for another."""
    with Pool(workers=2) as pool, ThreadPoolExecutor(5) as threads:
        pool.wait_ready(PATIENCE)

        def timed(_: int) -> float:
            begun = time.monotonic()
            pool.call(work.after, 0.5, None)
            return time.monotonic() - begun

        list(threads.map(timed, range(2)))
        begun = time.monotonic()
        list(threads.map(timed, range(5)))
        five = time.monotonic() - begun
        begun = time.monotonic()
        took = list(threads.map(timed, range(2)))
        two = time.monotonic() - begun
    # One after the other they would take five, or two, times as long as one does.
    assert five < 5 * min(took) * 0.95
    assert two < 2 * min(took) * 0.95


@pytest.mark.promise("warm-call-is-fast")
def test_no_warm_call_is_a_hundred_times_slower_than_usual(no_leaks: None) -> None:
    """Of calls of nothing 99 % take less than 100 times the median; the figure itself is a benchmark's.

    In the quietest of ten hundreds: what else the machine does disturbs some of them, a wait of our own would all.
    """
    with Pool(workers=1) as pool:
        pool.call(abs, -1)
        worst = []
        for _ in range(10):
            took = []
            for _ in range(100):
                begun = time.perf_counter()
                pool.call(abs, -1)
                took.append(time.perf_counter() - begun)
            took.sort()
            worst.append(took[98] / took[50])
    assert min(worst) < 100


@pytest.mark.promise("unknown-checkout-refused")
def test_a_session_mode_that_does_not_exist_is_refused(no_leaks: None) -> None:
    """With those that do; the pool is as it was."""
    with Pool(workers=1) as pool:
        with pytest.raises(ValueError, match=r"strict_queu.*hint, strict_queue, strict_fail_fast"):
            pool.session("s", mode="strict_queu")
        assert pool.status().requests == 0
        assert pool.session("s", mode="hint").call(abs, -1) == 1
    with pytest.raises(UnknownOption, match="affinity"):
        Pool(workers=1, afinity=True)  # type: ignore[arg-type]


@pytest.mark.promise("binding-dropped-on-death")
def test_who_waits_for_a_worker_that_dies_is_told_at_once(no_leaks: None) -> None:
    """Calls of its session that stood in the queue: refused with the certificate, long before their deadline."""
    with Pool(workers=2) as pool:
        session = pool.session("s")
        pid = session.call(work.pid)
        running_call = session.submit(work.wait_to_be_killed)
        waiting = [session.submit(work.pid, timeout=600) for _ in range(3)]
        while running_call.progress is None:
            pass
        os.kill(pid, signal.SIGKILL)
        errors = [each.exception(PATIENCE) for each in waiting]
        assert {type(error).__name__ for error in errors} == {"SessionLost"}
        assert "SIGKILL" in str(errors[0])
        assert isinstance(running_call.exception(PATIENCE), WorkerDied)
        session.rebind()
        assert session.call(work.pid) != pid
