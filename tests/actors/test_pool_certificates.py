"""What a pool's callers are told of a death, and of workers that do not start: the certificate, where they look."""

from __future__ import annotations

import json
import math
import queue
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pool_functions as work
import pytest

from actors import Pool
from actors.errors import PoolCannotStart, PoolGaveUp
from actors.events import WorkerReplaced
from bridge.certificate import Verdict
from bridge.errors import WorkerDied
from bridge.events import LeftoverSwept
from bridge.options import InterpreterOptions
from supervision import Tree
from supervision.events import Event


@pytest.mark.promise("ready-means-handshake")
@pytest.mark.promise("failed-start-explained")
@pytest.mark.promise("output-captured")
def test_who_waits_for_workers_that_cannot_start_is_told_at_once(no_leaks: None, tmp_path: Path) -> None:
    """Without any deadline: the error comes all the same, with exit code, phase and the text of the ImportError."""
    (tmp_path / "zmq.py").write_text("raise ImportError('half a library')")
    options = InterpreterOptions(path=(str(tmp_path),))
    with Pool(workers=2, interpreter=options) as pool:
        with pytest.raises((PoolCannotStart, PoolGaveUp)) as caught:
            pool.wait_ready(math.inf)
        text = str(caught.value)

    for part in ("failed to start", "exit code 1", "while starting", "ImportError: half a library"):
        assert part in text
    assert "\n" not in text


@pytest.fixture
def debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The run directory of a service that died beside its worker; return the worker's pid."""
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    dead.wait()
    path = tmp_path / "treewarden-0123abcd"
    path.mkdir(mode=0o700)
    (path / "lock").touch()
    owner = {"run_id": "0123abcd" * 2, "pid": dead.pid, "started": 1}
    (path / "owner").write_text(json.dumps(owner))
    entry = {"worker": "tree/census/1", "incarnation": 7, "pid": dead.pid, "started": 1}
    (path / "1.json").write_text(json.dumps(entry))
    (path / "2.json").write_text("half of an en")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return dead.pid


def test_what_a_dead_service_left_is_told_at_the_start(no_leaks: None, debris: int) -> None:
    """Each entry that can be read is one event, with a certificate that says how little is known."""
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    tree = Tree("tree", [Pool(workers=1).child_spec()])
    tree.events.subscribe(told.put)
    with tree:
        pass

    events = [told.get() for _ in range(told.qsize())]
    # Others that a test beside this one has killed lie in the temporary directory, and may be swept, too.
    swept_here = (event for event in events if isinstance(event, LeftoverSwept))
    (swept,) = (event for event in swept_here if event.certificate.pid == debris)
    certificate = swept.certificate
    assert (certificate.worker, certificate.incarnation) == ("tree/census/1", 7)
    assert certificate.verdict is Verdict.SERVICE_GONE
    assert certificate.uptime is None
    assert certificate.headline() in swept.describe()


def test_a_death_is_a_broken_process_pool_with_its_certificate(no_leaks: None) -> None:
    """Code that was written for concurrent.futures catches it; the event of the replacement names the same death."""
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Pool(workers=1) as pool:
        pool.tree.events.subscribe(told.put)
        died: BaseException | None = None
        try:
            pool.call(work.leave, 3)
        except BrokenProcessPool as error:
            died = error
        assert pool.call(work.pid) > 0

    assert isinstance(died, WorkerDied)
    assert (died.certificate.verdict, died.certificate.exit_code) == (Verdict.EXITED, 3)
    assert str(died) == died.certificate.as_text()
    events = [told.get() for _ in range(told.qsize())]
    (replaced,) = (event for event in events if isinstance(event, WorkerReplaced))
    assert replaced.certificate == died.certificate
