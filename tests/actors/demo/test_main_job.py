"""The main job as a person runs it: a process of its own, from its command line to its exit code."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from interruptible import sigint_as_by_default
from main_job import command, environment
from processes import alive_after, marked

from actors.demo.census import FileError
from actors.demo.plan import make_plan

MARK = "TREEWARDEN_DEMO_TEST"
DemoJson = Callable[..., tuple[int, dict[str, Any]]]


def test_a_plain_census_is_complete_and_equal(sources: Path, demo_json: DemoJson) -> None:
    """The twin of every test with deaths: nothing dies, nothing moves, everything equals."""
    code, found = demo_json(sources, "--verify")

    assert code == 0, found["faults"]
    assert found["verified"] is True
    assert found["files"] == 36
    assert [error["path"] for error in found["errors"]] == ["left/m00.py"]
    assert found["totals"] == {
        "files": 36,
        "errors": 1,
        "lines": 140,
        "functions": 35,
        "classes": 0,
        "imports": 1,
    }
    assert (found["kills"], found["planned_kills"], found["deaths"]) == ([], 0, [])
    assert (found["moves"], found["replays"], found["lost"]) == (0, 0, [])
    assert found["seconds"] > 0
    assert found["files_per_second"] > 0
    assert found["tree"]["children"]
    assert {worker["restarts"] for worker in found["workers"]} == {0}


def test_every_planned_kill_strikes_and_nothing_is_lost(sources: Path, demo_json: DemoJson) -> None:
    """Each worker is killed while it works on the file; the sessions move, replay, and all equals in the end."""
    plan = make_plan(str(sources), seed=3, chaos=0.3)
    struck = sorted(path for session in plan.sessions for path in session.strikes)
    assert struck

    code, found = demo_json(sources, "--chaos", 0.3, "--seed", 3, "--verify")

    assert code == 0, found["faults"]
    assert found["verified"] is True
    assert sorted(kill["path"] for kill in found["kills"]) == struck
    assert {kill["signal"] for kill in found["kills"]} == {"SIGKILL"}
    assert found["planned_kills"] == len(struck)
    assert found["moves"] >= len(struck)
    assert found["replays"] > 0
    assert {kill["pid"] for kill in found["kills"]} <= {death["pid"] for death in found["deaths"]}
    assert sum(worker["restarts"] for worker in found["workers"]) > 0


@pytest.mark.parametrize("affinity", [True, False])
def test_without_affinity_it_fails_verification(tmp_path: Path, demo_json: DemoJson, affinity: bool) -> None:
    """The proof that state lives in one worker, and that its loss is seen; with affinity, the same is complete."""
    for number in range(18):
        # Files that take some milliseconds, so that both workers are at work at once; and three sessions, which cannot
        # take turns at two workers so that each always finds its own again.
        directory = tmp_path / f"package{number % 3}"
        directory.mkdir(exist_ok=True)
        (directory / f"m{number}.py").write_text("def f(a):\n    return a or f(a)\n" * 300)

    code, found = demo_json(tmp_path, "--verify", *([] if affinity else ["--no-affinity"]))

    if affinity:
        assert (code, found["verified"], found["lost"]) == (0, True, [])
        return

    assert code == 1
    assert found["verified"] is False
    assert found["lost"]
    assert any("lost" in difference for difference in found["differences"])


def test_each_poison_ends_as_its_account_and_the_rest_completes(sources: Path, demo_json: DemoJson) -> None:
    """Signal, deadline, memory or exit code; pid, file and last output: each death is told rightly."""
    code, found = demo_json(sources, "--poison", "--verify")

    assert code == 0, found["faults"]
    assert found["verified"] is True
    assert found["files"] == 36
    assert [death["as_expected"] for death in found["poison"]] == [True] * 4
    deaths = {death["path"]: death for death in found["deaths"]}
    assert deaths["poison_segfault.py"]["signal"] == "SIGSEGV"
    assert deaths["poison_exit.py"]["exit_code"] == 3
    assert deaths["poison_hang.py"]["verdict"] == "deadline"
    assert deaths["poison_memory.py"]["verdict"] == "out of memory"
    assert deaths["poison_memory.py"]["out_of_memory"] == "its own limit"
    assert deaths["poison_memory.py"]["peak_memory"]["exact"]
    for path, function in (("poison_segfault.py", "in segfault"), ("poison_hang.py", "in hang")):
        assert any(function in line for line in deaths[path]["stacks"])
    for path, death in deaths.items():
        assert death["pid"] > 0
        assert any(f"{path}: 2 lines, about to" in line or "3 lines" in line for line in death["last_output"])
    # The hang is the last to end: the tree shows its successor, and the same deaths as the accounts.
    assert {worker["state"] for worker in found["workers"]} == {"ready"}
    (pool,) = (node for node in found["tree"]["children"][0]["children"] if node["id"] == "pool")
    assert pool["status"]["deaths"] == len(found["deaths"]) == 4


def test_the_summary_tells_it_to_people(sources: Path, demo: Callable[..., Any]) -> None:
    """Totals, complexity, dead code, errors, accounts, throughput, the tree: each in words, and no escape codes."""
    done = demo(sources, "--chaos", 0.2, "--poison", "--verify", "--compare", "--deadline", 20)

    assert done.returncode == 0, done.stdout
    for words in ("36 files", "Most complex", "Dead code", "left/m00.py", "poison_segfault.py", "SIGSEGV", "about to read address 0",
                  "nothing lost", "struck", "files/s", "BrokenProcessPool", "planned strikes", "The tree", "census", "Verified"):  # fmt: skip
        assert words in done.stdout, words
    assert "\x1b" not in done.stdout
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_without_unicode_is_told_in_ascii(sources: Path, demo: Callable[..., Any]) -> None:
    """The same summary, where the encoding has no lines and ticks."""
    done = demo(sources, PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "+ Complete" in done.stdout


def test_the_log_is_the_trees_events(sources: Path, demo: Callable[..., Any]) -> None:
    """With --log, and only with it, what happens in the tree is on stderr, down to the level asked for."""
    silent = demo(sources, "--chaos", 0.2)
    told = demo(sources, "--chaos", 0.2, "--log", "info")

    assert silent.stderr == ""
    assert "SIGKILL" in told.stderr


@contextmanager
def running(
    *arguments: str, patience: float = 5.0, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the main job and give it, with the pid of its first worker that is ready; in the end nothing may be left."""
    token = secrets.token_hex(8)
    with sigint_as_by_default():
        demo = subprocess.Popen(
            command("--workers", "2", "--json", "--log", "DEBUG", *arguments),
            env=environment(**{MARK: token}, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert demo.stderr is not None
        ready = next(filter(None, (re.search(r"is ready: pid (\d+)", line) for line in demo.stderr)))
        yield demo, int(ready[1])
        left = marked(MARK, token)
        try:
            assert alive_after(left.values(), patience) == 0
        finally:
            for pidfd in left.values():
                os.close(pidfd)
    finally:
        demo.kill()
        demo.communicate(timeout=10)


def test_ctrl_c_drains_and_tells_what_was_done() -> None:
    """No further file is begun, the tables are read, nothing acknowledged is lost; the exit code is 130."""
    with running() as (demo, _worker):
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=40)

        found = json.loads(out)
        assert demo.returncode == 130
        assert found["interrupted"] is True
        assert 0 < found["files"] < make_plan().files
        assert found["lost"] == []
        assert "Traceback" not in err


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """Even if a worker does not answer: here it is stopped, so that draining would last as long as a deadline.

    When the demo has ended, its processes have, too, and nothing is left on the disk.
    """
    places = {"TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": ""}
    with running(patience=0.0, **places) as (demo, worker):
        os.kill(worker, signal.SIGSTOP)
        assert demo.stderr is not None
        demo.send_signal(signal.SIGINT)
        assert any("draining" in line for line in demo.stderr)

        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=20)

        assert demo.returncode == 130
        assert out == ""
        assert "interrupted" in err
        assert "Traceback" not in err
        assert [*tmp_path.iterdir()] == []


