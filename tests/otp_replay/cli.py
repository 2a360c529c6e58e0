"""The command line: which file, which world, and what is said of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.otp_replay.loader import BadLine, Foreign, load_all
from tests.otp_replay.runner import Kind, run
from tests.otp_replay.scenario import Scenario

__all__ = ["main"]

_EPILOG: Final = """\
Prints a line for each mismatch (scenario, step, part, expected, got), one for each kind that cannot be replayed, and last
how many match. Exit status: 0 if all match, 1 if not, or if some could not be replayed (choose others with --kind), 2 if the
file cannot be read. Skipped are scenarios with the tag otp_bug, and those with erlang_specific that have no counterpart
here.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Replay a file and return the exit status; *argv* None takes the process's own arguments."""
    options = _parser().parse_args(argv)
    try:
        chosen = _chosen(load_all(options.file, options.kind), options.name, options.file)
    except BadLine as error:
        print(f"otp_replay: {error}", file=sys.stderr)
        return 2
    scenarios = [each for each in chosen if isinstance(each, Scenario)]
    foreign = Counter(each.kind for each in chosen if isinstance(each, Foreign))
    kind = Kind.CORE if options.core else Kind.REAL
    # The core is faster than a second interpreter starts.
    jobs = 1 if options.core and options.jobs is None else options.jobs or os.cpu_count() or 1
    matching, skipped = 0, []
    for verdict in run(scenarios, kind, jobs):
        for mismatch in verdict.mismatches:
            print(mismatch, flush=True)
        if verdict.skipped is not None:
            skipped.append(verdict.skipped)
        else:
            matching += not verdict.mismatches
    why = f": {', '.join(sorted(set(skipped)))}" if skipped else ""
    for name, count in sorted(foreign.items()):
        print(f"not replayed: {count} of kind {name}, which this project has no counterpart of", flush=True)
    print(f"{matching} of {len(chosen)} scenarios match ({len(skipped)} skipped{why})", flush=True)
    return 0 if matching + len(skipped) == len(chosen) else 1


def _chosen(
    scenarios: Sequence[Scenario | Foreign], name: str | None, path: Path
) -> Sequence[Scenario | Foreign]:
    if name is None:
        return scenarios
    chosen = [scenario for scenario in scenarios if scenario.name == name]
    if not chosen:
        raise BadLine(f"{path}: no scenario is named {name!r}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.otp_replay",
        description="Replay supervisor scenarios recorded from Erlang/OTP against the supervisors of this project.",
        epilog=_EPILOG,
    )
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="one scenario a line")
    parser.add_argument(
        "--core",
        action="store_true",
        help="drive the pure core in virtual time; without it, real supervisors",
    )
    parser.add_argument(
        "--kind",
        help="replay the scenarios of this kind alone: of Elixir's, dynamic_supervisor",
    )
    parser.add_argument("--name", help="replay the scenario of this name alone")
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="replay in N processes at once (default: one for each processor)",
    )
    return parser


def _jobs(given: str) -> int:
    jobs = int(given)
    if jobs < 1:
        raise argparse.ArgumentTypeError("expected a number >= 1")
    return jobs
