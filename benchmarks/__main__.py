"""``python -m benchmarks [NAME ...] [--quick | --once] [--json]``: measure, compare, and say which goals hold."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable

from benchmarks.report import Report, as_json, as_table
from benchmarks.rounds import Effort

#: NAME -> the module whose ``run(effort)`` measures it.
NAMES = {
    "actors": "benchmarks.actors",
    "supervisor": "benchmarks.supervisor",
    "bridge": "benchmarks.bridge",
    "pool": "benchmarks.pool",
}


def main() -> int:
    """Run what is named; 0 if every goal holds, 1 if not, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)}; default: all"
    )
    parser.set_defaults(effort=Effort.FULL)
    less = parser.add_mutually_exclusive_group()
    less.add_argument(
        "--quick",
        dest="effort",
        action="store_const",
        const=Effort.QUICK,
        help="end within 40 s for each NAME; the figures are rougher",
    )
    less.add_argument(
        "--once",
        dest="effort",
        action="store_const",
        const=Effort.ONCE,
        help="everything once, in seconds, to see that it runs; the figures mean nothing",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output instead of a table"
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    reports = []
    for name in options.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        run: Callable[[Effort], Report] = importlib.import_module(NAMES[name]).run
        reports.append(run(options.effort))
    print((as_json if options.json else as_table)(reports))
    return 1 if any(line.holds is False for report in reports for line in report.lines) else 0


if __name__ == "__main__":
    sys.exit(main())
