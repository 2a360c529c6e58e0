"""Run all sessions of a plan over a pool: a few threads, each with one session at a time.

How a session survives its workers is in ``session_run``; signals are turned into ``Stop`` in ``interrupt``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, final

import attrs

from actors.demo.outcome import Outcome, PoisonDeath, SessionOutcome
from actors.demo.plan import Plan, Task, spread
from actors.demo.poison import POISONS, Poison
from actors.demo.poisoned import administer
from actors.demo.session_run import SessionRun
from actors.demo.words import one_line
from actors.errors import PoolError
from actors.status import PoolStatus

if TYPE_CHECKING:
    from actors.pool import Pool

__all__ = ["Driver", "Moment"]

#: Sessions at once for each worker. While one takes a reply in, the worker has the other's file. But a death takes all
#: sessions of its worker, and each of them replays its files: under chaos two take twice as long as one (measured).
_SESSIONS_PER_WORKER: Final = 2
_SESSIONS_PER_WORKER_UNDER_CHAOS: Final = 1
_TICK: Final = 0.1  # seconds between two pictures of the progress
_SETTLING: Final = 5.0  # seconds for the pool to replace who died last


@final
@attrs.frozen(kw_only=True)
class Moment:
    """A picture of the run while it goes on."""

    done: int
    files: int
    seconds: float  #: since the start of the pool
    draining: bool  #: whether no further file is begun
    status: PoolStatus


@final
class Driver:
    """Runs one plan, once.

    Args:
        pool: Started; stays open.
        plan: What there is to do.
        poisons: Where the poisoned files are, if they are to be part of it.
        began: When the pool was started, on ``time.monotonic``: its start counts.
    """

    def __init__(self, pool: Pool, plan: Plan, *, poisons: str | None = None, began: float) -> None:
        self._pool = pool
        self._plan = plan
        self._poisons = poisons
        self._began = began
        self._tasks = spread(plan.sessions, POISONS if poisons is not None else ())
        self._lock = threading.Lock()
        self._done = 0  #: files; written under the lock
        self._sessions: list[SessionOutcome] = []  #: appended by every thread
        self._poisoned: list[PoisonDeath] = []  #: appended by every thread
        self._failure: str | None = None
        self._stopping = False  #: only ever becomes true

    def stop(self) -> None:
        """Let every session end after the file it is at. Never blocks, and is safe in a signal handler."""
        self._stopping = True

    def run(self, watch: Callable[[Moment], None]) -> Outcome:
        """Do everything. Blocks; *watch* is called in this thread, some times a second.

        A KeyboardInterrupt leaves at once: the threads end when the pool is closed.
        """
        each = _SESSIONS_PER_WORKER_UNDER_CHAOS if self._plan.strikes else _SESSIONS_PER_WORKER
        threads = ThreadPoolExecutor(each * self._pool.options.workers, "driver")
        try:
            running = {threads.submit(self._perform, task) for task in self._tasks}
            while running:
                watch(self._moment())
                ended, running = wait(running, _TICK, FIRST_EXCEPTION)
                for task in ended:
                    self._look_at(task.exception())
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        seconds = time.monotonic() - self._began
        interrupted = self._stopping and self._failure is None
        self._settle(watch)
        return Outcome(
            plan=self._plan,
            sessions=tuple(sorted(self._sessions, key=lambda session: session.plan.id)),
            poisoned=tuple(sorted(self._poisoned, key=lambda death: death.path)),
            seconds=seconds,
            status=self._pool.status(),
            tree=self._pool.tree.snapshot(),
            interrupted=interrupted,
            failure=self._failure,
        )

    def _settle(self, watch: Callable[[Moment], None]) -> None:
        """Wait, for a moment, until the pool's books have every death that was met, and its last dead are replaced."""
        met = {death.certificate.incarnation for session in self._sessions for death in session.deaths}
        met |= {death.certificate.incarnation for death in self._poisoned if death.certificate is not None}
        limit = time.monotonic() + _SETTLING
        pause = threading.Event()
        while not self._stopping and time.monotonic() < limit:
            status = self._pool.status()
            if status.deaths >= len(met) and status.ready >= status.target:
                return
            watch(self._moment())
            pause.wait(_TICK)

    def _perform(self, task: Task) -> None:
        """Do one task, in a thread of its own; none that had not begun when the run was to stop."""
        if self._stopping:
            return
        if isinstance(task, Poison):
            session = self._pool.session(f"poison#{task.path}")
            assert self._poisons is not None
            self._poisoned.append(administer(session, task, self._poisons))
            return
        run = SessionRun(
            self._pool.session(task.id),
            task,
            self._plan.root,
            stopping=lambda: self._stopping,
            done=self._count,
        )
        self._sessions.append(run.run())

    def _look_at(self, error: BaseException | None) -> None:
        """A task has ended: with an error, the run cannot go on."""
        if error is not None and self._failure is None:
            what = "" if isinstance(error, PoolError) else f"{type(error).__name__}: "
            self._failure, self._stopping = what + one_line(error), True

    def _count(self) -> None:
        with self._lock:
            self._done += 1

    def _moment(self) -> Moment:
        return Moment(
            done=self._done,
            files=self._plan.files,
            seconds=time.monotonic() - self._began,
            draining=self._stopping,
            status=self._pool.status(),
        )
