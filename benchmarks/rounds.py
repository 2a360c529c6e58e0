"""How figures are taken that can be compared: side by side in many short turns, and on one CPU where it says so."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import final

__all__ = ["Effort", "apart", "in_rounds", "pinned"]


@final
class Effort(enum.Enum):
    """How much is measured."""

    FULL = "full"
    QUICK = "quick"  #: within 40 s for each NAME; rougher figures
    ONCE = "once"  #: everything once, as small as it goes: it shows that it runs, its figures mean nothing


def in_rounds(
    rounds: int, turns: int, sides: Mapping[str, Callable[[], float]], rates: Set[str] = frozenset()
) -> dict[str, list[float]]:
    """Return each side's best turn of each round; which side begins changes with every turn.

    A round is the best of many short turns, all sides in each: what else the machine does then disturbs few turns, and
    hardly ever all of one round.

    Args:
        rounds: How many figures each side gets.
        turns: Of each round.
        sides: What measures once.
        rates: The sides whose best is the largest figure, and not the smallest.
    """
    names = list(sides)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        of_round: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(turns):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                of_round[name].append(sides[name]())
        for name in names:
            figures[name].append((max if name in rates else min)(of_round[name]))
    return figures


@contextlib.contextmanager
def pinned(*others: int) -> Iterator[None]:
    """Run on one CPU, where the platform can say so, this process's threads and those of the processes *others*.

    Threads that exist move, whoever made them, and those made meanwhile come back.
    """
    with _placed(others, min, min):
        yield


@contextlib.contextmanager
def apart(*others: int) -> Iterator[None]:
    """Run this process's threads on one CPU and those of the processes *others* on another; the rest is as with `pinned`."""
    with _placed(others, min, max):
        yield


@contextlib.contextmanager
def _placed(
    others: Iterable[int], mine: Callable[[Set[int]], int], theirs: Callable[[Set[int]], int]
) -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _move([os.getpid()], {mine(before)})
    _move(others, {theirs(before)})
    try:
        yield
    finally:
        _move([os.getpid(), *others], before)


def _move(pids: Iterable[int], cpus: Set[int]) -> None:
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cpus)
