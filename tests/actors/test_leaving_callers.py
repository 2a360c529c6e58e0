"""Twenty callers that leave in the middle of their calls, each kind in its own way: every worker is free again."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from concurrent import futures

import pool_functions as work
import pytest

from actors import InterpreterOptions, Pool
from bridge.channel import Progress
from bridge.ladder import Graces
from supervision import KILLED, Actor, ChildSpec, MonotonicClock, Supervisor, SupFlags, Tree

PATIENCE = 30.0
#: All the time of a busy machine to end at an interrupt.
PATIENT = InterpreterOptions(graces=Graces(flag=0.001, interrupt=20, terminate=20))
WORKERS = 4


class Stranger(Exception):
    """Raised in another thread."""


class Owner(Actor):
    """Somebody who has calls."""


def _leave_by_an_exception(pool: Pool, kind: type[BaseException]) -> None:
    """Call in a thread of its own, and raise *kind* there when the call runs."""
    runs, left = threading.Event(), threading.Event()

    def call() -> None:
        def progress(_: Progress) -> None:
            runs.set()
            # The exception strikes here, in the midst of the call, as soon as this thread runs on.
            while True:
                pass

        with pytest.raises(kind):
            pool.call(work.wait_to_be_killed, on_progress=progress)
        left.set()

    thread = threading.Thread(target=call)
    thread.start()
    assert runs.wait(PATIENCE)
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(kind))
    thread.join(PATIENCE)
    assert left.is_set()


def _runs(future: futures.Future[None]) -> None:
    while future.progress is None:  # type: ignore[attr-defined]  # it is one of ours
        pass


def _leave_by_a_cancelled_task(pool: Pool) -> None:
    async def main() -> None:
        call = pool.submit(work.wait_to_be_killed)

        async def ask() -> None:
            await asyncio.wrap_future(call)

        task = asyncio.create_task(ask())
        await asyncio.to_thread(_runs, call)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def _leave_by_a_cancelled_future(pool: Pool) -> None:
    call = pool.submit(work.wait_to_be_killed)
    _runs(call)
    assert call.cancel()


def _leave_by_going_down(pool: Pool, tree: Tree, name: str) -> None:
    owner = tree.registry.whereis(f"service/top/{name}")
    assert owner is not None
    call = pool.submit(work.wait_to_be_killed, owner=owner)
    _runs(call)
    owner.exit(KILLED)
    with pytest.raises(futures.CancelledError):
        call.result(PATIENCE)


@pytest.mark.promise("dead-caller-frees-worker")
@pytest.mark.timeout(120)
def test_twenty_callers_leave_and_all_workers_are_free_again(no_leaks: None) -> None:
    """Five each: an interrupt or another asynchronous exception, a cancelled task, a cancelled future, an actor that ends."""
    owners = [ChildSpec(id=f"owner{n}", start=Owner, restart="temporary") for n in range(5)]
    top = ChildSpec(id="top", start=Supervisor, args=(SupFlags(), owners))
    with (
        Tree("service", [top], clock=MonotonicClock()) as tree,
        Pool(workers=WORKERS, interpreter=PATIENT) as pool,
    ):
        for n in range(5):
            _leave_by_an_exception(pool, KeyboardInterrupt if n % 2 else Stranger)
            _leave_by_a_cancelled_task(pool)
            _leave_by_a_cancelled_future(pool)
            _leave_by_going_down(pool, tree, f"owner{n}")

        assert pool.desk.drain(PATIENCE)
        # As many at the same time as there are workers, so that all of them are there.
        together = [pool.submit(work.after, 0.5, n) for n in range(WORKERS)]
        assert [each.result(PATIENCE) for each in together] == [*range(WORKERS)]
        assert pool.wait_ready(PATIENCE)
        status = pool.status()
        assert (status.requests, status.ok, status.cancelled, status.waiting) == (
            20 + WORKERS,
            WORKERS,
            20,
            0,
        )
        assert len({each.pid for each in status.workers}) == WORKERS
