"""Where a pool's options come from: which source wins, what is kept, what is refused. Nothing is started."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from actors import Graces, InterpreterOptions, Pool, PoolOptions, UnknownOption
from actors.configuration import pool_options

FILE = """
[pool]
workers = 3
affinity = false
max_queue = 0
session_ttl = inf

[pool.interpreter]
path = ["lib"]
env = { KIND = "file" }
graces = { flag = 0.25 }

[pools.small]
workers = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A TOML file with two tables of options."""
    path = tmp_path / "service.toml"
    path.write_text(FILE)
    return path


@pytest.mark.promise("config-precedence")
def test_keywords_come_before_the_file_and_this_before_the_defaults(file: Path) -> None:
    """Option by option, whatever the others say."""
    options = Pool.from_options(file, workers=5, name="parse").options

    assert (options.workers, options.name) == (5, "parse")
    assert (options.max_queue, options.affinity) == (0, False)
    assert options.max_starting == 5, "a default that depends on what was overridden"
    assert Pool.from_options(str(file)).options.workers == 3


@pytest.mark.promise("config-precedence")
@pytest.mark.parametrize("how", ["keywords", "mapping"])
def test_false_and_zero_are_values(how: str) -> None:
    """What was given explicitly is kept, however empty it looks; None alone is as if it were not given."""
    given: dict[str, Any] = {"workers": 1, "affinity": False, "max_queue": 0, "max_starting": None}
    pool = Pool(**given) if how == "keywords" else Pool.from_options(given)

    assert pool.options.affinity is False
    assert pool.options.max_queue == 0
    assert pool.options.max_starting == 1


def test_a_keyword_of_false_or_zero_overrides() -> None:
    """It is there, so it wins; and None does not."""
    pool = Pool.from_options(
        {"workers": 2, "affinity": True, "max_queue": 9}, affinity=False, max_queue=0, workers=None
    )

    assert (pool.options.affinity, pool.options.max_queue, pool.options.workers) == (False, 0, 2)


@pytest.mark.promise("options-validated")
def test_options_of_the_interpreter_are_a_table_below(file: Path) -> None:
    """They are made and checked as by hand; a keyword takes the place of all of it."""
    assert Pool.from_options(file).options.interpreter == InterpreterOptions(
        path=("lib",), env={"KIND": "file"}, graces=Graces(flag=0.25)
    )
    own = InterpreterOptions(threads=2)
    options = Pool.from_options(file, interpreter=own).options
    assert options.interpreter is own
    assert options.threads == 2


def test_a_file_holds_the_options_of_several_pools(file: Path) -> None:
    """Each in a table of its own, named by its dotted path."""
    assert Pool.from_options(file, table="pools.small").options.workers == 1


def test_every_option_of_a_pool_is_one_of_its_keywords() -> None:
    """What the class takes and what the mapping takes are the same names, with the same defaults."""
    default = Pool(workers=1).options
    for field in attrs.fields(PoolOptions):
        value = getattr(default, field.name)
        assert Pool.from_options({field.name: value}, workers=1).options == default
        assert Pool(**{"workers": 1, field.name: value}).options == default


@pytest.mark.promise("options-validated")
@pytest.mark.parametrize(
    ("name", "nearest"), [("worker", "workers"), ("max_que", "max_queue"), ("sesion_ttl", "session_ttl")]
)
@pytest.mark.parametrize("how", ["keywords", "mapping", "overrides"])
def test_an_unknown_option_is_refused_with_the_nearest(name: str, nearest: str, how: str) -> None:
    """The error is a TypeError, as Python's own, and says which option was meant."""
    given: dict[str, Any] = {name: 1}
    make: Callable[[], Pool] = {
        "keywords": lambda: Pool(**given),
        "mapping": lambda: Pool.from_options(given),
        "overrides": lambda: Pool.from_options({"workers": 1}, **given),
    }[how]
    with pytest.raises(UnknownOption, match=f"'{name}' is no option; the nearest is '{nearest}'") as caught:
        make()

    assert isinstance(caught.value, TypeError)
    assert caught.value.nearest == nearest
    assert "session_ttl" in str(caught.value), "all that there are are listed"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_unknown_option_below_is_named_by_its_place(tmp_path: Path) -> None:
    """The error says in which file and table it stands."""
    path = tmp_path / "x.toml"
    path.write_text("[pool.interpreter.graces]\nflags = 1\n")

    with pytest.raises(UnknownOption) as caught:
        Pool.from_options(path)

    assert (
        str(caught.value).startswith(f"{path} [pool]: interpreter: graces: 'flags' is no option; the nearest is 'flag'")
    )  # fmt: skip


@pytest.mark.promise("config-precedence")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("workers = 0", "workers 0: expected a whole number >= 1; leave it out"),
        ("threads = 65", "threads=65: expected how many calls it runs at a time, an int from 1 to 64"),
        (
            "threads = 3\ninterpreter = { threads = 2 }",
            "threads 3: expected 2, as interpreter says; give it once",
        ),
        ("max_queue = -1", "max_queue -1: expected a whole number >= 0"),
        ('affinity = "no"', "affinity 'no': expected True or False; True binds"),
        (
            "interpreter = { threads = 0 }",
            "interpreter: threads=0: expected how many calls it runs at a time",
        ),
        ('interpreter = "python3"', "interpreter='python3': expected InterpreterOptions"),
        ('launcher = "process"', "expected a bridge.launchers.launcher.Launcher"),
    ],
)
def test_a_bad_value_in_a_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """Where it stands, what was given, what is expected; also if a keyword overrides it."""
    path = tmp_path / "x.toml"
    path.write_text(f"[pool]\n{text}\n")
    for keywords in ({}, {text.partition(" ")[0]: getattr(Pool(workers=1).options, text.partition(" ")[0])}):
        with pytest.raises((ValueError, TypeError)) as caught:
            Pool.from_options(path, **keywords)
        assert str(caught.value).startswith(f"{path} [pool]: ")
        assert problem in str(caught.value)


def test_a_file_that_is_none_is_refused(file: Path) -> None:
    """One that is missing, one that is no TOML, one without the table: each says so, and names the file."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Pool.from_options("nowhere.toml")
    with pytest.raises(ValueError, match=r"service\.toml: no table \[pol\]; there is pool, pools"):
        Pool.from_options(file, table="pol")
    file.write_text("[pool\nworkers = 3")
    with pytest.raises(ValueError, match=r"service\.toml: expected TOML: .*line 1"):
        Pool.from_options(file)
    with pytest.raises(TypeError, match="expected a mapping of names to values, or the path of a TOML file"):
        Pool.from_options(3)  # type: ignore[arg-type]


@pytest.mark.promise("options-validated")
def test_what_is_refused_starts_nothing(no_leaks: None) -> None:
    """It is refused in the caller's thread, before there is a process, a thread or a directory; the twin is, too."""
    with pytest.raises(ValueError, match="workers"):
        Pool.from_options({"workers": -1})
    assert pool_options({"workers": 2}) == Pool(workers=2).options
