"""A pool with real interpreter processes: calls, sessions, deaths and ends."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pool_functions as work
import pytest

from actors import Pool, PoolError
from actors.errors import CallExpired, PoolGaveUp, PoolNotRunning, PoolSaturated, SessionLost
from bridge.certificate import Verdict
from bridge.channel import Progress
from bridge.errors import CallDeadline, WorkerDied
from bridge.events import InterpreterReady
from bridge.options import InterpreterOptions
from supervision import Tree, VirtualClock, crashed
from supervision.events import ActorStopped, Event
from supervision.ref import cell_of
from supervision.requests import GetStatus
from supervision.supervisor import which_children


@contextlib.contextmanager
def a_pool(**options: Any) -> Iterator[Pool]:
    """Run a pool of two workers, or as *options* say."""
    with Pool(**{"workers": 2, "name": "pool", **options}) as pool:
        yield pool


def test_three_lines(no_leaks: None) -> None:
    """Entering starts the workers, a call runs in one of them, leaving leaves nothing."""
    with Pool(workers=1) as pool:
        there = pool.call(work.pid)
    assert there != os.getpid()


def test_results_and_exceptions_come_back(no_leaks: None) -> None:
    """A result is returned, an exception is raised with the remote traceback behind it, and the worker lives on."""
    with a_pool(workers=1) as pool:
        first = pool.call(work.pid)
        with pytest.raises(ValueError, match="no such luck") as caught:
            pool.call(work.fail, "no such luck")
        assert "in fail" in str(caught.value.__cause__)
        assert pool.call(work.pid) == first


def test_calls_of_many_threads_use_every_worker(no_leaks: None, tmp_path: Path) -> None:
    """Two callers at once are served by two workers: neither waits for the other."""
    fifos = [tmp_path / name for name in "ab"]
    for fifo in fifos:
        os.mkfifo(fifo)
    running = threading.Barrier(3)

    def call(pool: Pool, fifo: Path) -> int:
        def meet(_: Progress) -> None:
            running.wait(timeout=30)

        return pool.call(work.wait_for_file, str(fifo), on_progress=meet)

    with a_pool() as pool, ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(call, pool, fifo) for fifo in fifos]
        running.wait(timeout=30)  # both run at the same time
        for fifo in fifos:
            with fifo.open("wb"):
                pass
        assert len({each.result(timeout=30) for each in calls}) == 2


def test_killed_worker_is_replaced_and_the_caller_told(no_leaks: None) -> None:
    """A SIGKILL under a call: that caller gets the certificate, the next call works, the name lives on."""
    struck: list[Progress] = []

    def strike(progress: Progress) -> None:
        struck.append(progress)
        os.kill(progress.pid, signal.SIGKILL)

    with a_pool(workers=1) as pool:
        with pytest.raises(WorkerDied) as caught:
            pool.call(work.wait_to_be_killed, on_progress=strike)
        certificate = caught.value.certificate
        assert struck
        assert (certificate.signal, certificate.pid, certificate.sent_by_us) == (
            "SIGKILL",
            struck[0].pid,
            None,
        )
        assert caught.value.started
        assert pool.call(work.pid) != struck[0].pid
        status = pool.status()
        assert (status.deaths, status.restarts, status.lost) == (1, 1, 1)
        assert [worker.name for worker in status.workers] == ["tree/pool/workers/1"]


def test_overrunning_call_is_killed(no_leaks: None) -> None:
    """A call that holds the GIL past its deadline is killed; the pool lives on."""
    with a_pool(workers=1) as pool:
        pool.call(work.pid)
        with pytest.raises(CallDeadline) as caught:
            pool.call(work.hold_the_gil, timeout=0.5)
        assert caught.value.certificate is not None
        assert caught.value.certificate.verdict is Verdict.DEADLINE
        assert pool.call(work.pid) > 0
        assert pool.status().timeouts == 1


def test_session_sticks_to_its_worker(no_leaks: None) -> None:
    """All calls of a session reach one process; the twin without affinity reaches both."""
    with a_pool() as pool:
        assert pool.wait_ready()
        session = pool.session("s")
        assert len({session.call(work.pid) for _ in range(20)}) == 1


def test_without_affinity_a_session_wanders(no_leaks: None) -> None:
    """The twin: with affinity off the same calls reach more than one process."""
    with a_pool(affinity=False) as pool:
        assert pool.wait_ready()
        session = pool.session("s")
        assert len({session.call(work.pid) for _ in range(20)}) == 2


def test_session_is_lost_with_its_worker_until_rebind(no_leaks: None) -> None:
    """After its worker died a session's calls fail, and run nowhere, until it is bound anew."""
    with a_pool() as pool:
        session = pool.session("s")
        session.call(work.remember, "s", 1)
        with pytest.raises(WorkerDied):
            session.call(work.leave, 3)
        with pytest.raises(SessionLost) as caught:
            session.call(work.remember, "s", 2)
        assert caught.value.certificate is not None
        assert caught.value.certificate.exit_code == 3

        session.rebind()

        assert session.call(work.recall, "s") == []
        assert pool.status().moves == 1


