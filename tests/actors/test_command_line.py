"""``python -m actors tree|status``: which service is meant, what is told of it, and what is said when there is none."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pool_functions as work
import pytest
from sources import ROOT

from actors import Pool, command_line
from bridge.services import running
from supervision import Actor, ChildSpec, ExitReason, Tree

PATIENCE = 30.0


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, no_leaks: None) -> Iterator[Path]:
    """Where the services of this test are, and no others."""
    path = Path(tempfile.mkdtemp(prefix="tw"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    monkeypatch.setattr(command_line, "running", functools.partial(running, [path]))
    yield path
    shutil.rmtree(path)


class Told:
    """What the command said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, expected: int = 0) -> str:
        """Run it, and return what it wrote: to stdout if all was well or JSON was asked for, else to stderr."""
        assert command_line.main(arguments) == expected
        out, err = self._capsys.readouterr()
        assert not (out and err)
        return out or err


@pytest.fixture
def told(place: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """The command."""
    return Told(capsys)


def test_status_tells_a_pools_statistics(told: Told) -> None:
    """As numbers that are right, for people and for machines; deaths with their account."""
    with Pool(workers=2, name="parse") as pool:
        assert pool.wait_ready(PATIENCE)
        pool.call(work.pid)
        with pytest.raises(ValueError, match="no"):
            pool.call(work.fail, "no")
        text = told("status")
        (told_of,) = json.loads(told("status", "--json"))["pools"]

    assert "pool parse  running" in text
    assert re.search(r"^ *requests +2$", text, re.MULTILINE)
    assert (told_of["pid"], told_of["name"], told_of["state"]) == (os.getpid(), "parse", "running")
    assert (told_of["ready"], told_of["requests"], told_of["ok"], told_of["errors"]) == (2, 2, 1, 1)
    assert {worker["state"] for worker in told_of["workers"]} == {"ready"}


def test_the_tree_is_told_as_the_service_sees_it(told: Told) -> None:
    """The same picture, and the same dicts."""
    with Pool(workers=1, name="parse") as pool:
        assert pool.wait_ready(PATIENCE)
        text = told("tree")
        (told_of,) = json.loads(told("tree", "--json"))["trees"]
        assert text == f"service {os.getpid()}\n{pool.tree.as_text()}\n"
        assert told_of["tree"] == json.loads(pool.tree.as_json())


@contextlib.contextmanager
def another_service() -> Iterator[subprocess.Popen[str]]:
    """Run a pool called "other" in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "looked_at", "other"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        yield other


def test_a_dead_service_is_none(told: Told, place: Path) -> None:
    """What a killed one leaves lies there until the next start; it is neither asked nor listed."""
    with another_service() as other:
        other.kill()
        other.wait(PATIENCE)
        (directory,) = place.glob("treewarden-*")

        assert "no service of this user runs here" in told("status", expected=1)
        assert "no service runs in" in told("status", str(directory), expected=1)


@pytest.mark.parametrize("by", ["pid", "pool", "tree", "directory"])
def test_a_service_is_named_by_what_is_known_of_it(told: Told, place: Path, by: str) -> None:
    """Its process id, its pool, its tree, its run directory."""
    with Pool(workers=1, name="parse"):
        (directory,) = place.glob("treewarden-*")
        which = {"pid": str(os.getpid()), "pool": "parse", "tree": "tree", "directory": str(directory)}[by]
        assert "pool parse" in told("status", which)
        text = told("status", "parser", expected=1)
    assert "no service is called 'parser'. Expected a process id" in text
    assert f"{os.getpid()}  {directory}  pool parse, tree tree" in text


def test_pools_of_one_tree_are_told_together(told: Told) -> None:
    """One process is one service: both pools, and their tree once."""
    pools = [Pool(workers=1, name=name) for name in ("a", "b")]
    with Tree("service", [pool.child_spec() for pool in pools]):
        assert len(json.loads(told("status", "--json"))["pools"]) == 2
        assert len(json.loads(told("tree", "--json"))["trees"]) == 1
        assert "pool b" in told("status", "b")
        assert "pool a" not in told("status", "b")


def test_without_a_service_it_says_so(told: Told, place: Path) -> None:
    """One that ended is none; exit status 1, and JSON for machines."""
    assert "no service of this user runs here" in told("status", expected=1)
    assert "no service of this user" in json.loads(told("tree", "--json", expected=1))["error"]
    assert "no service runs in" in told("tree", str(place), expected=1)
    assert "no service runs in" in told("tree", "treewarden-00000000", expected=1)


def test_several_services_are_listed(told: Told) -> None:
    """Nothing is guessed: each with its process id and its names; one of them can be named."""
    with another_service() as other:
        with Pool(workers=1, name="own"):
            text = told("status", expected=1)
            listed = json.loads(told("tree", "--json", expected=1))
            assert "pool other  running" in told("status", "other")
            assert "several services are called 'tree'" in told("tree", "tree", expected=1)
        other.communicate("end\n", timeout=PATIENCE)

    assert "several services run; give one of these by its process id:" in text
    assert "pool own, tree tree" in text
    assert {service["pid"] for service in listed["services"]} == {os.getpid(), other.pid}


def test_it_works_while_the_pool_is_stopping(told: Told, tmp_path: Path) -> None:
    """Its calls run out, and it can be seen that they do."""
    os.mkfifo(tmp_path / "gate")
    here = threading.Event()
    pool = Pool(workers=1).start()
    caller = threading.Thread(
        target=pool.call,
        args=(work.wait_for_file, str(tmp_path / "gate")),
        kwargs={"on_progress": lambda _: here.set()},
    )
    caller.start()
    assert here.wait(PATIENCE)
    closed: list[bool] = []
    closer = threading.Thread(target=lambda: closed.append(pool.close(PATIENCE, drain=PATIENCE)))
    closer.start()
    told_of: dict[str, Any] = {}
    while told_of.get("state") != "stopping":
        (told_of,) = json.loads(told("status", "--json"))["pools"]
    assert told_of["workers"][0]["state"] == "busy"
    assert "workers" in told("tree")

    (tmp_path / "gate").write_text("go")
    caller.join(PATIENCE)
    closer.join(PATIENCE)
    assert closed == [True]


class Lingering(Actor):
    """Takes its time to end."""

    trap_exit = True

    def init(self, here: threading.Event, end: threading.Event) -> None:
        """Nothing."""
        self.here, self.end = here, end

    def terminate(self, reason: ExitReason) -> None:
        """Wait for the test."""
        self.here.set()
        self.end.wait(PATIENCE)


def test_a_tree_that_is_ending_is_told_by_its_names(told: Told) -> None:
    """Its root has no time to answer: nobody waits for it, and everybody who is still there is named."""
    here, end = threading.Event(), threading.Event()
    pool = Pool(workers=1, name="parse")
    lingering = ChildSpec(id="lingering", start=Lingering, args=(here, end), shutdown=PATIENCE)
    tree = Tree("service", [pool.child_spec(), lingering]).start()
    assert pool.wait_ready(PATIENCE)
    stopper = threading.Thread(target=tree.stop, args=(PATIENCE,))
    stopper.start()
    assert here.wait(PATIENCE)

    text = told("tree", str(os.getpid()))
    end.set()
    stopper.join(PATIENCE)

    assert "service  state=ending" in text
    assert all(f"─ {name}" in text for name in ("lingering", "parse", "bridge", "workers", "1"))


def test_help_tells_what_can_be_asked(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both verbs, what WHICH may be, and the exit status; what is no verb is refused with those there are."""
    with pytest.raises(SystemExit) as caught:
        command_line.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(
        word in text for word in ("tree ", "status ", "WHICH is the process id", "--json", "Exit status")
    )
    with pytest.raises(SystemExit) as caught:
        command_line.main(["trees"])
    assert caught.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_it_is_a_program(place: Path) -> None:
    """``python -m actors``, from another process, with its exit status; a reader that leaves early is no error."""
    with Pool(workers=1, name="parse"):
        command = [sys.executable, "-P", "-m", "actors", "status", "--json", str(os.getpid())]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert json.loads(done.stdout)["pools"][0]["name"] == "parse"
        read, write = os.pipe()
        os.close(read)
        cut = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        os.close(write)
        assert (cut.returncode, cut.stderr) == (0, b"")
