"""Options are checked where they are given."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bridge.options import LANE_FILES, LANE_MEMORY, LEAST_FILES, LEAST_MEMORY, InterpreterOptions


@pytest.mark.parametrize(
    "options",
    [
        {"memory": LEAST_MEMORY - 1},
        {"memory": 1.5e9},
        {"memory": True},
        {"limits": {"as": 1 << 30}},
        {"limits": {"cpus": 1}},
        {"limits": {"cpu": 1.5}},
        {"limits": {"cpu": True}},
        {"limits": {"core": -1}},
        {"limits": {"nofile": LEAST_FILES - 1}},
        {"threads": 0},
        {"threads": 1.5},
        {"native_threads": 0},
        {"spin": -0.001},
        {"spin": 0.011},
        {"spin": math.nan},
        {"spin": "0"},
        {"memory": LEAST_MEMORY + LANE_MEMORY - 1, "threads": 2},
        {"limits": {"nofile": LEAST_FILES + LANE_FILES - 1}, "threads": 2},
        {"start_timeout": 0},
        {"start_timeout": math.nan},
        {"start_timeout": "30"},
        {"path": "/one/str"},
        {"path": [1]},
        {"path": ["nul\0"]},
        {"env": {"A": 1}},
        {"env": {"A=B": "1"}},
        {"env": {"": "1"}},
        {"python": None},
        {"cwd": 5},
        {"pythn": "python3"},
    ],
    ids=str,
)
def test_a_bad_option_is_refused(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        InterpreterOptions(**options)


def test_good_options_are_taken() -> None:
    """The twin: each option at the edge of what is allowed."""
    options = InterpreterOptions(
        python="python3",
        path=["/a"],
        env={"A": ""},
        cwd="/",
        memory=LEAST_MEMORY,
        limits={"nofile": LEAST_FILES, "core": 0},
        native_threads=1,
        spin=0,
        start_timeout=math.inf,
    )

    assert options.path == ("/a",)
    assert InterpreterOptions(threads=64).threads == 64
    least = LEAST_MEMORY + LANE_MEMORY
    assert InterpreterOptions(threads=2, memory=least).memory == least
    assert not options.has_start_deadline
    assert InterpreterOptions().has_start_deadline


def test_options_do_not_change() -> None:
    """What was checked stays: the mapping is a copy, and read-only."""
    mine = {"A": "1"}
    options = InterpreterOptions(env=mine)
    mine["A"] = "2"

    assert options.env == {"A": "1"}
    with pytest.raises(TypeError):
        options.env["A"] = "3"  # type: ignore[index]
