"""The command line: what there is to ask for, and what is refused, in one line and with exit code 2."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Final, NoReturn, final

import attrs

from actors.demo.words import one_line

__all__ = ["LEVELS", "Options", "parse"]

#: Each is a process; far more than any machine has use for would only exhaust it.
MOST_WORKERS: Final = 512
#: 16 TiB. Beyond what a system call takes, a limit is no limit but an error, and no machine has so much.
MOST_MEMORY: Final = 1 << 24  # MiB
LONGEST_DEADLINE: Final = 604_800.0  #: seconds: a week, and less than a poll can wait

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_EPILOG: Final = """\
exit codes: 0 nothing lost and, with --verify, all equal; 1 something was; 2 bad input; 130 interrupted.
Ctrl-C: every session ends after its file, and what was done is told; a second one ends it at once.

examples:
  python -m actors.demo --chaos 0.05 --verify --poison     the standard library, under fire, checked
  python -m actors.demo ~/src --json | jq .errors          your own code, for a program
  python -m actors.demo --compare                          and how concurrent.futures does
"""


@final
@attrs.frozen(kw_only=True)
class Options:
    """What was asked."""

    path: str | None
    workers: int
    seed: int
    chaos: float
    poison: bool
    compare: bool
    verify: bool
    json: bool
    color: bool
    log: str | None
    affinity: bool
    memory: int  #: bytes
    deadline: float  #: seconds


def parse(arguments: Sequence[str] | None, workers: int) -> Options:
    """Return the options in *arguments*; None: those of this process.

    Args:
        arguments: Without the program's name.
        workers: How many, if it is not said.

    Raises:
        SystemExit: With code 2 after one line on stderr; with 0 after ``--help``.
    """
    parser = _Parser(
        prog="python -m actors.demo",
        description="A census of Python source code that survives anything: every .py file below PATH is parsed in "
        "worker processes under supervision, each directory in a session whose tables live in one worker.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("path", nargs="?", metavar="PATH", help="directory or file (default: this Python's standard library)")
    add(
        "--workers",
        type=_whole(1, MOST_WORKERS),
        default=workers,
        metavar="N",
        help="worker processes (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="which files chaos strikes (default: %(default)s)")
    add("--chaos", type=_rate, default=0.0, metavar="RATE",
        help="for each file, with this probability, SIGKILL its worker while it is at it")  # fmt: skip
    add("--poison", action="store_true", help="add four files that segfault, hang in C, eat all memory, exit")
    add(
        "--verify",
        action="store_true",
        help="do it once more, serially in this process, and compare everything",
    )
    add(
        "--compare",
        action="store_true",
        help="give ProcessPoolExecutor the same work first, and tell how it went",
    )
    add("--deadline", type=_seconds, default=300.0, metavar="SECONDS",
        help="when ProcessPoolExecutor's processes are killed (default: %(default)g)")  # fmt: skip
    add("--memory", type=_whole(256, MOST_MEMORY), default=1024, metavar="MIB",
        help="address space of each worker process (default: %(default)s)")  # fmt: skip
    add(
        "--no-affinity",
        action="store_true",
        help="let sessions' calls go to any worker; loses data, as it must",
    )
    add("--json", action="store_true", help="print one JSON object instead of the summary")
    add("--no-color", action="store_true", help="no colours; NO_COLOR in the environment does the same")
    add("--log", type=str.upper, choices=LEVELS, metavar="LEVEL",
        help=f"log the tree's events to stderr: {', '.join(LEVELS)}")  # fmt: skip
    given = parser.parse_args(arguments)
    return Options(
        path=given.path,
        workers=given.workers,
        seed=given.seed,
        chaos=given.chaos,
        poison=given.poison,
        compare=given.compare,
        verify=given.verify,
        json=given.json,
        color=not given.no_color,
        log=given.log,
        affinity=not given.no_affinity,
        memory=given.memory << 20,
        deadline=given.deadline,
    )


@final
class _Parser(argparse.ArgumentParser):
    """Argparse prints its usage before an error; here one line is all."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message, longest=400)} (see --help)\n")


def _whole(least: int, most: int) -> Callable[[str], int]:

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"{_given(text)}: expected a whole number, at least {least} and at most {most}"
            )
        return number

    return convert


def _rate(text: str) -> float:
    rate = _float(text)
    if not 0.0 <= rate <= 1.0:
        raise argparse.ArgumentTypeError(f"{_given(text)}: expected a probability from 0 to 1")
    return rate


def _seconds(text: str) -> float:
    seconds = _float(text)
    if not 0.0 < seconds <= LONGEST_DEADLINE:
        raise argparse.ArgumentTypeError(
            f"{_given(text)}: expected seconds, more than 0 and at most {LONGEST_DEADLINE:g}"
        )
    return seconds


def _given(text: str) -> str:
    return one_line(repr(text), longest=60)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # in no range