def test_exit_code_and_last_output_are_told(no_leaks: None) -> None:
    """The account of a death has the exit code and what the worker printed last."""
    with a_pool(workers=1) as pool:
        with pytest.raises(WorkerDied) as caught:
            pool.call(work.leave, 3)
        certificate = caught.value.certificate
        assert certificate.exit_code == 3
        assert any("leaving" in line for line in certificate.last_output)
        assert "3" in str(caught.value)


def test_call_that_never_started_says_so(no_leaks: None, tmp_path: Path) -> None:
    """A deadline that passes in the queue raises CallExpired: the function did not run."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = threading.Event()
    with a_pool(workers=1) as pool, ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pool.call, work.wait_for_file, str(fifo), on_progress=lambda _: running.set())
        assert running.wait(timeout=30)
        with pytest.raises(CallExpired):
            pool.call(work.pid, timeout=0.05)
        with fifo.open("wb"):
            pass
        busy.result(timeout=30)
        status = pool.status()
        assert (status.timeouts, status.ok, status.cancelled, status.requests) == (1, 1, 0, 2)


def test_full_queue_refuses(no_leaks: None, tmp_path: Path) -> None:
    """With max_queue=0 a call that finds no free worker is refused at once."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = threading.Event()
    with a_pool(workers=1, max_queue=0) as pool, ThreadPoolExecutor(1) as threads:
        assert pool.wait_ready()
        busy = threads.submit(pool.call, work.wait_for_file, str(fifo), on_progress=lambda _: running.set())
        assert running.wait(timeout=30)
        with pytest.raises(PoolSaturated):
            pool.call(work.pid)
        with fifo.open("wb"):
            pass
        busy.result(timeout=30)
        assert pool.status().rejected == 1


def test_calls_before_start_and_after_close_are_answered_at_once(no_leaks: None) -> None:
    """Not started and stopped are typed errors, not hangs."""
    pool = Pool(workers=1)
    with pytest.raises(PoolNotRunning, match="not started"):
        pool.call(work.pid, timeout=60)
    with pool:
        pool.call(work.pid)
    with pytest.raises(PoolNotRunning, match="stopped"):
        pool.call(work.pid, timeout=60)
    pool.close()


def test_close_answers_a_running_call(no_leaks: None) -> None:
    """A stop with a call that does not end: its worker is killed, its caller told, all in good time."""
    running = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        pool = Pool(workers=1).start()
        stuck = threads.submit(pool.call, work.wait_to_be_killed, on_progress=lambda _: running.set())
        assert running.wait(timeout=30)
        pool.close(timeout=1.0)
        with pytest.raises(WorkerDied) as caught:
            stuck.result(timeout=30)
    assert caught.value.certificate.sent_by_us is not None


