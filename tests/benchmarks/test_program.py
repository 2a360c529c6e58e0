"""``python -m benchmarks``: it runs, its output has the promised form, its exit code says what it found."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import types
from typing import Any

import pytest
from sources import ROOT

#: The lines that each NAME owes, with the goals that they are held against.
OWED = {
    "actors": {"call": "<= 0.75", "cast": ">= 3"},
    "supervisor": {
        "restart_vs_pykka": "<= 1.5",
        "restart_flat": "<= 1.5",
        "start_linear": "<= 1.5",
        "stop_linear": "<= 1.5",
    },
    "bridge": {"direct_call": "<= 1.15", "start_exec_cold": "<= 0.7", "idle_worker_uss_mb": "<= 9"},
    "pool": {
        "pool_call_vs_zmq": "<= 1.25",
        "pool_call_vs_ppe": "<= 0.45",
        "threads64": ">= 1.3",
        "threads64_worst": "<= 5",
    },
}

#: As ``python -m benchmarks``, but for where it looks: what is installed comes before the checkout.
PROGRAM = (
    f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module('benchmarks', run_name='__main__')"
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def goal_holds(line: dict[str, Any]) -> bool | None:
    """Return what ``holds`` is to be, from what was printed."""
    if not line["goal"]:
        return None
    sign, limit = line["goal"].split()
    assert sign in ("<=", ">=")
    return bool(line["ratio"] <= float(limit) if sign == "<=" else line["ratio"] >= float(limit))


@pytest.mark.parametrize("name", OWED)
def test_json_is_one_object_of_the_promised_form(name: str) -> None:
    """The machine, the lines and the facts on standard output, and nothing else there; 1 if a goal does not hold, else 0."""
    ran = run(name, "--once", "--json")

    found = json.loads(ran.stdout)
    assert set(found) == {"machine", "lines", "facts"}
    assert found["machine"]["python"] == ".".join(map(str, sys.version_info[:3]))
    lines = {line["name"]: line for line in found["lines"]}
    assert len(lines) == len(found["lines"]), "a name is given to one line"
    assert OWED[name].items() <= {each: line["goal"] for each, line in lines.items()}.items()
    for line in found["lines"]:
        assert list(line) == ["name", "unit", "ours", "others", "ratio", "spread", "goal", "holds"]
        figures = [line["ours"], *line["others"].values(), line["ratio"], *line["spread"]]
        assert all(math.isfinite(each) and each > 0 for each in figures), line
        low, high = line["spread"]
        assert low <= line["ratio"] <= high
        if (
            abs(line["ratio"] - float((line["goal"] or "x 0").split()[1])) > 0.001
        ):  # else the rounding decides
            assert line["holds"] is goal_holds(line), line
    assert ran.returncode == any(line["holds"] is False for line in found["lines"])
    assert ran.stderr == f"{name} ...\n"


def test_without_a_name_all_are_measured_and_a_table_is_printed() -> None:
    """A row for each line, with its verdict; then the facts and the machine."""
    ran = run("--once")

    first = [row.split()[0] for row in ran.stdout.splitlines() if row]
    owed = [line for lines in OWED.values() for line in lines]
    assert first[0] == "line"
    assert [name for name in first if name in owed] == owed
    assert "otp_restart_us:" in first
    assert "DOES NOT HOLD" in ran.stdout or ran.returncode == 0
    assert ran.stderr == "".join(f"{name} ...\n" for name in OWED)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["actors", "nope"], "unknown nope; there are: actors, supervisor, bridge"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["--quick", "--once"], "not allowed with"),
    ],
    ids=["name", "option", "both"],
)
def test_a_wrong_command_line_is_told_and_nothing_runs(arguments: list[str], told: str) -> None:
    """Exit code 2, the reason on standard error, nothing on standard output."""
    ran = run(*arguments)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert told in ran.stderr
    assert "..." not in ran.stderr.replace("[NAME ...]", "")


def test_help_says_what_there_is() -> None:
    """Each NAME and each option."""
    ran = run("--help")

    assert ran.returncode == 0
    assert all(word in ran.stdout for word in [*OWED, "--quick", "--once", "--json"])


@pytest.mark.parametrize(
    ("arguments", "effort"), [([], "FULL"), (["--quick"], "QUICK"), (["--once"], "ONCE")], ids=str
)
@pytest.mark.parametrize(("ratio", "code"), [(0.5, 0), (0.6, 1)], ids=["holds", "fails"])
def test_the_exit_code_says_whether_every_goal_holds(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], effort: str, ratio: float, code: int
) -> None:
    """0 if so, 1 if one does not; what is named is run once, with the effort that was asked for."""
    from benchmarks.__main__ import NAMES, main
    from benchmarks.report import Report, compared
    from benchmarks.rounds import Effort

    asked: list[Effort] = []

    def measured(effort: Effort) -> Report:
        asked.append(effort)
        lines = [
            compared("informs", "us", [9.0], {"b": [1.0]}),
            compared("good", "us", [1.0], {"b": [2.0]}, ">= 0.5"),
        ]
        return Report([*lines, compared("line", "us", [ratio], {"b": [1.0]}, "<= 0.5")])

    monkeypatch.setitem(NAMES, "scripted", "scripted_benchmark")
    monkeypatch.setitem(sys.modules, "scripted_benchmark", types.SimpleNamespace(run=measured))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "scripted", *arguments])

    assert main() == code
    assert asked == [Effort[effort]]
