"""What a restart costs, from the crash to the answer of the replacement, and how start and stop grow with the children.

Beside it: a supervisor written by hand in pykka, where a failing actor starts its successor; the supervisor's own work,
without threads, at any number of children; and OTP's own figures, as it was measured elsewhere: facts, not rivals.
"""

from __future__ import annotations

import gc
import itertools
import logging
import queue
import random
import resource
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, final

import attrs
import pykka

from benchmarks.report import Line, Report, compared
from benchmarks.rounds import Effort, in_rounds, pinned
from supervision import (
    Actor,
    ChildSpec,
    Ref,
    SupFlags,
    Tree,
    crashed,
    decisions,
)
from supervision.commands import Start
from supervision.requests import From
from supervision.sup_state import SupState

__all__ = ["run"]

RESTART_GOAL: Final = "<= 1.5"
FLAT_GOAL: Final = "<= 1.5"
LINEAR_GOAL: Final = "<= 1.5"
#: Never reached, and the window stays short: what is measured is a restart, not a giving up. OTP's were the same.
OFTEN: Final = 1_000_000
#: Microseconds; Erlang/OTP 25 on 2 virtual cores of an AMD EPYC, one_for_one, kill to answer, and per child.
OTP: Final = {
    "otp_restart_us": {1: 9.1, 100: 9.8, 1_000: 26, 10_000: 113},
    "otp_start_us_per_child": {1_000: 4.4, 10_000: 5.9, 100_000: 8.7},
    "otp_stop_us_per_child": {1_000: 4.7, 10_000: 4.5, 100_000: 6.8},
}
BOOM: Final = "boom"
#: In one turn.
CRASHES: Final = 10
RESTARTS: Final = 200


@final
@attrs.frozen
class Scale:
    """How much is measured."""

    rounds: int
    turns: int  #: of each round
    trees: Sequence[int]  #: the sizes of the trees in which one child crashes; from 1
    tables: Sequence[
        int
    ]  #: those of the tables in the core alone; from 1, and the last but one is the goal's
    repeats: int  #: of starting and stopping
    largest: int  #: how many children are started and stopped


_TABLES: Final = (1, 100, 1_000, 10_000, 100_000)
SCALES: Final = {
    Effort.FULL: Scale(15, 30, (1, 100, 1_000), _TABLES, 5, 3_000),
    Effort.QUICK: Scale(7, 8, (1, 100, 1_000), _TABLES, 3, 3_000),
    Effort.ONCE: Scale(2, 1, (1, 10), (1, 100, 1_000), 1, 100),
}


class Child(Actor):
    """Says that it is there, answers what it is asked, and fails at a cast."""

    def init(self, here: queue.SimpleQueue[Ref]) -> None:
        here.put(self.ref)

    def handle_call(self, request: Any, from_: From) -> Any:
        return request

    def handle_cast(self, message: Any) -> None:
        raise RuntimeError(message)


class ByHand(pykka.ThreadingActor):
    """The same in pykka, which has no supervisor: whoever fails starts the next."""

    def __init__(self, here: queue.SimpleQueue[Any]) -> None:
        super().__init__()
        self._here = here

    def on_start(self) -> None:
        self._here.put(self.actor_ref)

    def on_receive(self, message: Any) -> Any:
        if message == BOOM:
            raise RuntimeError(message)
        return message

    def on_failure(self, *_: Any) -> None:
        type(self).start(self._here)


class Idle(Actor):
    """Does nothing."""


def run(effort: Effort) -> Report:
    """Measure; about two minutes, about 20 s if ``QUICK``."""
    scale = SCALES[effort]
    facts: dict[str, Any] = {}
    lines = [*_restarts(scale, facts), _flat(scale, facts)]
    lines += _linear(scale.repeats, min(scale.largest, _threads_to_spare()), facts)
    return Report(lines, facts | OTP)


# From a crash to the answer of the replacement


