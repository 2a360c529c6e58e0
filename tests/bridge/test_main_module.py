"""Functions of a script's own __main__: run by file, by -m, and from a session without a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import attrs
from bridge_house import House


@attrs.frozen
class Box:
    content: int


class Trouble(Exception):
    pass


def double(box):
    return Box(2 * box.content)


def fail():
    raise Trouble("of my own")


def main():
    house = House()
    life = house.ready()
    assert life.call(len, "a string that says __main__") == 27
    result = life.call(double, Box(21))
    assert result == Box(42) and type(result) is Box, result
    try:
        life.call(fail)
    except Trouble as error:
        assert "fail" in error.__cause__.text
    house.close()
    print("done")
"""
GUARDED = SCRIPT + "\nif __name__ == '__main__':\n    main()\n"
UNGUARDED = SCRIPT + "\nmain()\n"

#: Makes cloudpickle unimportable, as on a machine where it is not installed.
WITHOUT = "import sys; sys.modules['cloudpickle'] = None\n"


def run(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Python that can import what this one can."""
    return subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )


def test_run_by_file(tmp_path: Path) -> None:
    """Functions, arguments, results and exceptions of a script, though the worker knows it under another name."""
    (tmp_path / "script.py").write_text(GUARDED)

    done = run("script.py", cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("name", ["package.program", "package"])
def test_run_by_module(tmp_path: Path, name: str) -> None:
    """The same with -m, of a module and of a package's __main__; the current directory is on the path then."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "program.py").write_text(GUARDED)
    (tmp_path / "package" / "__main__.py").write_text(GUARDED)

    done = run("-m", name, cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("done\n", "")


def test_an_unguarded_script_says_so(tmp_path: Path) -> None:
    """Loaded by a worker, it would launch workers of its own without end; the error tells of the guard."""
    (tmp_path / "script.py").write_text(UNGUARDED)

    done = run("script.py", cwd=tmp_path)

    assert done.returncode == 1
    assert "if __name__ == '__main__'" in done.stderr


@pytest.mark.parametrize("way", ["-c", "stdin"])
def test_a_session_with_cloudpickle(way: str) -> None:
    """Without a file, what the session defines goes by value and comes back as the session's own class."""
    pytest.importorskip("cloudpickle")

    done = run("-c", GUARDED) if way == "-c" else run("-", stdin=GUARDED)

    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("way", ["-c", "stdin"])
def test_a_session_without_cloudpickle(way: str) -> None:
    """The error gives the line that installs it."""
    done = run("-c", WITHOUT + GUARDED) if way == "-c" else run("-", stdin=WITHOUT + GUARDED)

    assert done.returncode == 1
    assert "pip install 'treewarden[pickle]'" in done.stderr.splitlines()[-1]


def test_a_session_without_cloudpickle_sends_what_is_no_part_of_it() -> None:
    """The twin: functions of modules go as ever, also with a string that merely says __main__."""
    program = """
from bridge_house import House
house = House()
life = house.ready()
print(life.call(len, "__main__"))
house.close()
"""
    done = run("-c", WITHOUT + program)

    assert (done.stdout, done.stderr) == ("8\n", "")
