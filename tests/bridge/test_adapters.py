"""Methods of adapters: set up once where they live, called there, torn down at an orderly end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bridge_adapters as there
import pytest
from bridge_house import PATIENCE, House, Life

from bridge.errors import AdapterSetUpFailed, RemoteTraceback
from bridge.interpreter import adapter
from bridge.payload import encode_end_of_session, encode_method


def call(life: Life, cls: type, method: str, *args: Any, session: str = "", **kwargs: Any) -> Any:
    """Call a method of the worker's instance."""
    return life.run(encode_method(cls, method, args, kwargs, session=session))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file in which the adapters write."""
    return tmp_path / "log"


def test_an_instance_lives_in_its_worker(house: House, log: Path) -> None:
    """Set up once, in the first call; each worker has its own; torn down when its interpreter ends in good order."""
    one, other = (house.ready(env={"ADAPTER_LOG": str(log)}) for _ in range(2))

    assert call(one, there.Counter, "add", 2) == 2
    assert call(one, there.Counter, "add", 3, times=2) == 8
    assert call(other, there.Counter, "add", 1) == 1
    assert log.read_text() == "set up\n" * 2

    assert one.interpreter.stop("test", PATIENCE) is not None
    assert log.read_text() == "set up\n" * 2 + "torn down at 8\n"


def test_a_killed_one_is_not_torn_down(house: House, log: Path) -> None:
    """The twin: nothing runs in a process that was killed."""
    life = house.ready(env={"ADAPTER_LOG": str(log)})
    call(life, there.Counter, "add", 1)

    life.interpreter.kill("test")
    life.death()

    assert log.read_text() == "set up\n"


def test_a_session_has_its_own(house: House, log: Path) -> None:
    """One instance for each session's name, until that session's end; the others stay, until the worker's."""
    life = house.ready(env={"ADAPTER_LOG": str(log)})
    assert call(life, there.Desk, "put", "a", session="one") == ["a"]
    assert call(life, there.Desk, "put", "b", session="two") == ["b"]
    assert call(life, there.Desk, "put", "c", session="one") == ["a", "c"]

    life.run(encode_end_of_session("one"))
    assert log.read_text() == "closed with a,c\n"
    assert call(life, there.Desk, "put", "d", session="one") == ["d"]
    assert call(life, there.Desk, "put", "e", session="two") == ["b", "e"]

    assert life.interpreter.stop("test", PATIENCE) is not None
    # The last one that was set up is the first to go.
    assert log.read_text() == "closed with a,c\nclosed with d\nclosed with b,e\n"


def test_the_end_of_a_session_that_never_was(life: Life) -> None:
    """It is over, which is what was wanted; and the adapters that serve no session stay."""
    call(life, there.Counter, "add", 1)

    life.run(encode_end_of_session("nobody"))
    life.run(encode_end_of_session(""))

    assert call(life, there.Counter, "add", 1) == 2


def test_neither_set_up_nor_tear_down_is_needed(life: Life) -> None:
    """A class with methods is enough."""
    assert call(life, there.Bare, "hello") == "hello"
    certificate = life.interpreter.stop("test", PATIENCE)
    assert certificate is not None
    assert certificate.exit_code == 0


def test_a_set_up_that_fails_is_that_calls_error(life: Life) -> None:
    """It says that the method was not called; under it are what was raised and where; the next call tries anew."""
    with pytest.raises(
        AdapterSetUpFailed, match=r"Reluctant\.tried was not called.*TooMany: too many"
    ) as caught:
        call(life, there.Reluctant, "tried")

    assert caught.value.stage == "set-up"
    raised = caught.value.__cause__
    assert isinstance(raised, there.TooMany)
    assert raised.wanted == 2
    assert isinstance(raised.__cause__, RemoteTraceback)
    assert "in set_up" in raised.__cause__.text
    assert 'adapters.py", line' not in raised.__cause__.text.replace("bridge_adapters.py", "")
    assert call(life, there.Reluctant, "tried") == 2


def test_what_a_method_raises_is_raised_here(life: Life) -> None:
    """As a function's, without our frames in its traceback; the instance stays."""
    with pytest.raises(LookupError, match="in a method") as caught:
        call(life, there.Counter, "fail")

    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "interpreter/adapters.py" not in caught.value.__cause__.text
    assert call(life, there.Counter, "add", 1) == 1


def test_a_tear_down_that_fails_is_told(house: House, log: Path) -> None:
    """At the end of the interpreter on its stderr; the others are torn down all the same."""
    life = house.ready(env={"ADAPTER_LOG": str(log)})
    call(life, there.Counter, "add", 1)
    call(life, there.Sour, "hello")

    assert life.interpreter.stop("test", PATIENCE) is not None

    assert life.line("RuntimeError: spoilt").stream == "stderr"
    assert log.read_text() == "set up\ntorn down at 1\n"


@pytest.mark.parametrize("name", ["subtract", "_private", "set_up", "tear_down", "__init__"])
def test_a_method_that_cannot_be_called_is_refused_here(name: str) -> None:
    """What does not exist, is private, or is the adapter's own; the text names those that can be."""
    with pytest.raises(AttributeError, match=rf"no method '{name}' .* it has add, fail$"):
        encode_method(there.Counter, name, (), {})


def test_a_class_must_be_registered() -> None:
    """Nothing of a class is called in a worker unless its author meant it."""
    with pytest.raises(TypeError, match=r"Unregistered.*bridge\.interpreter\.adapter"):
        encode_method(there.Unregistered, "hello", (), {})
    with pytest.raises(TypeError, match="an adapter is a class"):
        adapter(there.Bare.hello)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="scope='pool'"):
        adapter(scope="pool")  # type: ignore[call-overload]


def test_a_session_must_be_named() -> None:
    """An adapter with an instance for each session cannot guess whose call it is."""
    with pytest.raises(ValueError, match=r"Desk\.put: .* no session is given"):
        encode_method(there.Desk, "put", ("a",), {})


def test_arguments_of_a_method_have_the_callers_paths() -> None:
    """What cannot be sent is named as the caller wrote it."""
    import threading

    from bridge.errors import NotPicklable

    with pytest.raises(NotPicklable) as caught:
        encode_method(there.Counter, "add", (threading.Lock(),), {})
    assert caught.value.path == "args[0]"
    assert "bridge_adapters.Counter.add" in str(caught.value)
