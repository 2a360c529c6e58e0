"""Modules that are there and have not run: in the process itself, as in a worker."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.interpreter import unrun
from bridge.wire.json_text import json_text

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write modules that can be imported, and forget them after; each is named unrun_something."""

    def make(name: str, code: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield make
    for name in [name for name in sys.modules if name.startswith("unrun_")]:
        del sys.modules[name]


def test_a_module_runs_when_it_is_asked_for_what_it_was_not_given(write: Write) -> None:
    """What it was given it has without that; once it has run it is like any other, and the same one."""
    write("unrun_plain.py", "GIVEN = ['its own']\nOTHER = 'other'\n")
    given = object()

    module = unrun.put("unrun_plain", GIVEN=given)

    assert importlib.import_module("unrun_plain") is module
    assert module.GIVEN is given
    assert "OTHER" not in vars(module)
    assert module.OTHER == "other"
    assert module.GIVEN == ["its own"]
    assert module.__spec__ is not None
    assert not {"__getattr__", "__unrun__"} & {*vars(module)}
    with pytest.raises(AttributeError, match="unrun_plain"):
        _ = module.NOTHING


def test_from_a_module_what_it_was_given_can_be_imported(write: Write) -> None:
    """Which asks it for more than that name: whether it is a package."""
    write("unrun_plain.py", "raise AssertionError('it ran')\n")
    unrun.put("unrun_plain", GIVEN=1)

    exec("from unrun_plain import GIVEN; assert GIVEN == 1")


def test_a_part_of_a_package_is_imported_without_it(write: Write) -> None:
    """And when the package runs, it finds its part where it looks for it."""
    write("unrun_package/__init__.py", "from unrun_package import part\nVALUE = part.VALUE\n")
    write("unrun_package/part.py", "VALUE = []\n")
    package = unrun.put("unrun_package")

    part = importlib.import_module("unrun_package.part")

    assert "VALUE" not in vars(package)
    assert package.part is part
    assert package.VALUE is part.VALUE


def test_a_package_within_one_is_its_attribute(write: Write) -> None:
    """As after any import."""
    write("unrun_package/__init__.py", "")
    write("unrun_package/inner/__init__.py", "")
    package = unrun.put("unrun_package")

    assert unrun.put("unrun_package.inner") is vars(package)["inner"]


def test_who_asks_while_it_runs_waits_for_its_end(write: Write) -> None:
    """No thread sees half of it, but the one that runs it."""
    write(
        "unrun_slow.py",
        "import unrun_gate\nunrun_gate.entered.set()\nassert unrun_gate.open.wait(30)\nLATE = 1\n",
    )
    write("unrun_gate.py", "import threading\nentered, open = threading.Event(), threading.Event()\n")
    gate = importlib.import_module("unrun_gate")
    module = unrun.put("unrun_slow")
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(module.LATE)) for _ in range(2)]

    threads[0].start()
    assert gate.entered.wait(30)
    threads[1].start()
    # It has nothing to wait for but the end of the run, so it is found waiting, or it has failed.
    threads[1].join(0.05)
    gate.open.set()
    for thread in threads:
        thread.join(30)

    assert found == [1, 1]


def test_one_whose_run_failed_is_run_again(write: Write) -> None:
    """The error is its own, and nothing hides that it did not run."""
    write(
        "unrun_plain.py",
        "import unrun_gate\nunrun_gate.runs.append(1)\nassert len(unrun_gate.runs) > 1\nVALUE = 1\n",
    )
    write("unrun_gate.py", "runs = []\n")
    module = unrun.put("unrun_plain")

    with pytest.raises(AssertionError):
        _ = module.VALUE
    assert module.VALUE == 1


def test_there_is_none_of_a_module_that_does_not_exist() -> None:
    """It fails at once, as an import does."""
    with pytest.raises(ModuleNotFoundError, match="unrun_nowhere"):
        unrun.put("unrun_nowhere")


def test_what_is_lent_is_gone_after(write: Write) -> None:
    """Unless it has run: then it is the real one."""
    write("unrun_plain.py", "OTHER = 'other'\n")
    with unrun.Lent("unrun_plain", GIVEN=1):
        assert sys.modules["unrun_plain"].GIVEN == 1
    assert "unrun_plain" not in sys.modules

    with unrun.Lent("unrun_plain"):
        assert sys.modules["unrun_plain"].OTHER == "other"
    module = sys.modules["unrun_plain"]

    with unrun.Lent("unrun_plain", GIVEN=1):
        assert sys.modules["unrun_plain"] is module
    assert not hasattr(module, "GIVEN")


@pytest.mark.parametrize(
    "value",
    [
        'a "quoted" \\ back\nslash\t\x00\x7f\u2028',
        "\u00e9\U0001f600\udc80\ud83d",
        "\U000e0001",
        {"numbers": [1, -2, 0], "nothing": {}, "tuple": ("x",)},
    ],
)
def test_the_json_that_a_child_writes_itself_is_json(value: object) -> None:
    """Whoever reads it with `json` has the value again, in whatever encoding it came through."""
    assert json.loads(json_text(value).encode()) == json.loads(json.dumps(value))


def test_other_values_are_refused() -> None:
    """What it cannot write as JSON does, it does not write."""
    with pytest.raises(TypeError, match="float"):
        json_text([1.5])
