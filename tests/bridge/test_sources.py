"""Source text in the namespace of a session: its value, what it leaves, what its tracebacks show."""

from __future__ import annotations

from typing import Any

import pytest
from bridge_house import House, Life

from bridge.errors import NotPicklable, RemoteTraceback
from bridge.payload import encode_end_of_session, encode_source


def run(life: Life, source: str, session: str = "a") -> Any:
    """Evaluate *source* in the worker."""
    return life.run(encode_source(source, session=session))


def text_of(caught: pytest.ExceptionInfo[BaseException]) -> str:
    """Return the remote traceback."""
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    return caught.value.__cause__.text


def test_an_expression_has_a_value(life: Life) -> None:
    """Statements have none, also where an expression is their last line."""
    assert run(life, "1 + 1") == 2
    assert run(life, "(1 +\n 1)\n") == 2
    assert run(life, "x = 3") is None
    assert run(life, "x += 1\nx") is None
    assert run(life, "x") == 4


def test_a_session_keeps_what_was_defined(life: Life) -> None:
    """Functions, classes and imports are there in the session's next call, and in no other session."""
    run(life, "import math\ndef area(r):\n    return round(math.pi * r * r)\n")
    assert run(life, "area(2)") == 13

    with pytest.raises(NameError, match="area"):
        run(life, "area(2)", session="b")


def test_the_end_of_a_session_ends_its_namespace(life: Life) -> None:
    """And no other's."""
    run(life, "x = 1")
    run(life, "x = 2", session="b")

    life.run(encode_end_of_session("a"))

    with pytest.raises(NameError):
        run(life, "x")
    assert run(life, "x", session="b") == 2


def test_a_traceback_shows_the_source(life: Life) -> None:
    """The lines of this source and of an earlier one, and no frame of ours."""
    run(life, "def divide(a, b):\n    return a / b  # of the first source\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run(life, "total = 0\nfor n in (1, 0):\n    total += divide(1, n)  # of the second\n")

    shown = text_of(caught)
    assert "return a / b  # of the first source" in shown
    assert "total += divide(1, n)  # of the second" in shown
    assert "<session 'a', source 2>\", line 3" in shown
    assert "namespaces.py" not in shown


def test_a_syntax_error_is_told_with_its_line(life: Life) -> None:
    """By the worker's Python, as any error of the call; the session is as it was."""
    run(life, "x = 1")
    with pytest.raises(SyntaxError) as caught:
        run(life, "y = 2\nx = = 3\n")

    assert "x = = 3" in text_of(caught)
    assert run(life, "x") == 1


def test_a_class_of_a_session_stays_there(life: Life) -> None:
    """It can be pickled where it is, dots in the session's name or not, and its instances cannot come here."""
    source = "import pickle\nclass Box:\n    pass\nassert type(pickle.loads(pickle.dumps(Box()))) is Box\n"
    assert run(life, source, session="a.b%c") is None
    with pytest.raises(NotPicklable, match=r"caller's process .*__session__"):
        run(life, "Box()", session="a.b%c")


def test_sources_are_forgotten_in_the_end(life: Life) -> None:
    """A session that runs for ever does not fill the memory with its sources."""
    count = "sum(name.startswith('<session') for name in __import__('linecache').cache)"
    from bridge.interpreter import namespaces

    for _ in range(namespaces._KEPT + 10):
        run(life, "None")

    assert run(life, count) == namespaces._KEPT
    life.run(encode_end_of_session("a"))
    assert run(life, count, session="b") == 1


def test_the_future_of_this_module_is_not_theirs(life: Life) -> None:
    """Annotations are evaluated, as in any source that does not say otherwise."""
    with pytest.raises(NameError, match="nothing"):
        run(life, "def f(x: nothing): pass\nf.__annotations__")


def test_a_label_is_short_and_shows_no_secret() -> None:
    """What was running is named by the beginning of its source."""
    assert encode_source("1 +\n  1").label == "source '1 + 1'"
    assert len(encode_source("x" * 1000).label) < 60
    assert "hunter2" not in encode_source("login('hunter2')", secrets=["hunter2"]).label


def test_a_source_that_the_parser_gives_up_is_no_lack_of_memory(house: House) -> None:
    """The parser raises MemoryError for what is nested too deeply; the worker has memory enough, and lives."""
    life = house.ready(memory=2**31)

    with pytest.raises(SyntaxError):
        life.run(encode_source("-" * 100_000 + "1"))
    assert life.run(encode_source("1 + 1")) == 2


def test_a_source_is_text() -> None:
    """Bytes are refused where they are given."""
    with pytest.raises(TypeError, match="expected str"):
        encode_source(b"1 + 1")  # type: ignore[arg-type]
