"""Functions of a script's own __main__: run as a script, a directory, a zip, by -m, and from a session without a file."""

from __future__ import annotations

import importlib.machinery
import os
import shutil
import subprocess
import sys
import threading
import types
import zipapp
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.interpreter import main_module as loading
from bridge.payload import main_module

SCRIPT = """
import attrs
from bridge.errors import RemoteError
from bridge_house import House


@attrs.frozen
class Box:
    content: int


class Trouble(Exception):
    pass


def double(box):
    return Box(2 * box.content)


class Stubborn(Exception):
    def __init__(self, what, who):
        super().__init__(f"{what} by {who}")

    def __reduce__(self):
        return Stubborn, self.args


def fail():
    raise Trouble("of my own")


def fail_badly():
    raise Stubborn("done", Box)


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
        assert "__mp_main__" not in error.__cause__.text
    try:
        life.call(fail_badly)
    except RemoteError as error:
        assert error.type_name == "__main__.Stubborn", error
        assert "by <class '__main__.Box'>" in error.description, error
        assert "Stubborn.__init__() missing" in error.obstacle, error
        assert "__mp_main__" not in str(error) + error.traceback
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


#: A main module with a module beside it, one more that is imported late, and a directory that it leaves.
PROGRAM = """
import os, sys, threading
{origin}import beside
from bridge_house import House


def late(left):
    {origin}import later
    return left + beside.VALUE + later.VALUE, sys.path[0] == os.environ["FIRST"]


if __name__ == "__main__":
    os.environ["FIRST"] = sys.path[0]
    os.chdir("/")
    house = House()
    print(house.ready().call(late, 1))
    house.close()
"""


def lay_out(directory: Path, main: str, *, origin: str = "") -> Path:
    """Make *directory*, with PROGRAM in it as *main* and the modules that it imports."""
    directory.mkdir(parents=True)
    (directory / main).write_text(PROGRAM.format(origin=origin))
    (directory / "beside.py").write_text("VALUE = 10")
    (directory / "later.py").write_text("VALUE = 100")
    return directory


def as_script(base: Path) -> list[str]:
    """Return the arguments that run a script."""
    lay_out(base / "scripts", "program.py")
    return ["scripts/program.py"]


def as_directory(base: Path) -> list[str]:
    """Return the arguments that run a directory."""
    lay_out(base / "application", "__main__.py")
    return ["application"]


def as_zip(base: Path) -> list[str]:
    """Return the arguments that run a zip file."""
    zipapp.create_archive(lay_out(base / "source", "__main__.py"), base / "application.pyz")
    return ["application.pyz"]


def as_directory_in_a_zip(base: Path) -> list[str]:
    """Return the arguments that run a directory within a zip file."""
    lay_out(base / "source" / "inner", "__main__.py")
    shutil.make_archive(str(base / "outer"), "zip", base / "source")
    return ["outer.zip/inner"]


def as_package(base: Path) -> list[str]:
    """Return the arguments that run a package."""
    (lay_out(base / "package", "__main__.py", origin="from package ") / "__init__.py").touch()
    return ["-m", "package"]


def as_module(base: Path) -> list[str]:
    """Return the arguments that run a module of a package."""
    (lay_out(base / "package", "program.py", origin="from package ") / "__init__.py").touch()
    return ["-m", "package.program"]


@pytest.mark.parametrize(
    "way", [as_script, as_directory, as_zip, as_directory_in_a_zip, as_package, as_module]
)
def test_ways_to_run_a_program(tmp_path: Path, way: Callable[[Path], list[str]]) -> None:
    """Its functions, and what lies beside it, are found by the worker, though the service has gone elsewhere since."""
    done = run(*way(tmp_path), cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("(111, True)\n", "")


def test_a_script_under_a_profiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Some make a main module with a spec that says __main__, as a directory's does: it is the script all the same."""
    script = tmp_path / "script.py"
    script.touch()
    main = types.ModuleType("__main__")
    main.__file__ = str(script)
    main.__spec__ = importlib.machinery.ModuleSpec("__main__", None, origin=str(script))
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert main_module() == (None, str(script))


def test_what_a_program_defines(tmp_path: Path) -> None:
    """Functions, arguments, results and exceptions of a script, though the worker knows it under another name.

    A person reads of them by the name that the script has in its own process.
    """
    (tmp_path / "script.py").write_text(GUARDED)

    done = run("script.py", cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("way", ["application", "-m"])
def test_what_a_program_without_a_script_defines(tmp_path: Path, way: str) -> None:
    """The same of a directory and of a package."""
    (tmp_path / "application").mkdir()
    (tmp_path / "application" / "__main__.py").write_text(GUARDED)

    done = run("application", cwd=tmp_path) if way != "-m" else run("-m", "application", cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize("name", ["script.py", "__main__.py"])
def test_an_unguarded_script_says_so(tmp_path: Path, name: str) -> None:
    """Loaded by a worker, it would launch workers of its own without end; the error tells of the guard."""
    (tmp_path / name).write_text(UNGUARDED)

    done = run("script.py" if name == "script.py" else ".", cwd=tmp_path)

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


def test_only_the_thread_that_loads_it_may_start_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call beside the one that loads the script, in a worker that runs several, is not a part of that."""
    monkeypatch.setattr(loading, "_loading", threading.get_ident())
    assert loading.is_loading()
    with ThreadPoolExecutor(1) as beside:
        assert beside.submit(loading.is_loading).result(20) is False