def test_close_without_a_drain_kills_at_once(no_leaks: None) -> None:
    """Half of the ten minutes would be the call's, but it gets nothing; the end itself is in good order."""
    running = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        pool = Pool(workers=1).start()
        stuck = threads.submit(pool.call, work.wait_to_be_killed, on_progress=lambda _: running.set())
        assert running.wait(timeout=30)
        assert not pool.close(timeout=600.0, drain=0.0)
        with pytest.raises(WorkerDied) as caught:
            stuck.result(timeout=30)
    assert caught.value.certificate.sent_by_us == "its pool was closed before its call ended"
    assert not pool.tree.is_running()


def test_close_answers_who_waits_for_a_worker(no_leaks: None) -> None:
    """A caller in the queue is told at the stop, and not at its own deadline."""
    running = threading.Event()
    queued = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        pool = Pool(workers=1).start()
        stuck = threads.submit(pool.call, work.wait_to_be_killed, on_progress=lambda _: running.set())
        assert running.wait(timeout=30)
        waits = threads.submit(pool.call, work.pid, timeout=600)
        while not queued.is_set():
            if pool.status().waiting:
                queued.set()
        pool.close(timeout=1.0)
        with pytest.raises(PoolNotRunning):
            waits.result(timeout=30)
        with pytest.raises(WorkerDied):
            stuck.result(timeout=30)


@pytest.mark.promise("ready-means-handshake")
def test_pool_that_cannot_start_gives_up_with_certificates(no_leaks: None, tmp_path: Path) -> None:
    """Interpreters that die at their start: callers are told why, and the pool ends instead of looping for ever."""
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(7)")
    options = InterpreterOptions(env={"PYTHONPATH": str(tmp_path)})
    with a_pool(interpreter=options) as pool:
        with pytest.raises(PoolError) as caught:
            pool.call(work.pid, timeout=50)
        assert "7" in str(caught.value)
        pool.tree.root.join(timeout=0)
        gave_up = wait_until_given_up(pool)
    assert {certificate.exit_code for certificate in gave_up.certificates} == {7}


def test_interrupted_caller_frees_its_worker(no_leaks: None) -> None:
    """A caller that leaves by KeyboardInterrupt in the middle of a call: the worker is replaced, capacity is back."""

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with a_pool(workers=1) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.call(work.wait_to_be_killed, on_progress=interrupt)
        assert pool.call(work.pid) > 0
        assert pool.status().cancelled == 1


def test_counts_add_up(no_leaks: None) -> None:
    """Requests = ok + errors + timeouts + rejected + cancelled + lost, once nothing runs."""
    with a_pool() as pool:
        pool.call(work.pid)
        with contextlib.suppress(ValueError):
            pool.call(work.fail, "x")
        with contextlib.suppress(WorkerDied):
            pool.call(work.leave, 1)
        status = pool.status()
        parts = (status.ok, status.errors, status.timeouts, status.rejected, status.cancelled)
        assert parts == (1, 2, 0, 0, 0)
        assert status.requests == sum(parts)


def test_pool_in_a_bigger_tree(no_leaks: None) -> None:
    """The same pool from a child spec: it works while its supervisor runs it, and again after a restart."""
    pool = Pool(workers=1, name="parse")
    with Tree("service", [pool.child_spec()]) as tree:
        first = pool.call(work.pid)
        supervisor = tree.registry.whereis("service/parse")
        assert supervisor is not None
        actor = tree.registry.whereis("service/parse/pool")
        assert actor is not None
        names = [node.id for node in tree.snapshot().walk()]
        assert names == ["service", "parse", "bridge", "sessions", "calls", "workers", "1", "pool"]
        assert first > 0
    with pytest.raises(PoolNotRunning):
        pool.call(work.pid)


def test_a_pool_lives_in_one_tree(no_leaks: None) -> None:
    """Started by itself it cannot be given to a supervisor, and the other way round: two trees would share one desk."""
    given = Pool(workers=1)
    given.child_spec()
    with pytest.raises(PoolNotRunning, match="given to a supervisor"):
        given.start()
    with Pool(workers=1) as alone, pytest.raises(PoolNotRunning, match="one tree"):
        alone.child_spec()


