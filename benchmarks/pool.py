"""Calls through a pool: beside raw pyzmq and other pools, and by 64 threads at once.

Every peer by its own API, with one worker that is warm, and a function that does nothing; callers on one processor, workers
on another.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

import attrs

from actors import Pool
from benchmarks.bridge import SPINNING
from benchmarks.limits import PATIENCE, echo, median_of
from benchmarks.report import Line, Report, compared
from benchmarks.rounds import Effort, apart, in_rounds

__all__ = ["run"]

ZMQ_GOAL: Final = "<= 1.25"
PPE_GOAL: Final = "<= 0.45"
PEBBLE_GOAL: Final = "<= 0.5"
THROUGHPUT_GOAL: Final = ">= 1.3"
FAIRNESS_GOAL: Final = "<= 5"

THREADS: Final = 64
WORKERS: Final = 4


@attrs.frozen
class Scale:
    """How much is measured."""

    rounds: int
    turns: int  #: of each round
    calls: int  #: of each turn
    many: int  #: calls of all threads together, and of one, in each of a few rounds


SCALES: Final = {
    Effort.FULL: Scale(15, 5, 100, 12_800),
    Effort.QUICK: Scale(7, 3, 60, 6_400),
    Effort.ONCE: Scale(2, 1, 5, 64),
}

#: Rounds of the threads: each is long enough for itself.
ROUNDS: Final = 9


def run(effort: Effort) -> Report:
    """Measure; about a minute, less than 40 s if ``QUICK``."""
    scale = SCALES[effort]
    lines, facts = _one_caller(scale)
    return Report([*lines, *_threads(scale, 2 if effort is Effort.ONCE else ROUNDS)], facts)


# One caller


def _one_caller(scale: Scale) -> tuple[list[Line], dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(Pool(workers=1, name="spinning", interpreter=SPINNING))
        as_it_comes = stack.enter_context(Pool(workers=1, name="as-it-comes"))
        socket, other_end = stack.enter_context(echo())
        executor = stack.enter_context(_executor())
        message = bytes(100)

        def ping() -> bool:
            socket.send(message)
            return bool(len(socket.recv()) == len(message))

        calls: dict[str, Callable[[], bool]] = {
            "pool": lambda: pool.call(abs, -1, timeout=PATIENCE) == 1,
            "as_it_comes": lambda: as_it_comes.call(abs, -1, timeout=PATIENCE) == 1,
            "ping": ping,
            "ppe": lambda: executor.submit(abs, -1).result(PATIENCE) == 1,
        }
        # Asking for them starts the workers, too.
        pids = [
            other_end,
            pool.call(os.getpid),
            as_it_comes.call(os.getpid),
            executor.submit(os.getpid).result(PATIENCE),
        ]
        pebble = stack.enter_context(_pebble())
        if pebble is not None:
            calls["pebble"] = lambda: pebble(abs, -1) == 1
            pids.append(pebble(os.getpid))
        sides = {name: lambda call=call: median_of(scale.calls, call) for name, call in calls.items()}
        # Where the kernel puts the two ends makes more of a difference than anything else, and it changes its mind.
        with apart(*pids):
            figures = in_rounds(scale.rounds, scale.turns, sides)
    us = {name: [each * 1e6 for each in rounds] for name, rounds in figures.items()}
    lines = [
        compared("pool_call_vs_zmq", "us", us["pool"], {"pyzmq_ping_pong": us["ping"]}, ZMQ_GOAL),
        compared("pool_call_as_it_comes", "us", us["as_it_comes"], {"pyzmq_ping_pong": us["ping"]}),
        compared("pool_call_vs_ppe", "us", us["pool"], {"ppe_forkserver": us["ppe"]}, PPE_GOAL),
    ]
    facts = {
        "pool_call": f"InterpreterOptions(spin={SPINNING.spin})",
        "pool_call_as_it_comes, threads64": "as it comes",
    }
    if "pebble" not in us:
        return lines, facts | {"pebble": "not installed: pip install '.[benchmarks]'"}
    return [
        *lines,
        compared("pool_call_vs_pebble", "us", us["pool"], {"pebble": us["pebble"]}, PEBBLE_GOAL),
    ], facts


@contextlib.contextmanager
def _executor() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as executor:
        yield executor


@contextlib.contextmanager
def _pebble() -> Iterator[Callable[..., Any] | None]:
    """Yield a call by pebble; None: it is not installed."""
    try:
        pebble: Any = importlib.import_module("pebble")
    except ImportError:
        yield None
        return
    pool = pebble.ProcessPool(max_workers=1, context=multiprocessing.get_context("forkserver"))
    try:
        yield lambda function, *args: pool.schedule(function, args=args, timeout=PATIENCE).result()
    finally:
        pool.stop()
        pool.join()


# Many


def _threads(scale: Scale, rounds: int) -> list[Line]:
    one: list[float] = []
    many: list[float] = []
    worst: list[float] = []
    usual: list[float] = []
    with Pool(workers=WORKERS) as pool:
        pool.wait_ready(PATIENCE)
        for _ in range(rounds):
            took = _calls(pool, 1, scale.many // 8)
            one.append(scale.many // 8 / took[0])
            took = _calls(pool, THREADS, scale.many // THREADS)
            many.append(scale.many / took[0])
            times = sorted(took[1])
            usual.append(statistics.median(times) * 1e6)
            worst.append(times[int(0.999 * len(times))] * 1e6)
    return [
        compared("threads64", "calls/s", many, {"one_thread": one}, THROUGHPUT_GOAL),
        compared("threads64_worst", "us", worst, {"p50": usual}, FAIRNESS_GOAL),
    ]


def _calls(pool: Pool, threads: int, calls: int) -> tuple[float, list[float]]:
    """Let each of *threads* make *calls*; return the seconds of all of it, and of each call."""
    took: list[list[float]] = [[] for _ in range(threads)]
    together = threading.Barrier(threads + 1)

    def call(mine: list[float]) -> None:
        together.wait()
        for _ in range(calls):
            begun = time.perf_counter()
            if pool.call(abs, -1, timeout=PATIENCE) != 1:
                raise AssertionError("a wrong answer")
            mine.append(time.perf_counter() - begun)

    every = [threading.Thread(target=call, args=(mine,)) for mine in took]
    for thread in every:
        thread.start()
    together.wait()
    begun = time.perf_counter()
    for thread in every:
        thread.join()
    seconds = time.perf_counter() - begun
    times = [each for mine in took for each in mine]
    if len(times) != threads * calls:
        raise AssertionError("a call was not answered")
    return seconds, times
