"""A pool's options: what is refused, and what to write instead. In the caller, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import InterpreterOptions, Pool


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("python3.11", "InterpreterOptions(python='python3.11')"),
        (Path("/opt/python"), "InterpreterOptions(python='/opt/python')"),
        (3.11, "InterpreterOptions(python="),
        ({"python": "python3.11"}, "InterpreterOptions(python="),
    ],
)
def test_an_interpreter_that_is_given_by_its_name_is_refused(given: Any, remedy: str) -> None:
    """The error tells what was given, what is expected, and what to write."""
    with pytest.raises(TypeError) as caught:
        Pool(workers=1, interpreter=given)
    text = str(caught.value)
    assert f"interpreter={given!r}" in text
    assert "expected InterpreterOptions" in text
    assert f"write interpreter={remedy}" in text


def test_interpreter_options_are_taken() -> None:
    """The twin: as the error says."""
    options = InterpreterOptions(python="python3.11")
    assert Pool(workers=1, interpreter=options).options.interpreter is options


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("workers", 0, "a whole number >= 1"),
        ("workers", True, "a whole number >= 1"),
        ("workers", 1.0, "a whole number >= 1"),
        ("max_starting", 0, "a whole number >= 1"),
        ("max_starting", True, "a whole number >= 1"),
        ("max_queue", -1, "a whole number >= 0"),
        ("session_ttl", 0, "seconds > 0"),
        ("session_ttl", float("nan"), "seconds > 0"),
        ("session_ttl", "60", "seconds > 0"),
        ("start_interval", -1, "seconds >= 0"),
        ("start_interval", float("inf"), "not math.inf"),
        ("start_interval", float("nan"), "seconds >= 0"),
        ("start_interval", "1", "seconds >= 0"),
        ("name", "", "a non-empty str"),
        ("name", "a/b", "without '/'"),
    ],
)
def test_a_value_out_of_range_is_refused(option: str, value: Any, expected: str) -> None:
    """The error names the option, what was given and what is expected."""
    with pytest.raises(ValueError, match=expected) as caught:
        Pool(**{"workers": 1, option: value})
    assert f"{option} {value!r}" in str(caught.value)


def test_all_workers_may_start_at_once_by_default() -> None:
    """As many as the pool has; and what is given, even if it is more."""
    assert Pool(workers=3).options.max_starting == 3
    assert Pool(workers=3, max_starting=1).options.max_starting == 1
    assert Pool(workers=3, max_starting=9).options.max_starting == 9


def test_what_is_no_launcher_is_refused() -> None:
    """A name is none: the error says what is expected."""
    with pytest.raises(TypeError, match=r"expected a bridge\.launchers\.launcher\.Launcher"):
        Pool(workers=1, launcher="process")  # type: ignore[arg-type]