@pytest.mark.parametrize("timeout", [None, 0, -1, "3", float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    """In the caller's thread, before anything is sent, and the text says how to ask for no limit."""
    with pytest.raises(ValueError, match=r"math\.inf: no limit"):
        Pool(workers=1).call(work.pid, timeout=timeout)


def test_a_result_in_the_place_of_a_function_is_refused() -> None:
    """``call(f(x))`` for ``call(f, x)`` is found here, and not in a worker."""
    with pytest.raises(TypeError, match="the function first"):
        Pool(workers=1).call(7)  # type: ignore[arg-type]


def test_a_deadline_is_told_as_it_was_given(no_leaks: None) -> None:
    """Not as what was left of it after the wait for a worker."""
    with a_pool(workers=1) as pool, pytest.raises(CallDeadline, match=r"deadline of 2 s") as caught:
        pool.call(work.hold_the_gil, timeout=2)
    assert caught.value.timeout == 2


def test_a_call_that_its_worker_never_began_is_told_so(no_leaks: None) -> None:
    """The worker is dead before the call reaches it: the certificate says that nothing was executed."""
    with a_pool(workers=1) as pool:
        there = pool.call(work.pid)
        os.kill(there, signal.SIGSTOP)
        killer = threading.Timer(0.2, os.kill, (there, signal.SIGKILL))
        killer.start()
        with pytest.raises(WorkerDied, match="before it began call 2") as caught:
            pool.call(work.pid)
        killer.join()
        assert not caught.value.started


def test_a_script_without_a_guard_is_told_so(tmp_path: Path, no_leaks: None) -> None:
    """A worker that loads the script must not start workers of its own; the error names the guard."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from actors import Pool\ndef f(): pass\nwith Pool(workers=1) as pool:\n    pool.call(f)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "if __name__ == '__main__'" in done.stderr


def test_restarted_pool_actor_adopts_its_workers(no_leaks: None) -> None:
    """A crash of the pool actor costs no worker: its successor takes the desk and the workers over."""
    pool = Pool(workers=1, name="parse")
    with Tree("service", [pool.child_spec()]) as tree:
        first = pool.call(work.pid)
        actor = tree.registry.whereis("service/parse/pool")
        assert actor is not None
        states: list[str] = []

        def look(event: Event) -> None:
            if isinstance(event, ActorStopped) and event.actor == actor.name:
                states.append(pool.status().state)

        tree.events.subscribe(look)
        actor.cast("what it does not understand")
        actor.join(timeout=10)
        assert states == ["running"]  # callers notice nothing: the desk stays open
        assert pool.call(work.pid) == first
        with pytest.raises(WorkerDied):
            pool.call(work.leave, 1)
        assert pool.call(work.pid) != first  # the successor watches what it adopted
        supervisor = tree.registry.whereis("service/parse")
        assert supervisor is not None
        assert [child.restarts for child in which_children(supervisor)] == [0, 0, 0, 0, 1]


def test_a_bridge_that_fails_takes_all_that_stands_on_it_along(no_leaks: None) -> None:
    """rest_for_one: the I/O thread's owner crashes, and sessions, workers and pool are started anew with it."""
    pool = Pool(workers=1, name="parse")
    with Tree("service", [pool.child_spec()]) as tree:
        first = pool.call(work.pid)
        bridge = tree.registry.whereis("service/parse/bridge")
        supervisor = tree.registry.whereis("service/parse")
        assert bridge is not None
        assert supervisor is not None
        bridge.exit(crashed("the I/O thread failed"), sender=supervisor)
        assert bridge.join(timeout=20) is not None
        assert [child.restarts for child in which_children(supervisor, timeout=30)] == [1, 1, 1, 1, 1]
        assert pool.call(work.pid) != first


def test_sessions_that_nobody_uses_are_swept(no_leaks: None) -> None:
    """After its time to live a session ends by itself, and after another it is forgotten."""
    pool = Pool(workers=1, name="parse", session_ttl=100.0)
    clock = VirtualClock()
    with Tree("service", [pool.child_spec()], clock=clock) as tree:
        pool.session("idle").call(work.pid)
        sweeper = tree.registry.whereis("service/parse/sessions")
        assert sweeper is not None
        said = []
        for _ in range(9):
            clock.advance(25.0)
            said.append(tuple(cell_of(sweeper).ask_system(GetStatus(), math.inf).values()))
        assert said[3:5] == [(1, 0), (1, 1)]
        assert said[-1] == (0, 1)
        tree.stop()
        with pytest.raises(PoolNotRunning, match="stopped"):
            pool.call(work.pid)


def test_a_probe_that_stays_up_brings_the_pool_to_strength(no_leaks: None, tmp_path: Path) -> None:
    """Failed starts hold the others back; after a probe was up for a while all that is missing is started."""
    tries = tmp_path / "tries"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\nwith open({str(tries)!r}, 'a') as file: file.write('x')\n"
        f"if os.path.getsize({str(tries)!r}) <= 5: os._exit(7)\n"
    )
    ready, failed = threading.Semaphore(0), threading.Semaphore(0)

    def hear(event: Event) -> None:
        if isinstance(event, InterpreterReady):
            ready.release()
        elif isinstance(event, ActorStopped) and "/workers/" in event.actor:
            failed.release()

    pool = Pool(workers=5, name="parse", interpreter=InterpreterOptions(env={"PYTHONPATH": str(tmp_path)}))
    clock = VirtualClock()
    tree = Tree("service", [pool.child_spec()], clock=clock)
    tree.events.subscribe(hear)
    with tree:
        actor = tree.registry.whereis("service/parse/pool")
        assert actor is not None

        def after(seconds: float, *awaited: threading.Semaphore) -> None:
            """Advance once the pool actor has dealt with all that was heard, then wait for *awaited*."""
            cell_of(actor).ask_system(GetStatus(), math.inf)
            clock.advance(seconds)
            for semaphore in awaited:
                assert semaphore.acquire(timeout=30)

        for _ in range(5):
            assert failed.acquire(timeout=30)
        for _ in range(2):  # the first two failures were replaced at once
            assert ready.acquire(timeout=30)
        after(0.5, ready)  # one probe
        assert pool.status().ready == 3
        after(5.0, ready, ready)
        assert (pool.status().ready, pool.status().deaths) == (5, 5)


def test_forgotten_pool_leaves_nothing_and_exit_does_not_hang(tmp_path: Path, no_leaks: None) -> None:
    """A script that never closes its pool ends by itself, silently, and its workers with it."""
    script = tmp_path / "forgetful.py"
    script.write_text(
        textwrap.dedent("""
            import os
            from actors import Pool
            if __name__ == "__main__":
                pool = Pool(workers=2).start()
                print(pool.call(os.getpid), flush=True)
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def wait_until_given_up(pool: Pool) -> PoolGaveUp:
    """Return the error with which *pool* ends."""
    while True:
        try:
            pool.call(work.pid, timeout=50)
        except PoolGaveUp as error:
            return error
        except PoolError:
            supervisor = pool.tree.registry.whereis("tree/pool")
            if supervisor is not None:
                supervisor.join(timeout=50)


def test_a_caller_that_comes_late_to_its_worker_has_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread had the worker in time and did not run for longer than was left: nothing is executed, nothing hangs."""
    with Pool(workers=1) as pool:
        assert pool.call(os.getpid) != os.getpid()
        now, checkout, late = pool.desk.now, pool.desk.checkout, [0.0]

        def held_up(*args: Any) -> None:
            checkout(*args)
            late[0] = 60.0

        monkeypatch.setattr(pool.desk, "now", lambda: now() + late[0])
        monkeypatch.setattr(pool.desk, "checkout", held_up)
        before = pool.status()
        with pytest.raises(CallExpired):
            pool.call(os.getpid, timeout=30.0)
        monkeypatch.undo()

        status = pool.status()
        assert (status.timeouts - before.timeouts, status.deaths) == (1, 0)
        assert pool.call(os.getpid) != os.getpid()
