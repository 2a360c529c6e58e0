"""Other Pythons: refused before anything starts, with the remedy, or run with the bridge alone on their path."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import bridge_functions as there
import pytest
from bridge_house import House

from bridge.errors import InterpreterUnusable
from bridge.options import InterpreterOptions
from bridge.probe import check_interpreter


def pythons() -> list[str]:
    """Return the Pythons that this machine shows: on PATH by name, and pyenv's."""
    names = [f"python3.{minor}" for minor in range(6, 20)] + ["python3"]
    found = [path for name in names if (path := shutil.which(name))]
    if (pyenv := shutil.which("pyenv")) is not None:
        root = subprocess.run(
            [pyenv, "root"], capture_output=True, text=True, timeout=30, check=False
        ).stdout.strip()
        found += sorted(map(str, Path(root).glob("versions/*/bin/python")))
    return found


def version(python: str) -> tuple[int, ...]:
    """Return which Python it is; () if it does not run (pyenv's shims may not)."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", question], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return ()
    return tuple(map(int, done.stdout.split()))


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A virtual environment of this Python, without pyzmq."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True, timeout=50
    )
    return str(tmp_path / "bare" / "bin" / "python")


def with_pyzmq(python: str, where: Path) -> str | None:
    """Return *python*, if it has pyzmq, or a virtual environment of it with pyzmq; None if neither can be had."""
    try:
        return check_interpreter(InterpreterOptions(python=python)).executable
    except InterpreterUnusable:
        made = str(where / "bin" / "python")
    for command in ([python, "-m", "venv", str(where)], [made, "-m", "pip", "install", "--quiet", "pyzmq"]):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
    return made


def script(path: Path, text: str) -> str:
    """Return an executable file."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_without_pyzmq(bare: str, no_leaks: None) -> None:
    """The error names the Python, what is missing, and the command that installs it there."""
    with pytest.raises(InterpreterUnusable) as caught:
        check_interpreter(InterpreterOptions(python=bare))

    assert caught.value.python == bare
    assert str(caught.value).endswith(f"{bare} -m pip install pyzmq")


def test_nothing_is_started(bare: str, house: House) -> None:
    """A launch raises it, too, and no worker, socket or entry comes of it."""
    before = {*Path(house.hub.run.path).iterdir()}

    with pytest.raises(InterpreterUnusable, match="pyzmq"):
        house.launch(python=bare)
    assert {*Path(house.hub.run.path).iterdir()} == before


def test_another_version() -> None:
    """A Python that is too old is named with its version and what is needed."""
    old = [python for python in pythons() if () < version(python) < (3, 11)]
    if not old:
        pytest.skip("no Python older than 3.11 on PATH or in pyenv")

    with pytest.raises(InterpreterUnusable, match=r"3\.11 or later") as caught:
        check_interpreter(InterpreterOptions(python=old[0]))
    assert ".".join(map(str, version(old[0]))) in caught.value.found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("exit 3", "exit code 3"),
        ("echo no licence >&2; exit 1", "no licence"),
        ('echo \'[[3, 9, 1], "/usr", "26.0", "cpython"]\'', "3.9.1"),
        ('echo \'[[3, 12, 1], "/usr", "26.0", "pypy"]\'', "pypy"),
        ("echo rubbish", "rubbish"),
    ],
)
def test_what_is_no_python(tmp_path: Path, text: str, found: str) -> None:
    """Whatever it says instead of what was asked is told."""
    with pytest.raises(InterpreterUnusable, match=found):
        check_interpreter(InterpreterOptions(python=script(tmp_path / "python", text)))


@pytest.mark.parametrize("python", ["", "/no/such/python", "no-such-python", "/etc/passwd"])
def test_what_cannot_be_run(python: str) -> None:
    """A path that leads nowhere, a name that is not on PATH, a file that is not executable."""
    with pytest.raises(InterpreterUnusable):
        check_interpreter(InterpreterOptions(python=python))


def test_our_own_python_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started for what this process knows of itself."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)

    assert check_interpreter(InterpreterOptions()).is_ours


def test_an_answer_is_kept_and_a_refusal_is_not(tmp_path: Path) -> None:
    """A Python is asked once as long as its file does not change; who followed the remedy is asked again."""
    count = tmp_path / "count"
    answer = 'echo \'[[3, 12, 1], "/usr", "26.0", "cpython"]\''
    python = script(tmp_path / "python", f"echo >> {count}; {answer}")
    for _ in range(2):
        assert not check_interpreter(InterpreterOptions(python=python)).is_ours
    assert len(count.read_text().splitlines()) == 1

    refused = script(tmp_path / "bad", f"if test -e {tmp_path}/fixed; then {answer}; else exit 1; fi")
    with pytest.raises(InterpreterUnusable):
        check_interpreter(InterpreterOptions(python=refused))
    (tmp_path / "fixed").touch()
    check_interpreter(InterpreterOptions(python=refused))


def test_a_virtual_environment_of_the_same_version_is_another_python(bare: str, house: House) -> None:
    """With pyzmq (by a .pth file) it works; its path is its own, with the bridge alone and its options in front."""
    import attrs
    import zmq

    site = next(Path(bare).parent.parent.glob("lib/python*/site-packages"))
    libraries = Path(zmq.__file__).parent.parent
    # pyzmq's wheel keeps its own libzmq beside the package.
    for path in (Path(zmq.__file__).parent, *libraries.glob("pyzmq*")):
        (site / path.name).symlink_to(path)

    life = house.ready(python=bare, path=[str(Path(there.__file__).parent)])
    found = life.call(there.import_path)

    assert found[:2] == [str(house.hub.run.library), str(Path(there.__file__).parent)]
    assert [entry.name for entry in Path(found[0]).iterdir()] == ["bridge"]
    assert str(libraries) not in found
    assert Path(attrs.__file__).parent.parent == libraries, "the test would show nothing"


@pytest.mark.timeout(200)
def test_another_supported_python(house: House, tmp_path: Path) -> None:
    """A worker of another version runs calls with the bridge alone on its path."""
    ours = tuple(sys.version_info[:2])
    for python in pythons():
        theirs = version(python)
        if (
            theirs >= (3, 11)
            and theirs != ours
            and (found := with_pyzmq(python, tmp_path / "venv")) is not None
        ):
            life = house.ready(python=found)
            assert life.call(eval, "__import__('sys').version_info[:2]") == theirs
            library = Path(life.call(eval, "__import__('sys').path[0]"))
            assert [entry.name for entry in library.iterdir()] == ["bridge"]
            return
    pytest.skip("no other Python >= 3.11 on PATH or in pyenv that has pyzmq or can install it")
