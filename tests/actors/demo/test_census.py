"""One file's counts, exactly; and every way in which a file can fail to be counted."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from actors.demo.census import DEEPEST, FileError, FileReport, Function, examine

SAMPLE = '''\
"""A sample."""
import os, json.decoder
from . import sibling
from ..up import helper as h

__all__ = ["exported", "Thing"]
LIMIT, (unused, *rest) = 3, (4, 5)


def exported(a, b=LIMIT):
    if a and b or os.sep:
        return [x for x in a if x if b]
    for _ in a:
        while b:
            b -= 1
    try:
        pass
    except ValueError:
        pass
    return 1 if a else 2


class Thing(sibling.Base):
    field = 1

    @property
    def value(self):
        def inner():
            assert self.field
        return inner

    async def later(self):
        match self:
            case 1:
                return 1
            case _:
                pass
'''


def report(tmp_path: Path, text: str) -> FileReport:
    (tmp_path / "sample.py").write_text(text, encoding="utf-8")
    found = examine(str(tmp_path), "sample.py")
    assert isinstance(found, FileReport)
    return found


def reason(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "sample.py").write_bytes(data)
    found = examine(str(tmp_path), "sample.py")
    assert isinstance(found, FileError)
    assert found.path == "sample.py"
    assert "\n" not in found.reason
    return found.reason


def test_a_sample_is_counted_exactly(tmp_path: Path) -> None:
    """Lines, functions with complexity, classes, imports, names defined and used: each number by hand."""
    found = report(tmp_path, SAMPLE)

    assert found.lines == 37
    assert found.classes == 1
    assert found.functions == (
        # 1; if 1; and, or 1 + 1; comprehension 1 + 2 ifs; for 1; while 1; except 1; conditional 1
        Function("exported", 10, 11, 11),
        Function("Thing.value", 27, 4, 1),
        Function("Thing.value.inner", 28, 2, 1),
        Function("Thing.later", 32, 6, 3),
    )
    assert found.imports == {"os", "json.decoder", ".", "..up"}
    assert found.defined == {
        "__all__": 6,
        "LIMIT": 7,
        "unused": 7,
        "rest": 7,
        "exported": 10,
        "Thing": 23,
        "value": 27,
        "inner": 28,
        "later": 32,
    }
    assert {
        "exported",
        "Thing",
        "LIMIT",
        "sep",
        "Base",
        "helper",
        "sibling",
        "property",
        "field",
    } <= found.used
    assert not {"unused", "rest", "later", "_"} & found.used


@pytest.mark.parametrize(("text", "lines"), [("", 0), ("a", 1), ("a\n", 1), ("a\nb", 2), ("a\r\nb\rc\n", 3)])
def test_lines_are_counted_with_any_line_end(tmp_path: Path, text: str, lines: int) -> None:
    """A last line without its newline counts; CR and CRLF are newlines, as for the parser."""
    (tmp_path / "sample.py").write_bytes(text.encode())
    found = examine(str(tmp_path), "sample.py")

    assert isinstance(found, FileReport)
    assert found.lines == lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"# coding: no-such-thing\n", "does not decode: unknown encoding: no-such-thing"),
        (b"x = '\xff'\n", "does not decode: invalid or missing encoding declaration"),
        (b"# coding: hex\nx = 1\n", "does not decode: "),
        (b"x = 1\0\n", "does not decode: contains null bytes"),
        (b"x = (\n", "does not parse: line 1: '(' was never closed"),
        (b"def f():\npass\n", "does not parse: line 2: expected an indented block"),
        (b"# coding: unicode_escape\nx = '\\ud800'\n", "does not parse: "),
        (b"x = " + b"-" * 100_000 + b"1\n", "nests too deeply"),
        (b"x = " + b"+".join([b"1"] * 50_000) + b"\n", "nests too deeply"),
        (b"x = " + b"+".join([b"1"] * (DEEPEST + 1)) + b"\n", "nests too deeply"),
    ],
)
def test_what_does_not_decode_or_parse_is_an_error_of_one_line(
    tmp_path: Path, data: bytes, expected: str
) -> None:
    """Nothing is dropped, and no exception of the parser gets out, whichever it raises."""
    assert reason(tmp_path, data).startswith(expected)


def test_deep_nesting_below_the_limit_is_counted(tmp_path: Path) -> None:
    """The twin of the deep ones: some hundred levels are no error."""
    assert report(tmp_path, "x = " + "+".join(["1"] * (DEEPEST // 2)) + "\n").lines == 1


def test_no_warning_of_the_parser_gets_out(tmp_path: Path) -> None:
    """An invalid escape counts, silently; the suite turns a warning that got out into an error."""
    assert report(tmp_path, "x = '\\d'\nx is 1\n").lines == 2


def test_what_is_no_regular_file_is_an_error_at_once(tmp_path: Path) -> None:
    """Directories, FIFOs (which would hang), devices and dangling links are named for what they are."""
    (tmp_path / "dir.py").mkdir()
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "big.py").touch()
    os.truncate(tmp_path / "big.py", 1 << 40)

    def of(name: str) -> str:
        found = examine(str(tmp_path), name)
        assert isinstance(found, FileError)
        return found.reason

    assert of("dir.py") == "not a regular file but a directory"
    assert of("fifo.py") == "not a regular file but a FIFO"
    assert of("device.py") == "not a regular file but a device"
    assert of("dangling.py") == "cannot be read: No such file or directory"
    assert of("loop.py") == "cannot be read: Too many levels of symbolic links"
    assert of("big.py").startswith("has 1099511627776 bytes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error(tmp_path: Path) -> None:
    """It is reported, with the system's word for it."""
    (tmp_path / "secret.py").touch(mode=0)

    assert examine(str(tmp_path), "secret.py") == FileError("secret.py", "cannot be read: Permission denied")


LIMITED = """
import resource, sys
from actors.demo.census import examine
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (int(sys.argv[3]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print(examine(sys.argv[1], sys.argv[2]).reason)
except MemoryError:
    print("MemoryError")
"""


@pytest.mark.parametrize(
    ("text", "room", "said"),
    [
        ("x = " + "-" * 100_000 + "1\n", 256, "nests too deeply"),
        ("x = [" + "(1, 2),\n" * 500_000 + "]\n", 64, "MemoryError"),
    ],
)
def test_a_parser_out_of_stack_is_told_from_a_process_out_of_memory(
    tmp_path: Path, text: str, room: int, said: str
) -> None:
    """Both raise MemoryError under a limit; only the second may end the worker."""
    (tmp_path / "sample.py").write_text(text)
    command = [sys.executable, "-c", LIMITED, str(tmp_path), "sample.py", str(room)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=path_env(), check=False)

    assert (done.stdout.strip(), done.stderr) == (said, "")


def test_the_analysis_is_light() -> None:
    """A worker that imports it gets the standard library alone: no attrs, pykka, zmq or loguru."""
    script = "import sys, actors.demo.table, actors.demo.poison; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=50, env=path_env(), check=True
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "actors" in loaded
    assert not loaded & {"attr", "attrs", "pykka", "zmq", "loguru", "asyncio", "sqlite3"}


def test_the_memory_limit_of_the_suite_is_none() -> None:
    """The cases above count on it: without a limit, a MemoryError of the parser is its own."""
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def path_env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
