"""``Pool.map`` with real interpreter processes: lazily, in order or not, and what becomes of items that fail."""

from __future__ import annotations

import itertools
import operator
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pool_functions as work
import pytest
from gates import gates

from actors import CallDeadline, InterpreterOptions, Pool, WorkerDied
from bridge.ladder import Graces

PATIENCE = 30.0
#: All the time of a busy machine to end at an interrupt.
PATIENT = InterpreterOptions(graces=Graces(flag=0.001, interrupt=20, terminate=20))


def test_results_come_in_the_order_of_their_items(no_leaks: None) -> None:
    """However long each takes; of several iterables as the built-in map does it."""
    with Pool(workers=2) as pool:
        assert list(pool.map(work.after, [0.05, 0, 0.02, 0], "abcde")) == ["a", "b", "c", "d"]
        assert list(pool.map(abs, ())) == []
        assert list(pool.map(abs, range(-200, 0), buffer=1)) == [*range(200, 0, -1)]
        assert pool.status().ok == 204


def test_results_come_as_they_are_done(no_leaks: None, tmp_path: Path) -> None:
    """An item that takes long holds nobody up."""
    with Pool(workers=2) as pool, gates(tmp_path) as gate:
        slow = next(gate)
        other = next(gate)
        results = pool.map(work.wait_at, [str(slow), str(other)], ["slow", "fast"], ordered=False)
        other_opens = threading.Thread(target=other.open)
        other_opens.start()
        assert next(results) == "fast"
        other_opens.join()
        slow.open()
        assert list(results) == ["slow"]


def test_items_are_taken_in_as_results_are_wanted(no_leaks: None) -> None:
    """Of an endless iterable no more than the buffer ahead; and none before the first result is asked for."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in itertools.count():
            taken.append(n)
            yield -n

    with Pool(workers=2) as pool:
        results = pool.map(abs, items(), buffer=5)
        assert taken == []
        assert [next(results) for _ in range(10)] == [*range(10)]
        assert len(taken) == 14
        results.close()
        assert len(taken) == 14
        assert list(results) == []


def test_what_an_item_raises_is_raised_in_its_place(no_leaks: None) -> None:
    """After the results before it; and the rest is cancelled."""
    with Pool(workers=2) as pool:
        results = pool.map(operator.truediv, [6, 6, 6, 6], [3, 2, 0, 1])
        assert [next(results), next(results)] == [2, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)
        with pytest.raises(StopIteration):
            next(results)
        assert pool.desk.drain(PATIENCE)


def test_errors_may_be_returned_or_left_out(no_leaks: None) -> None:
    """And are counted."""
    with Pool(workers=2) as pool:
        one, error, three = pool.map(operator.truediv, [6, 6, 6], [3, 0, 1], on_error="return")
        assert (one, three) == (2, 6)
        assert isinstance(error, ZeroDivisionError)
        results = pool.map(operator.truediv, [6, 6, 6], [3, 0, 1], on_error="skip")
        assert list(results) == [2, 6]
        assert (results.done, results.failed) == (3, 1)


def test_each_item_has_its_own_deadline(no_leaks: None) -> None:
    """From when it has a worker: a queue that takes longer than that costs nobody his time; and only that worker dies."""
    with Pool(workers=1) as pool:
        pool.call(work.pid)
        ends = list(
            pool.map(work.after, [0.1] * 4 + [30] + [0.1] * 3, range(8), timeout=1.0, on_error="return")
        )
        assert [each for each in ends if isinstance(each, int)] == [0, 1, 2, 3, 5, 6, 7]
        assert isinstance(ends[4], CallDeadline)
        assert "1 s" in str(ends[4])


def test_a_death_costs_one_item(no_leaks: None) -> None:
    """The one that ran in that worker."""
    with Pool(workers=2) as pool:
        one, died, three = pool.map(work.die, [0, signal.SIGKILL, 0], on_error="return")
        assert (one, three) == (None, None)
        assert isinstance(died, WorkerDied)


@pytest.mark.promise("dead-caller-frees-worker")
@pytest.mark.parametrize("way", ["close", "with", "drop", "error"])
def test_who_leaves_early_leaves_nothing_running(no_leaks: None, way: str) -> None:
    """Closed, left by an exception, or just dropped: what runs is ended, what waits is never begun."""
    items = [0.0, *[30.0] * 9]
    with Pool(workers=2, interpreter=PATIENT) as pool:
        results = pool.map(work.after, items, range(10))
        assert next(results) == 0
        if way == "close":
            results.close()
        elif way == "with":
            with results:
                pass
        elif way == "error":
            with pytest.raises(KeyError), results:
                raise KeyError
        del results
        while (status := pool.status()).cancelled != status.requests - 1:
            pass
        assert (status.ok, status.waiting) == (1, 0)
        assert pool.desk.drain(PATIENCE)


def test_one_that_is_dropped_under_the_desks_lock_holds_nobody_up(no_leaks: None) -> None:
    """The garbage collector may find it anywhere: whoever runs its finalizer waits for nothing."""
    with Pool(workers=1, interpreter=PATIENT) as pool:
        dropped = [pool.map(work.after, [0.0, 30.0, 30.0], range(3))]
        assert next(dropped[0]) == 0
        with pool.desk._guard._lock:
            dropped.clear()
        assert pool.call(abs, -1, timeout=PATIENCE) == 1


def test_an_iterable_that_fails(no_leaks: None) -> None:
    """Its error is the consumer's, and what was begun is cancelled."""

    def items() -> Iterator[float]:
        yield 30.0
        raise LookupError("no more")

    with Pool(workers=1, interpreter=PATIENT) as pool:
        with pytest.raises(LookupError):
            next(pool.map(work.after, items(), itertools.count()))
        assert pool.desk.drain(PATIENCE)


def test_a_pool_without_a_queue_maps_too(no_leaks: None) -> None:
    """Its items wait for room as long as it takes, whatever becomes of a single call."""
    with Pool(workers=2, max_queue=0) as pool:
        assert list(pool.map(abs, range(-50, 0))) == [*range(50, 0, -1)]


def test_progress_is_told(no_leaks: None, capsys: pytest.CaptureFixture[str]) -> None:
    """To a function; without a terminal, nothing is drawn for a short run."""
    told: list[tuple[int, int | None]] = []
    with Pool(workers=1) as pool:
        list(pool.map(abs, [1, 2], progress=lambda done, total: told.append((done, total))))
        list(pool.map(abs, iter([1]), progress=lambda done, total: told.append((done, total))))
        list(pool.map(abs, (n for n in [1]), progress=lambda done, total: told.append((done, total))))
        list(pool.map(abs, [1, 2], progress=True))
    assert told == [(1, 2), (2, 2), (1, 1), (1, None)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [("buffer", 0), ("buffer", True), ("on_error", "ignore"), ("progress", 3), ("timeout", -1)],
)
def test_an_option_without_sense_is_refused(option: str, value: object) -> None:
    """At once, with what was given."""
    with pytest.raises((ValueError, TypeError), match=f"{option} {value!r}"):
        Pool(workers=1).map(abs, [1], **{option: value})  # type: ignore[arg-type]
