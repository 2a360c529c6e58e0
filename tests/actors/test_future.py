"""The future by itself: what each of its states takes, and who is told."""

from __future__ import annotations

from concurrent import futures
from typing import Any

import pytest

from actors.future import CallFuture


def test_one_that_waits_is_cancelled_once() -> None:
    """Whoever waits for it is told at once, and it is never begun."""
    told: list[bool] = []
    called: list[Any] = []
    future: CallFuture[int] = CallFuture()
    future.attach(told.append)
    future.add_done_callback(called.append)

    assert [future.cancel(), future.cancel()] == [True, True]

    assert (told, called) == ([False], [future])
    assert (future.cancelled(), future.done(), future.begin()) == (True, True, False)
    assert futures.wait([future], 0).done == {future}
    with pytest.raises(futures.CancelledError):
        future.exception(0)


def test_one_that_runs_is_cancelled_too() -> None:
    """Unlike the standard library's: its call is to be ended; what comes of it reaches nobody."""
    told: list[bool] = []
    future: CallFuture[int] = CallFuture()
    future.attach(told.append)
    assert future.begin()
    assert future.running()

    assert future.cancel()
    future.finish(None, 3)

    assert told == [True]
    with pytest.raises(futures.CancelledError):
        future.result(0)


@pytest.mark.parametrize("error", [None, LookupError("no")])
def test_one_that_is_done_is_not_cancelled(error: Exception | None) -> None:
    """Its result stays; a second one is not taken."""
    called: list[Any] = []
    future: CallFuture[int] = CallFuture()
    future.add_done_callback(called.append)
    assert future.begin()
    future.finish(error, 3)
    future.finish(None, 4)

    assert not future.cancel()
    assert called == [future]
    assert future.exception(0) is error
    if error is None:
        assert future.result(0) == 3
    with futures.ThreadPoolExecutor(1) as threads:
        assert threads.submit(futures.wait, [future], 0).result().done == {future}


def test_who_waits_is_told() -> None:
    """By ``as_completed``, of a result, an error and a cancel alike."""
    every: list[CallFuture[int]] = [CallFuture() for _ in range(3)]
    completed = futures.as_completed(every, 10)
    with futures.ThreadPoolExecutor(1) as threads:
        first = threads.submit(next, completed)
        every[1].finish(None, 1)
        assert first.result(10) is every[1]
        every[0].cancel()
        assert next(completed) is every[0]
        every[2].finish(LookupError())
        assert next(completed) is every[2]
