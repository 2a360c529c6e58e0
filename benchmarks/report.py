"""What a benchmark says: its lines, each ours against others with a goal, and the machine it ran on; table and JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Line", "Report", "compared", "machine"]


@attrs.frozen(kw_only=True)
class Line:
    """One comparison. ``ratio`` is ours / theirs in *unit*: below 1 is faster for a time, above 1 for a rate."""

    name: str
    unit: str
    ours: float
    others: Mapping[str, float]
    ratio: float
    spread: tuple[float, float]  #: the range of the ratio over the rounds
    goal: str = ""  #: as in ``"<= 0.75"``; empty for a line that only informs

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return self.ratio <= float(limit) if sign == "<=" else self.ratio >= float(limit)


@attrs.frozen
class Report:
    """What one NAME measured."""

    lines: Sequence[Line] = ()
    facts: Mapping[str, Any] = attrs.field(factory=dict)  #: figures without anything to compare them with


def compared(
    name: str, unit: str, ours: Sequence[float], others: Mapping[str, Sequence[float]], goal: str = ""
) -> Line:
    """Return the line of *ours*, a figure for each round, against the first of *others* in the same rounds.

    The ratio is the median of the rounds' ratios: what disturbs one round disturbs both sides of it.
    """
    first = next(iter(others.values()))
    ratios = [mine / theirs for mine, theirs in zip(ours, first, strict=True)]
    medians = {other: statistics.median(rounds) for other, rounds in others.items()}
    return Line(
        name=name,
        unit=unit,
        ours=statistics.median(ours),
        others=medians,
        ratio=statistics.median(ratios),
        spread=(min(ratios), max(ratios)),
        goal=goal,
    )


def machine() -> Mapping[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
    }


def as_json(reports: Sequence[Report]) -> str:
    """Return the one object of ``--json``."""
    lines = [
        {
            "name": line.name,
            "unit": line.unit,
            "ours": _short(line.ours),
            "others": {other: _short(value) for other, value in line.others.items()},
            "ratio": round(line.ratio, 3),
            "spread": [round(each, 3) for each in line.spread],
            "goal": line.goal,
            "holds": line.holds,
        }
        for report in reports
        for line in report.lines
    ]
    facts = {name: value for report in reports for name, value in report.facts.items()}
    return json.dumps({"machine": machine(), "lines": lines, "facts": facts}, indent=2)


def as_table(reports: Sequence[Report]) -> str:
    """Return the lines for people."""
    rows = [("line", "ours", "others", "ratio", "spread", "goal", "")]
    for report in reports:
        for line in report.lines:
            others = ", ".join(f"{other} {_short(value)}" for other, value in line.others.items())
            low, high = line.spread
            verdict = {True: "holds", False: "DOES NOT HOLD", None: ""}[line.holds]
            rows.append(
                (
                    line.name,
                    f"{_short(line.ours)} {line.unit}",
                    others,
                    f"{line.ratio:.2f}",
                    f"{low:.2f}-{high:.2f}",
                    line.goal,
                    verdict,
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    facts = [f"{name}: {value}" for report in reports for name, value in report.facts.items()]
    return "\n".join([*text, "", *facts, ", ".join(f"{key} {value}" for key, value in machine().items())])


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()
