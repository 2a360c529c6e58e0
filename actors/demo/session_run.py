"""Carry one session through, whatever happens to its workers: move, replay, go on, and read the table at the end.

Which session is carried by whom is in ``driver``; files that are meant to kill are in ``poisoned``.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from actors.demo import table
from actors.demo.census import FileError
from actors.demo.outcome import Death, Kill, SessionOutcome
from actors.demo.plan import SessionPlan
from actors.demo.words import one_line
from actors.errors import CallExpired, SessionLost
from actors.session import Session
from bridge.certificate import Certificate
from bridge.errors import CallDeadline, WorkerDied

if TYPE_CHECKING:
    from bridge.channel import Progress

__all__ = ["ATTEMPTS", "FILE_TIMEOUT", "MOVES", "SessionRun"]

#: Times that a file may kill its worker, or find it busy, before it is given up; and that a table may find it busy.
ATTEMPTS: Final = 3
MOVES: Final = 300  #: moves of one session; beyond, somebody kills faster than we can work
FILE_TIMEOUT: Final = 60.0  #: seconds for one file, with the wait for the session's worker


@final
class SessionRun:
    """One session on its way; used by one thread.

    Args:
        session: The pool's handle on it.
        plan: Its files.
        root: What their paths are relative to.
        stopping: Asked before each new file; once true, the session comes to its end with what it has.
        done: Called after each file that was not done before.
    """

    def __init__(
        self,
        session: Session,
        plan: SessionPlan,
        root: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._plan = plan
        self._root = root
        self._stopping = stopping
        self._done = done
        self._todo = deque(plan.files)
        self._in_table: list[str] = []  #: acknowledged by the present worker
        self._acknowledged: set[str] = set()  #: by any
        self._given_up: list[FileError] = []
        self._failures: dict[str, int] = {}  #: by file
        self._struck: set[str] = set()  #: files whose kill is proven
        self._kills: list[Kill] = []
        self._deaths: list[Death] = []
        self._moves = 0
        self._replays = 0

    def run(self) -> SessionOutcome:
        """Do every file, read the table, and let go of the worker. Blocks.

        Raises:
            PoolError: The pool cannot go on, the session was moved MOVES times, or its worker had no time for its table
                in ATTEMPTS times FILE_TIMEOUT.
        """
        found = self._finish()
        self._session.end()
        # A run that was interrupted may have struck at a file and not come to its end.
        reached = self._acknowledged | self._struck | {error.path for error in self._given_up}
        return SessionOutcome(
            plan=self._plan,
            table=found,
            acknowledged=frozenset(self._acknowledged),
            given_up=tuple(self._given_up),
            kills=tuple(self._kills),
            strikes=len(self._plan.strikes & reached),
            moves=self._moves,
            replays=self._replays,
            deaths=tuple(self._deaths),
        )

    def _finish(self) -> table.Table:
        """Do every file and return the table of them all; the worker may die before that is read, too."""
        expired = 0
        while True:
            self._work()
            try:
                found = self._session.call(table.read, self._session.id, timeout=FILE_TIMEOUT)
            except (SessionLost, WorkerDied, CallDeadline) as error:
                self._move(error, None)
            except CallExpired:
                # The worker is at another session's file. It has the table all the same.
                expired += 1
                if expired == ATTEMPTS:
                    raise
            else:
                self._forget()
                return found

    def _forget(self) -> None:
        """Free the worker's memory of the table, which is read: if that fails there is nothing to make good."""
        try:
            self._session.call(table.forget, self._session.id, timeout=FILE_TIMEOUT)
        except (SessionLost, WorkerDied, CallDeadline) as error:
            self._note(error, None)
        except CallExpired:
            pass  # the worker, and what it keeps, ends with the run

    def _work(self) -> None:
        """Do what is to be done; when the worker is lost, its acknowledged files come to the front of that again."""
        while self._todo:
            path = self._todo[0]
            if path not in self._acknowledged and self._stopping():
                return
            try:
                self._do(path)
            except SessionLost as error:
                self._move(error, None)
            except WorkerDied as error:
                self._move(error, path)
                if error.started and not _from_outside(error.certificate):
                    self._suspect(path, error.certificate.headline())
            except CallDeadline as error:
                assert error.certificate is not None  # noqa: PT017 (this pool's graces are 0, so its worker died)
                self._move(error, path)
                self._suspect(path, error.certificate.headline())
            except CallExpired as error:
                self._suspect(path, one_line(error))
            else:
                self._todo.popleft()
                self._in_table.append(path)
                if path not in self._acknowledged:
                    self._acknowledged.add(path)
                    self._done()

    def _do(self, path: str) -> None:
        if path in self._acknowledged:
            self._replays += 1
        elif path in self._plan.strikes and path not in self._struck:
            self._strike(path)
            return
        self._session.call(table.add_file, self._session.id, self._root, path, timeout=FILE_TIMEOUT)

    def _strike(self, path: str) -> None:
        """Have *path* done, and kill the worker, from here, while it is at it; a kill counts if a certificate shows it."""
        aimed: list[int] = []

        def strike(progress: Progress) -> None:
            try:
                os.kill(progress.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # something else was faster; the next worker is struck
            aimed.append(progress.pid)

        try:
            self._session.call(
                table.held, self._session.id, self._root, path, timeout=FILE_TIMEOUT, on_progress=strike
            )
        except WorkerDied as error:
            certificate = error.certificate
            if certificate.pid in aimed and _from_outside(certificate):
                self._struck.add(path)
                self._kills.append(Kill(certificate.worker, certificate.pid, "SIGKILL", path))
            raise

    def _move(self, error: SessionLost | WorkerDied | CallDeadline, path: str | None) -> None:
        """Note the death, and begin anew with another worker."""
        self._note(error, path)
        if self._moves == MOVES:
            raise SessionLost(self._session.id, error.certificate)
        self._moves += 1
        self._session.rebind()
        self._todo.extendleft(reversed(self._in_table))
        self._in_table.clear()

    def _note(self, error: SessionLost | WorkerDied | CallDeadline, path: str | None) -> None:
        if error.certificate is not None:
            self._deaths.append(Death(error.certificate, path if _had_begun(error) else None))

    def _suspect(self, path: str, why: str) -> None:
        """Count a failure that is the fault of *path*, and give it up if that was once too often."""
        self._failures[path] = self._failures.get(path, 0) + 1
        if self._failures[path] == ATTEMPTS:
            self._todo.remove(path)
            self._given_up.append(FileError(path, f"given up after {ATTEMPTS} attempts: {why}"))
            self._done()


def _had_begun(error: SessionLost | WorkerDied | CallDeadline) -> bool:
    return isinstance(error, CallDeadline) or (isinstance(error, WorkerDied) and error.started)


def _from_outside(certificate: Certificate) -> bool:
    return certificate.signal == "SIGKILL" and certificate.sent_by_us is None
