"""The main job from its command line to its exit code.

What each step is lies in its own module: plan, compare, drive, verify, report.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from actors.demo import poison
from actors.demo.compare import compare
from actors.demo.driver import Driver
from actors.demo.interrupt import draining_on_interrupt
from actors.demo.options import Options, parse
from actors.demo.outcome import Outcome
from actors.demo.plan import BadInput, Plan, make_plan
from actors.demo.progress import Progress
from actors.demo.report import Report
from actors.demo.style import Style
from actors.demo.summary import summary
from actors.demo.verify import differences
from actors.demo.words import one_line
from actors.machine import usable_cpus
from actors.pool import Pool
from bridge.ladder import Graces
from bridge.options import InterpreterOptions
from bridge.run_dir import RunDirectory
from supervision.clock import MonotonicClock
from supervision.errors import SupervisionError

__all__ = ["main"]

#: Seconds that running calls get at the end; after a second Ctrl-C they get none.
_DRAIN = 5.0
#: Seconds for the end of the processes after that.
_BURIAL = 5.0
_PIPE_CLOSED = 141  # as a shell says of a program that ended by SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the main job and return its exit code. Blocks; for the main thread, whose Ctrl-C it takes.

    Args:
        arguments: The command line without the program's name; None: this process's.

    Raises:
        SystemExit: For ``--help``, and with code 2 for a bad command line.
    """
    options = parse(arguments, usable_cpus())
    try:
        plan = make_plan(options.path, seed=options.seed, chaos=options.chaos)
        report = _run(options, plan)
        _print(report, options)
    except BadInput as error:
        return _fail(str(error), 2)
    except SupervisionError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except OSError as error:
        # Whoever read our output has gone, or it can take no more. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return _PIPE_CLOSED
        return _fail(str(error), 1)
    return report.exit_code


def _run(options: Options, plan: Plan) -> Report:
    style = Style.of(sys.stderr, color=options.color)
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    progress = Progress(sys.stderr, style, redraw=on_terminal and options.log is None)
    with ExitStack() as stack:
        poisons = None
        if options.poison:
            poisons = _write_poisons(stack)
        comparison = None
        if options.compare:
            progress.say("the same work over ProcessPoolExecutor …")
            comparison = compare(
                plan,
                workers=options.workers,
                memory=options.memory,
                poisons=poisons,
                deadline=options.deadline,
            )
        outcome = _drive(options, plan, poisons, progress)
    found = None
    if options.verify and not outcome.interrupted:
        progress.say("the same census serially, to compare …")
        try:
            found = differences(outcome)
        except KeyboardInterrupt:
            outcome = attrs.evolve(outcome, interrupted=True)
    return Report.of(outcome, differences=found, comparison=comparison)


def _write_poisons(stack: ExitStack) -> str:
    """Write the poisoned files where they are gone with *stack* or, if we are killed, at the next start of any pool."""
    clock = MonotonicClock()
    run = RunDirectory.create(clock)
    stack.callback(run.remove)
    clock.close()
    directory = Path(run.path, "poison")
    directory.mkdir()
    poison.write(str(directory))
    return str(directory)


def _drive(options: Options, plan: Plan, poisons: str | None, progress: Progress) -> Outcome:
    """Run the plan over a pool that is gone, with all its processes, when this returns or raises."""
    pool = Pool(
        workers=options.workers,
        name="census",
        affinity=options.affinity,
        # A file that was interrupted half-way would spoil its session's table, so its worker must not live on.
        interpreter=InterpreterOptions(
            memory=options.memory, graces=Graces(flag=0, interrupt=0, terminate=0)
        ),
    )
    driver = Driver(pool, plan, poisons=poisons, began=time.monotonic())
    if options.log is not None:
        _log(pool, options.log)
    drain = _DRAIN
    with draining_on_interrupt(driver.stop):
        try:
            pool.start()
            if not options.affinity:
                # The twin is to fail: with one worker up, everything would go to that one by itself.
                pool.wait_ready()
            return driver.run(progress.show)
        except BaseException:
            drain = 0.0
            raise
        finally:
            progress.clear()
            _close(pool, drain)


def _close(pool: Pool, drain: float) -> None:
    """Close *pool*, whose calls get *drain* seconds; also a Ctrl-C that cuts this short leaves nothing of it behind."""
    try:
        pool.close(drain + _BURIAL, drain=drain)
    except KeyboardInterrupt:
        pool.close(_BURIAL, drain=0.0)
        raise


def _log(pool: Pool, level: str) -> None:
    # Put off: loguru takes longer to import than a worker to start.
    from loguru import logger

    from supervision.observer.loguru_sink import log_events

    logger.remove()
    logger.add(sys.stderr, level=level, format="{time:HH:mm:ss.SSS} {level: <8} {message}")
    log_events(pool.tree.events, level=level)


def _print(report: Report, options: Options) -> None:
    if sys.stdout is None:
        return
    if options.json:
        text = json.dumps(report.as_dict())
    else:
        text = summary(report, Style.of(sys.stdout, color=options.color))
    # File names need not be text, and a pipe's encoding need not hold all that is.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    print(text, flush=True)


def _fail(why: str, code: int) -> int:
    print(f"python -m actors.demo: {one_line(why, longest=1000)}", file=sys.stderr)
    return code
