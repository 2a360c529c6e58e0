"""Tables of slices become one census: totals, the worst functions, and dead code that needs every slice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.demo import table
from actors.demo.census import FileError
from actors.demo.packages import ComplexFunction, DeadName, merge
from actors.demo.table import Table, Totals

FILES = {
    "a.py": "def used_by_b(): pass\ndef dead(): pass\ndef test_it(): pass\nclass C:\n    def __init__(self): pass\n",
    "b.py": "from a import used_by_b\nimport os.path\nx = used_by_b(C)\ndef loop(n):\n    while n: n -= x\n",
    "c.py": "loop(\n",
}


@pytest.fixture
def slices(tmp_path: Path) -> Iterator[dict[str, Table]]:
    """Each of FILES in a session of its own."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
        table.add_file(name, str(tmp_path), name)
    yield {name: table.read(name) for name in FILES}
    for name in FILES:
        table.forget(name)


def test_a_name_is_dead_only_if_no_slice_uses_it(slices: dict[str, Table]) -> None:
    """One slice defines, another uses: only all slices together can tell; tests and dunders are called by others."""
    whole = merge((".", found) for found in slices.values())
    half = merge([(".", slices["a.py"])])

    assert [name.name for name in whole.packages[0].dead] == ["dead", "loop"]
    assert whole.packages[0].dead[0] == DeadName("a.py", 2, "dead")
    assert [name.name for name in half.packages[0].dead] == ["used_by_b", "dead", "C"]


def test_the_same_name_used_in_another_package_does_not_count(slices: dict[str, Table]) -> None:
    """A package is a directory."""
    apart = merge([("p", slices["a.py"]), ("q", slices["b.py"])])

    assert [(package.directory, len(package.dead)) for package in apart.packages] == [("p", 3), ("q", 1)]


def test_totals_are_those_of_the_workers(slices: dict[str, Table]) -> None:
    """Files with errors count as files; what never came to a table is added."""
    whole = merge(((".", found) for found in slices.values()), [FileError("dir", "cannot be listed")])

    assert whole.totals == Totals(files=4, errors=2, lines=10, functions=5, classes=1)
    assert [error.path for error in whole.errors] == ["c.py", "dir"]
    assert whole.imports == ("a", "os.path")
    assert whole.most_complex[0] == ComplexFunction("loop", "b.py", 4, 2, 2)
    assert whole.longest == ComplexFunction("loop", "b.py", 4, 2, 2)


def test_the_order_of_tables_makes_no_difference(slices: dict[str, Table]) -> None:
    """Sessions end in any order."""
    tables = [(".", found) for found in slices.values()]

    assert merge(tables) == merge(reversed(tables))


def test_adding_a_file_again_changes_nothing(tmp_path: Path, slices: dict[str, Table]) -> None:
    """A replay may meet a file that is there already."""
    before = table.read("a.py")
    table.add_file("a.py", str(tmp_path), "a.py")

    assert table.read("a.py") == before == slices["a.py"]


def test_a_process_that_knows_nothing_of_a_session_has_an_empty_table() -> None:
    """This is how a lost file shows: acknowledged, but not in the table."""
    assert table.read("nobody's") == Table({}, {}, Totals())