def _restarts(scale: Scale, facts: dict[str, Any]) -> Sequence[Line]:
    log = logging.getLogger("pykka")
    disabled, log.disabled = (
        log.disabled,
        True,
    )  # it writes a traceback for each failure; ours was not asked to
    here: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ours: dict[int, queue.SimpleQueue[Ref]] = {}
    trees = []
    try:
        for count in scale.trees:
            ours[count] = queue.SimpleQueue()
            specs = [ChildSpec(id=str(n), start=Child, args=[ours[count]]) for n in range(count)]
            trees.append(Tree(f"of {count}", specs, intensity=OFTEN, period=1.0).start())
        ByHand.start(here)
        alive = {count: [place.get() for _ in range(count)] for count, place in ours.items()}
        by_hand = [here.get()]
        sides: dict[str, Callable[[], float]] = {
            str(count): lambda refs=alive[count], place=place: _crash(refs, place)  # type: ignore[misc]
            for count, place in ours.items()
        }
        sides["by_hand"] = lambda: _crash_by_hand(by_hand, here)
        with pinned():
            one_cpu = in_rounds(scale.rounds, scale.turns, sides)
        free = in_rounds(scale.rounds, scale.turns, sides)
        by_hand[0].stop()
    finally:
        for tree in trees:
            tree.stop()
        log.disabled = disabled
    for name, figures in (("restart_us", free), ("restart_us_one_cpu", one_cpu)):
        facts[name] = {side: round(statistics.median(each) * 1e6, 1) for side, each in figures.items()}
    # On one CPU each of the hand-overs that a supervisor has more is paid in full: told, but no goal.
    return [
        _against_hand("restart_vs_pykka", free, RESTART_GOAL),
        _against_hand("restart_vs_pykka_one_cpu", one_cpu),
    ]


def _against_hand(name: str, figures: dict[str, list[float]], goal: str = "") -> Line:
    us = {side: [each * 1e6 for each in rounds] for side, rounds in figures.items()}
    return compared(name, "us", us["1"], {"by_hand_in_pykka": us["by_hand"]}, goal)


def _crash(alive: list[Ref], here: queue.SimpleQueue[Ref]) -> float:
    """Return the median seconds from the crash of one of *alive* until its replacement has answered."""
    took = []
    for number in range(CRASHES):
        place = random.randrange(len(alive))
        ref = alive[place]
        begun = time.perf_counter()
        ref.cast(BOOM)
        new = here.get(timeout=60)
        if new.call(number) != number or new.name != ref.name:
            raise AssertionError("a wrong answer")
        took.append(time.perf_counter() - begun)
        alive[place] = new
    return statistics.median(took)


def _crash_by_hand(alive: list[Any], here: queue.SimpleQueue[Any]) -> float:
    took = []
    for number in range(CRASHES):
        begun = time.perf_counter()
        alive[0].tell(BOOM)
        alive[0] = here.get(timeout=60)
        if alive[0].ask(number) != number:
            raise AssertionError("a wrong answer")
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


# The supervisor's own work


def _flat(scale: Scale, facts: dict[str, Any]) -> Line:
    supervisors = {count: _Scripted(count) for count in scale.tables}
    sides: dict[str, Callable[[], float]] = {
        str(count): lambda sup=sup: sup.restarts(RESTARTS)  # type: ignore[misc]
        for count, sup in supervisors.items()
    }
    gc.collect()
    gc.freeze()  # what a collection of 100,000 children's rows costs is not the supervisor's work
    try:
        figures = in_rounds(scale.rounds, scale.turns, sides)
    finally:
        gc.unfreeze()
    us = {side: [each * 1e6 for each in took] for side, took in figures.items()}
    facts["own_work_us"] = {side: round(statistics.median(each), 2) for side, each in us.items()}
    *_, large, largest = map(str, scale.tables)
    return compared(
        "restart_flat", "us", us[large], {"at_1": us["1"], f"at_{largest}": us[largest]}, FLAT_GOAL
    )


class _Scripted:
    """A supervisor's rules, and children that are numbers: what is left is what the supervisor does itself."""

    def __init__(self, count: int) -> None:
        self._numbers = itertools.count(1)
        self._state = SupState("sup", SupFlags(intensity=OFTEN, period=1.0))
        self._now = 0.0
        specs = [ChildSpec(id=str(number), start=Idle) for number in range(count)]
        starts = [command for command in decisions.begin(self._state, specs) if isinstance(command, Start)]
        self._refs = [self._start(command) for command in starts]

    def restarts(self, count: int) -> float:
        """Return the seconds that one of *count* restarts takes, of children all over the table."""
        refs, state, reason = self._refs, self._state, crashed(BOOM)
        places = [random.randrange(len(refs)) for _ in range(count)]
        begun = time.perf_counter()
        for place in places:
            self._now += 0.01
            (command,) = decisions.child_exited(state, refs[place], reason, self._now)
            assert isinstance(command, Start)
            refs[place] = self._start(command)
        return (time.perf_counter() - begun) / count

    def _start(self, command: Start) -> Ref:
        ref = Ref(command.id, next(self._numbers))
        decisions.started(self._state, command, ref)
        return ref


