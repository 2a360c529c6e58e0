"""How pools end when nobody closes them, when their parts fail, and in a forked copy of the service."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path

import pool_functions as work
import pytest
from desk_house import a_desk

from actors import Pool
from actors.errors import PoolNotRunning
from actors.hub_actor import HubActor, HubSlot
from actors.lease import Lease
from bridge.certificate import Verdict
from bridge.options import InterpreterOptions
from supervision import ChildSpec, Restart, Tree, crashed
from supervision.errors import ActorExited, NoProcess
from supervision.supervisor import terminate_child, which_children


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run *script* as a program whose run directories lie in *folder*."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.run(
        [sys.executable, "-W", "ignore", path],  # Python warns of every fork of a process with threads
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )


@pytest.mark.parametrize("end", ["sys.exit(3)", "os._exit(3)", "code = 0"])
def test_a_forked_copy_of_the_service_leaves_the_pool_alone(end: str, tmp_path: Path, no_leaks: None) -> None:
    """However it ends, the pool goes on, with the same worker; and a call in the copy is refused."""
    done = run(
        tmp_path,
        f"""
        import os, signal, sys
        from actors import Pool
        from actors.errors import PoolNotRunning

        def main():
            pool = Pool(workers=1).start()
            there = pool.call(os.getpid)
            copy = os.fork()
            if copy == 0:
                signal.alarm(20)
                try:
                    pool.call(os.getpid)
                except PoolNotRunning as error:
                    code = 3 if "forked copy" in str(error) else 4
                    {end}
                    return
                os._exit(5)
            _, status = os.waitpid(copy, 0)
            print(os.waitstatus_to_exitcode(status), pool.call(os.getpid) == there)
            print(pool.status().state, pool.status().deaths)
            print(pool.close())

        if __name__ == "__main__":
            main()
        """,
    )
    code = 0 if end == "code = 0" else 3
    assert (done.stdout, done.stderr) == (f"{code} True\nrunning 0\nTrue\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_a_fork_while_the_desk_is_locked_does_not_hold_the_copy_up(tmp_path: Path, no_leaks: None) -> None:
    """The copy has the lock as it was, and nobody to release it: its exit must not ask for it."""
    done = run(
        tmp_path,
        """
        import os, signal, threading
        from actors import Pool

        class Halting:
            "Time that stands still for the thread that holds the lock."
            def __init__(self, clock):
                self.clock, self.inside, self.go_on = clock, threading.Event(), threading.Event()
            def now(self):
                if threading.current_thread().name == "holder":
                    self.inside.set()
                    self.go_on.wait()
                return self.clock.now()
            def __getattr__(self, name):
                return getattr(self.clock, name)

        if __name__ == "__main__":
            pool = Pool(workers=1).start()
            pool.call(os.getpid)
            clock = Halting(pool.tree.clock)
            pool.desk.open(clock)
            holder = threading.Thread(target=pool.session("s").rebind, name="holder")
            holder.start()
            clock.inside.wait()
            copy = os.fork()
            if copy == 0:
                signal.alarm(20)
            else:
                _, status = os.waitpid(copy, 0)
                clock.go_on.set()
                holder.join()
                print(os.waitstatus_to_exitcode(status), pool.call(os.getpid) > 0)
                pool.close()
        """,
    )
    assert (done.stdout, done.stderr) == ("0 True\n", "")


def test_a_tree_that_nobody_stops_takes_its_pool_along(tmp_path: Path, no_leaks: None) -> None:
    """A script with a pool in a tree of its own ends without a word: no process, no run directory is left."""
    done = run(
        tmp_path,
        """
        import os
        from actors import Pool
        from supervision import Tree

        if __name__ == "__main__":
            pool = Pool(workers=1)
            tree = Tree("service", [pool.child_spec()]).start()
            print(pool.call(os.getpid), len(os.listdir(os.environ["XDG_RUNTIME_DIR"])))
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pid, entries = done.stdout.split()
    assert not Path("/proc", pid).exists()
    assert int(entries) > 1  # the run directory was there
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_a_worker_that_is_stopped_gets_no_more_calls(no_leaks: None) -> None:
    """From the moment it is told to end, though its process takes a while to: the next call waits for its successor."""
    pool = Pool(workers=1, name="parse")
    with Tree("service", [pool.child_spec()]) as tree:
        first = pool.call(work.pid)
        os.kill(first, signal.SIGSTOP)  # it does not hear that it is to end
        workers = tree.registry.whereis("service/parse/workers")
        assert workers is not None
        stopping = threading.Thread(target=terminate_child, args=(workers, "1"))
        stopping.start()
        while pool.status().workers[0].state == "ready":
            pass
        (worker,) = pool.status().workers
        assert (worker.state, worker.pid) == ("terminating", first)
        assert pool.call(work.pid) != first
        stopping.join()


