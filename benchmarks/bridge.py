"""One interpreter process: a call on its own channel, its start, and what an idle one holds of the memory.

Beside it: what pyzmq itself takes for a message and its answer between two processes, and the interpreters of
``ProcessPoolExecutor(spawn)``, which are started in the same way.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from benchmarks.limits import PATIENCE, echo, median_of
from benchmarks.report import Line, Report, compared
from benchmarks.rounds import Effort, apart, in_rounds, pinned
from bridge.events import InterpreterReady
from bridge.hub import Hub
from bridge.interpreter_process import Interpreter
from bridge.options import InterpreterOptions
from bridge.payload import encode_call
from supervision.clock import MonotonicClock
from supervision.events import Event

__all__ = ["run"]

CALL_GOAL: Final = "<= 1.15"
START_GOAL: Final = "<= 0.7"
USS_GOAL: Final = "<= 9"
#: For small calls that follow upon each other, as here.
SPINNING: Final = InterpreterOptions(spin=0.0002)


@attrs.frozen
class Scale:
    """How much is measured."""

    rounds: int
    turns: int  #: of each round
    calls: int  #: of each turn
    starts: int


SCALES: Final = {
    Effort.FULL: Scale(15, 20, 100, 31),
    Effort.QUICK: Scale(7, 10, 100, 7),
    Effort.ONCE: Scale(2, 1, 5, 1),
}

#: A fresh service: seconds from the pool's construction until two workers have answered. Each opens one end of a FIFO,
#: which waits for the other end, so that one worker alone cannot answer both; nobody asks again and again meanwhile.
OURS: Final = """
import os, sys, threading, time
from actors import Pool

def ask(flags):
    answers.append(pool.call(os.open, sys.argv[1], flags, timeout=30.0))

begun = time.perf_counter()
answers = []
with Pool(workers=2) as pool:
    threads = [threading.Thread(target=ask, args=(flags,)) for flags in (os.O_RDONLY, os.O_WRONLY)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    took = time.perf_counter() - begun
    assert len(answers) == 2
    print(took)
"""
SPAWN: Final = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor

begun = time.perf_counter()
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
    futures = [pool.submit(os.open, sys.argv[1], flags) for flags in (os.O_RDONLY, os.O_WRONLY)]
    answers = [future.result() for future in futures]
    took = time.perf_counter() - begun
    assert len(answers) == 2
    print(took)
"""


def run(effort: Effort) -> Report:
    """Measure; about 80 s, about 20 s if ``QUICK``."""
    scale = SCALES[effort]
    with _interpreter(InterpreterOptions()) as as_it_comes, _interpreter(SPINNING) as spinning:
        calls = _calls(as_it_comes, spinning, scale)
        uss = _uss(as_it_comes.pid)  # after calls, of one that waits for more
    settings = {
        "direct_call": f"InterpreterOptions(spin={SPINNING.spin})",
        "direct_call_as_it_comes": "InterpreterOptions()",
    }
    return Report([*calls, _starts(scale.starts), uss], settings)


@contextlib.contextmanager
def _interpreter(options: InterpreterOptions) -> Iterator[Interpreter]:
    """Yield an interpreter that is ready, with nothing about it but what it needs."""
    clock = MonotonicClock()
    hub = Hub("benchmark", clock=clock)
    hub.start()
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    try:
        interpreter = Interpreter.launch(
            hub, options, worker="benchmark/worker", incarnation=1, listener=told.put
        )
        while not isinstance(told.get(timeout=PATIENCE), InterpreterReady):
            pass
        yield interpreter
    finally:
        hub.close(PATIENCE)
        clock.close()


# A call


def _calls(as_it_comes: Interpreter, spinning: Interpreter, scale: Scale) -> Sequence[Line]:
    def caller(interpreter: Interpreter) -> Callable[[], bool]:
        call = interpreter.channel.call
        return lambda: bool(call(encode_call(abs, (-1,), {}), timeout=PATIENCE) == 1)

    # As many bytes as a call has.
    message = bytes(sum(len(part) for part in encode_call(abs, (-1,), {}).frames) + 36)
    with echo() as (socket, pid):

        def ping() -> bool:
            socket.send(message)
            return bool(len(socket.recv()) == len(message))

        once = {"spinning": caller(spinning), "as_it_comes": caller(as_it_comes), "ping": ping}
        sides: dict[str, Callable[[], float]] = {
            name: functools.partial(median_of, scale.calls, each) for name, each in once.items()
        }
        pids = as_it_comes.pid, spinning.pid, pid
        with apart(*pids):
            two_cpus = in_rounds(scale.rounds, scale.turns, sides)
        with pinned(*pids):
            one_cpu = in_rounds(scale.rounds, scale.turns, sides)
        free = in_rounds(scale.rounds, scale.turns, sides)
    lines = []
    for where, figures in ("", two_cpus), ("_one_cpu", one_cpu), ("_free", free):
        us = {side: [each * 1e6 for each in rounds] for side, rounds in figures.items()}
        limit = {"pyzmq_ping_pong": us["ping"]}
        lines.append(compared(f"direct_call{where}", "us", us["spinning"], limit, "" if where else CALL_GOAL))
        lines.append(compared(f"direct_call{where}_as_it_comes", "us", us["as_it_comes"], limit))
    return lines


# A start, and an idle one's memory


def _starts(count: int) -> Line:
    took: dict[str, list[float]] = {OURS: [], SPAWN: []}
    for turn in range(count):
        for program in (OURS, SPAWN) if turn % 2 else (SPAWN, OURS):
            took[program].append(_seconds_of(program))
    ours, spawn = ([each * 1e3 for each in took[program]] for program in (OURS, SPAWN))
    return compared("start_exec_cold", "ms", ours, {"ppe_spawn": spawn}, START_GOAL)


def _seconds_of(program: str) -> float:
    """Run *program* in a fresh Python, which finds what this one finds; return what it prints."""
    path = json.dumps(sys.path)
    with tempfile.TemporaryDirectory(prefix="tw") as directory:
        fifo = f"{directory}/fifo"
        os.mkfifo(fifo)
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {path}\n{program}", fifo],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    return float(done.stdout)


def _uss(pid: int) -> Line:
    """Return the MB that only process *pid* has, that go with it: its unique set size."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    kilobytes = sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))
    figure = kilobytes / 1024
    return Line(
        name="idle_worker_uss_mb", unit="MB", ours=figure, others={}, ratio=figure,
        spread=(figure, figure), goal=USS_GOAL,
    )  # fmt: skip