# Start and stop


def _linear(rounds: int, largest: int, facts: dict[str, Any]) -> Sequence[Line]:
    """Compare a tree of *largest* children with ten of a tenth, on one CPU and without the garbage collector.

    Between two CPUs the hand-over of a start costs what the kernel makes of it; and a small tree never meets a full
    collection, a large one some: both are given as they are, free and collected, among the facts. So is what threads
    without any actor grow by; beyond some thousand they cost the kernel more and more each.
    """
    small = largest // 10
    free = _start_and_stop(largest)
    facts["start_us_per_child"], facts["stop_us_per_child"] = (round(each, 1) for each in free)
    facts["threads"] = largest
    gc.collect()
    gc.disable()
    try:
        with pinned():
            facts["threads_alone_grow_by"] = _growth_of_threads(rounds, small, largest)
            return _linear_lines(rounds, small, largest)
    finally:
        gc.enable()


def _growth_of_threads(rounds: int, small: int, largest: int) -> dict[str, float]:
    """Return the cost of each of *largest* threads / of *small*: what no tree of thread actors can be better than."""
    ratios = []
    for _ in range(rounds):
        many = _threads_alone(largest)
        few = [_threads_alone(small) for _ in range(largest // small)]
        ratios.append([many[step] / statistics.mean(each[step] for each in few) for step in (0, 1)])
    start, stop = (statistics.median(each[step] for each in ratios) for step in (0, 1))
    return {"start": round(start, 2), "stop": round(stop, 2)}


def _threads_alone(count: int) -> tuple[float, float]:
    """Return the microseconds that each of *count* threads takes to start, until it says so, and to stop."""
    held: list[tuple[threading.Thread, threading.Event]] = []
    begun = time.perf_counter()
    for _ in range(count):
        up, end = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda up=up, end=end: (up.set(), end.wait()), daemon=True)
        thread.start()
        up.wait()
        held.append((thread, end))
    ending = time.perf_counter()
    for thread, end in reversed(held):
        end.set()
        thread.join()
    down = time.perf_counter()
    return (ending - begun) / count * 1e6, (down - ending) / count * 1e6


def _linear_lines(rounds: int, small: int, largest: int) -> Sequence[Line]:
    start: dict[int, list[float]] = {small: [], largest: []}
    stop: dict[int, list[float]] = {small: [], largest: []}
    for turn in range(rounds + 1):
        for count in (small, largest) if turn % 2 else (largest, small):
            # Ten small ones, so that both sides of a round are as long and meet the same noise.
            took = [_start_and_stop(count) for _ in range(largest // count)]
            gc.collect()
            if turn:
                start[count].append(statistics.mean(each[0] for each in took))
                stop[count].append(statistics.mean(each[1] for each in took))
    return [
        compared("start_linear", "us", start[largest], {f"each_of_{small}": start[small]}, LINEAR_GOAL),
        compared("stop_linear", "us", stop[largest], {f"each_of_{small}": stop[small]}, LINEAR_GOAL),
    ]


def _start_and_stop(count: int) -> tuple[float, float]:
    """Return the microseconds that a tree of *count* thread actors takes for each to start, and to stop."""
    tree = Tree("linear", [ChildSpec(id=str(number), start=Idle) for number in range(count)])
    begun = time.perf_counter()
    tree.start()
    up = time.perf_counter()
    alive = len(tree.registry.names())
    ending = time.perf_counter()
    ended = tree.stop(600)
    down = time.perf_counter()
    if alive != count + 1 or not ended:
        raise AssertionError(f"{alive} of {count + 1} were up, ended: {ended}")
    return (up - begun) / count * 1e6, (down - ending) / count * 1e6


def _threads_to_spare() -> int:
    """Return how many threads this machine lets us have: a quarter of its limits, the rest is others'."""
    paths = [Path("/proc/sys/kernel/pid_max"), Path("/proc/sys/vm/max_map_count")]
    limits = [resource.getrlimit(resource.RLIMIT_NPROC)[0]]
    limits += [int(path.read_text()) for path in paths if path.exists()]
    return max(100, min((limit for limit in limits if limit > 0), default=8_000) // 4)