def test_an_orderly_stop_is_no_death(no_leaks: None) -> None:
    """Neither the pool's status nor the tree's picture counts it; both count the same, and a kill."""
    pool = Pool(workers=2, name="parse")
    with Tree("service", [pool.child_spec()]) as tree:
        assert pool.wait_ready()
        workers = tree.registry.whereis("service/parse/workers")
        assert workers is not None
        terminate_child(workers, "1")
        assert pool.wait_ready()
        status = pool.status()
        assert (status.deaths, status.certificates, status.restarts) == (0, (), 1)
        assert "deaths=0" in tree.as_text()
        (other,) = [worker for worker in status.workers if worker.name.endswith("/2")]
        assert other.pid is not None
        watched = tree.registry.whereis(other.name)
        assert watched is not None
        os.kill(other.pid, signal.SIGKILL)
        watched.join(timeout=30)
        assert pool.status().deaths == 1
        assert "deaths=1" in tree.as_text()
    assert pool.status().deaths == 1  # its successor may still have been starting; that was stopped, too
    assert [certificate.verdict for certificate in pool.status().certificates] == [
        Verdict.KILLED_FROM_OUTSIDE
    ]


def test_a_pool_that_is_closed_while_its_workers_start_has_no_death(tmp_path: Path, no_leaks: None) -> None:
    """They do not hear yet that they are to end, and are not waited for; each is stopped all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "sitecustomize.py").write_text(
        f"import signal\nprint('up', file=open({str(fifo)!r}, 'w'), flush=True)\nwhile True: signal.pause()"
    )
    interpreter = InterpreterOptions(env={"PYTHONPATH": str(tmp_path)}, start_timeout=math.inf)
    with Pool(workers=2, interpreter=interpreter) as pool, os.fdopen(os.open(fifo, os.O_RDWR)) as told:
        assert [told.readline(), told.readline()] == ["up\n", "up\n"]
        assert {worker.state for worker in pool.status().workers} == {"initializing"}
    status = pool.status()
    assert (status.state, status.deaths, status.certificates) == ("stopped", 0, ())


def test_a_pool_whose_bridge_fails_too_often_says_so(no_leaks: None) -> None:
    """Its supervisor gives up; later calls are told the last failure, as the error's cause, too."""
    pool = Pool(workers=1, name="parse")
    with Tree("service", [pool.child_spec(restart=Restart.TEMPORARY)]) as tree:
        supervisor = tree.registry.whereis("service/parse")
        assert supervisor is not None
        broken = OSError("the cable is out")
        for _ in range(4):
            pool.call(work.pid)
            bridge = tree.registry.whereis("service/parse/bridge")
            assert bridge is not None
            bridge.exit(crashed(broken), sender=supervisor)
            assert bridge.join(timeout=30) is not None
            with suppress(NoProcess, ActorExited):  # it has given up
                which_children(supervisor, timeout=30)  # answered when all is started anew
        assert supervisor.join(timeout=30) is not None
        with pytest.raises(PoolNotRunning, match="the cable is out") as caught:
            pool.call(work.pid)
        assert caught.value.__cause__ is broken


def test_a_pool_in_a_tree_that_gave_up_says_why(no_leaks: None) -> None:
    """Though nothing was wrong with the pool itself."""
    pool = Pool(workers=1, name="parse")
    neighbour = Pool(workers=1, name="index")
    broken = OSError("the cable is out")
    tree = Tree("service", [pool.child_spec(), neighbour.child_spec()], intensity=0).start()
    try:
        assert pool.call(work.pid)
        supervisor = tree.registry.whereis("service/index")
        assert supervisor is not None
        supervisor.exit(crashed(broken), sender=tree.root)
        assert tree.root.join(timeout=30) is not None
        with pytest.raises(PoolNotRunning, match="the cable is out") as caught:
            pool.call(work.pid)
        assert caught.value.__cause__ is broken
    finally:
        tree.stop()


def test_a_bridge_that_failed_is_the_cause_if_nothing_replaces_it(no_leaks: None) -> None:
    """Its restart may fail, too: then nobody else is left to tell the desk."""
    desk, broken = a_desk(), OSError("the cable is out")
    with Tree(
        "pool",
        [ChildSpec(id="bridge", start=HubActor, args=(HubSlot(), desk), restart=Restart.TEMPORARY)],
    ) as tree:
        desk.open(tree.clock)
        bridge = tree.registry.whereis("pool/bridge")
        assert bridge is not None
        bridge.exit(crashed(broken), sender=tree.root)
        assert bridge.join(timeout=30) is not None
        desk.close("stopped")
        with pytest.raises(PoolNotRunning, match="the cable is out"):
            desk.checkout(Lease(None), 10)
        desk.open(tree.clock)  # all is started anew, and stopped in good order later
        desk.close("stopped")
        with pytest.raises(PoolNotRunning, match="Use it inside"):
            desk.checkout(Lease(None), 10)


def test_a_pool_that_was_closed_tells_of_no_cause(no_leaks: None) -> None:
    """Nothing failed."""
    with Pool(workers=1) as pool:
        pool.call(work.pid)
    with pytest.raises(PoolNotRunning, match="Use it inside 'with Pool") as caught:
        pool.call(work.pid)
    assert (caught.value.cause, caught.value.__cause__) == (None, None)
