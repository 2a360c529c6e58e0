"""Before there is anything to interrupt: Ctrl-C while modules load and while the interpreter ends; other platforms."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from interruptible import sigint_as_by_default
from main_job import command, environment

from actors.demo.interrupt import draining_on_interrupt

#: Runs in every Python that finds it; strikes the main job alone, when it looks for the module named STRIKE_AT.
STRIKES = """
import atexit, os, signal, sys

class Striker:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["STRIKE_AT"]:
            os.kill(os.getpid(), signal.SIGINT)

if "actors.demo" in sys.orig_argv:
    sys.meta_path.insert(0, Striker())
    if os.environ["STRIKE_AT"] == "the end":
        atexit.register(os.kill, os.getpid(), signal.SIGINT)
"""

FIRST = "bridge.errors"  # what the program itself imports first; before that, Python is not ours yet


def start(hook: Path, text: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the main job where *text* runs first, as a sitecustomize."""
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(text)
    given = environment(**more)
    given["PYTHONPATH"] = os.pathsep.join((str(hook), given["PYTHONPATH"]))
    with sigint_as_by_default():
        return subprocess.run(
            command("--workers", "1", *arguments),
            env=given,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )


@pytest.mark.parametrize(
    "module", [FIRST, "actors.demo.cli", "attr", "zmq", "zmq.backend.cython", "pykka", "actors.pool", "actors.demo.verify", "loguru"]
)  # fmt: skip
def test_ctrl_c_while_modules_load_is_one_line(
    tmp_path: Path, sources: Path, no_leaks: None, module: str
) -> None:
    """A real SIGINT in the middle of an import: no traceback, the exit code of an interrupted run, nothing begun."""
    done = start(tmp_path / "hook", STRIKES, str(sources), "--log", "error", STRIKE_AT=module)

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "python -m actors.demo: interrupted\n"


def test_without_ctrl_c_they_load(tmp_path: Path, sources: Path, no_leaks: None) -> None:
    """The twin: the hook itself disturbs nothing."""
    done = start(tmp_path / "hook", STRIKES, str(sources), "--log", "error", STRIKE_AT="nothing")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Complete" in done.stdout


def test_ctrl_c_while_the_interpreter_ends_changes_nothing(
    tmp_path: Path, sources: Path, no_leaks: None
) -> None:
    """Everything was said by then: the exit code stays, and no traceback of Python's own end is added."""
    done = start(tmp_path / "hook", STRIKES, str(sources), STRIKE_AT="the end")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Complete" in done.stdout


def test_who_ignores_ctrl_c_goes_on_ignoring_it(tmp_path: Path, sources: Path, no_leaks: None) -> None:
    """A job in the background of a script has it ignored from its start; the terminal's Ctrl-C is not meant for it."""
    ignoring = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + STRIKES
    done = start(tmp_path / "hook", ignoring, str(sources), STRIKE_AT="actors.demo.cli")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("ignored", "drained"), [(True, 0), (False, 1)])
def test_who_ignores_ctrl_c_is_not_drained_by_it(ignored: bool, drained: int) -> None:
    """Nor while it works; the twin listens. Afterwards all is as it was."""
    asked: list[bool] = []
    given = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        before = signal.getsignal(signal.SIGINT)
        with draining_on_interrupt(lambda: asked.append(True)):
            os.kill(os.getpid(), signal.SIGINT)
        assert len(asked) == drained
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, given)


def test_where_it_does_not_run_it_says_so(tmp_path: Path, sources: Path, no_leaks: None) -> None:
    """One line before any module is imported that such a platform does not have."""
    done = start(
        tmp_path / "hook", "import os, sys\ndel os.pidfd_open\nsys.modules['resource'] = None\n", str(sources)
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("python -m actors.demo: ")
    assert "pidfd_open" in done.stderr
    assert done.stderr.count("\n") == 1