def test_a_closed_stdout_ends_it_quietly(sources: Path) -> None:
    """As with ``| head``: no traceback, the exit code of a program that ended by SIGPIPE, nothing left."""
    with running(str(sources)) as (demo, _worker):
        assert demo.stdout is not None
        demo.stdout.close()
        demo.stdout = None

        _, err = demo.communicate(timeout=40)

        assert demo.returncode == 141
        assert "Error" not in err
        assert "Exception" not in err


def test_what_nobody_can_read_is_in_the_errors(sources: Path, demo_json: DemoJson) -> None:
    """A FIFO, a directory, a dangling link, deep nesting: the worker reports what the serial census does."""
    os.mkfifo(sources / "fifo.py")
    (sources / "dir.py").mkdir()
    (sources / "dangling.py").symlink_to("nowhere")
    (sources / "deep.py").write_text("x = " + "-" * 100_000 + "1\n")
    (sources / "nulls.py").write_bytes(b"x = 1\0\n")

    code, found = demo_json(sources, "--verify")

    assert code == 0, found["faults"]
    assert found["verified"] is True
    errors = [FileError(**error) for error in found["errors"]]
    assert [error.path for error in errors] == [
        "dangling.py", "deep.py", "dir.py", "fifo.py", "left/m00.py", "nulls.py"]  # fmt: skip
    assert errors[1].reason == "nests too deeply"


def test_names_that_would_break_a_line_do_not(tmp_path: Path, demo: Callable[..., Any]) -> None:
    """Of directories, files that count and files that do not: the same lines as with harmless names."""
    told = []
    for mark in ("_", "\n", "\x1b[2J"):
        root = tmp_path / f"root{mark}x"
        (root / f"pack{mark}age").mkdir(parents=True)
        (root / f"pack{mark}age" / f"fi{mark}le.py").write_text("def unused():\n    return 1\n")
        (root / f"ba{mark}d.py").write_text("def (:\n")
        done = demo(root, "--chaos", 1, "--verify")
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)

    harmless, broken, steering = told
    assert broken.count("\n") == harmless.count("\n")
    assert "fi\\nle.py" in broken
    assert steering.count("\n") == harmless.count("\n")
    assert "\x1b" not in steering


@pytest.mark.parametrize("arguments", [("/nowhere",), ("--workers", "0"), ("--chaos", "2")])
def test_bad_input_is_one_line(demo: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    """Exit code 2, nothing on stdout, nothing started."""
    done = demo(*arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
