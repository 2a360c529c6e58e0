"""How figures are taken: interleaved turns, the best of each round; one CPU, and the others back afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest


def side(name: str, order: list[str], figures: Iterator[float]) -> Callable[[], float]:
    """Return what notes that it ran, and answers the next of *figures*."""
    return lambda: order.append(name) or next(figures)  # type: ignore[func-returns-value]


def test_every_turn_has_all_sides_and_another_begins() -> None:
    """No side always runs behind the same other."""
    from benchmarks.rounds import in_rounds

    order: list[str] = []
    sides = {name: side(name, order, iter([1.0] * 6)) for name in "abc"}

    in_rounds(2, 3, sides)

    assert "".join(order) == "abcbcacababcbcacab"


def test_a_round_is_the_best_of_its_turns() -> None:
    """The shortest time, or the highest rate; each round for itself."""
    from benchmarks.rounds import in_rounds

    order: list[str] = []
    figures = [5.0, 3.0, 4.0, 7.0, 9.0, 8.0]
    sides = {name: side(name, order, iter(figures)) for name in ("time", "rate")}

    assert in_rounds(2, 3, sides, {"rate"}) == {"time": [3.0, 7.0], "rate": [5.0, 9.0]}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform does not tell")
def test_pinned_moves_every_thread_and_moves_it_back() -> None:
    """Those that were there, and those that are made meanwhile."""
    from benchmarks.rounds import pinned

    before = os.sched_getaffinity(0)
    over = threading.Event()
    threads = [threading.Thread(target=over.wait, args=(20,)) for _ in range(2)]
    threads[0].start()
    try:
        with pinned():
            threads[1].start()
            assert [os.sched_getaffinity(thread.native_id or 0) for thread in threads] == [{min(before)}] * 2
            assert os.sched_getaffinity(0) == {min(before)}
        assert [os.sched_getaffinity(thread.native_id or 0) for thread in threads] == [before] * 2
        assert os.sched_getaffinity(0) == before
    finally:
        over.set()
        for thread in threads:
            thread.join()
