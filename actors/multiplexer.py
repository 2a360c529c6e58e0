"""Submitted calls: they wait for a worker at the desk as all others do, and one thread for all of them talks to the workers.

Who gets which worker is the desk's, what is said to it the switchboard's; here the two meet, and futures are set.
"""

from __future__ import annotations

import copy
import functools
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, final

from actors.calling import Calling, leave, outcome_of, time_left
from actors.desk import Desk
from actors.errors import PoolError, PoolNotRunning
from actors.future import CallFuture
from actors.lease import Lease
from actors.ledger import Outcome
from actors.ticket import SessionMode
from bridge.errors import CallDeadline
from bridge.payload import EncodedCall
from bridge.switchboard import Run, Switchboard
from supervision import Ref
from supervision.clock import Clock
from supervision.messages import MonitorRef

__all__ = ["Multiplexer", "Submission"]


@final
class Submission(Lease):
    """A lease that nobody's thread waits for: its future is told instead."""

    __slots__ = ("future", "limit", "multiplexer", "request", "run", "taken")

    def __init__(
        self,
        multiplexer: Multiplexer,
        session: str | None = None,
        *,
        ttl: float | None = None,
        mode: SessionMode = SessionMode.STRICT_QUEUE,
        priority: int = 0,
        limit: float = math.inf,
    ) -> None:
        super().__init__(session, ttl=ttl, mode=mode, priority=priority)
        self.limit = limit  #: seconds from when it has a worker
        self.multiplexer = multiplexer
        self.future: CallFuture[Any] = CallFuture()
        self.request: EncodedCall | None = None  #: until it is sent
        self.run: Run | None = None  #: while it runs; this and the next are the board's thread's
        self.taken = False  #: whether what was decided has been seen to

    def wake(self) -> None:
        self.multiplexer.decided(self)


@final
class Multiplexer:
    """The submitted calls of one pool; its thread lives and ends with the actor that opens it.

    Args:
        desk: Where workers are checked out.
        calling: Writes the calls.
    """

    def __init__(self, desk: Desk, calling: Calling) -> None:
        self._desk = desk
        self._calling = calling
        self._board: Switchboard | None = None
        self._actor: Ref | None = None
        self._lock = threading.Lock()  # guards the next
        self._owned: dict[MonitorRef, tuple[Ref, CallFuture[Any]]] = {}

    # Callers

    @property
    def at_once(self) -> int:
        """How many calls the pool's workers are to run at a time."""
        return self._desk.target * self._desk.threads

    def submit(
        self,
        submission: Submission,
        function: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        timeout: float,
        owner: Ref | None = None,
    ) -> CallFuture[Any]:
        """Run the call when there is a worker; see ``Pool.submit``. *submission* is new."""
        begun = self._desk.now()  # one deadline, for encoding, waiting and running
        submission.request = self._calling.encode(submission, function, args, kwargs, timeout)
        board, future = self._board, submission.future
        future.attach(functools.partial(self._abandon, submission))
        try:
            # It was 0 before the pool was open.
            self._desk.enter(submission, timeout, self._desk.now() - begun if begun else 0.0)
            if board is None:  # the desk is open, and this is not: its actor is being restarted
                raise PoolNotRunning(self._desk.pool, "being restarted")
            if submission.ticket.queue is None:
                self.decided(submission)
            else:
                board.wake_by(submission.ticket.deadline)
            if owner is not None:
                self._tie(future, owner)
        except BaseException:
            # Nobody will ever have this future. It may run already: then it is ended, else its lease is given back.
            future.cancel()
            raise
        return future

    def later(self, action: Callable[[], None]) -> None:
        """Run *action* soon, in the thread of submitted calls; from anywhere, a finalizer even. Never blocks."""
        if self._board is not None:
            self._board.post(action)

    def decided(self, submission: Submission) -> None:
        """There is a worker for it, or a refusal; from any thread, at times under the desk's lock. Twice is fine."""
        board = None
        while board is not self._board:  # once, unless its successor has taken over in this moment
            board = self._board
            assert board is not None
            board.post(functools.partial(self._take_up, submission))

    # Its actor

    def open(self, name: str, clock: Clock, actor: Ref, failed: Any) -> None:
        """Start the thread.

        Args:
            name: Of the thread.
            clock: The pool's.
            actor: Is sent a ``Down`` when an owner of calls has ended, for ``owner_is_down``.
            failed: Told if the thread dies of an error.
        """
        before = self._board
        board = Switchboard(name, clock, next_due=self._desk.next_deadline, failed=failed)
        self._actor, self._board = actor, board
        if before is not None:
            board.take_over(before)
        board.start()

    def close(self, timeout: float) -> bool:
        """End the thread, when its calls have ended; blocks. Returns whether that was within *timeout* seconds."""
        return self._board is None or self._board.close(timeout)

    def owner_is_down(self, monitor: MonitorRef) -> None:
        """Cancel the call whose owner has ended."""
        with self._lock:
            _, future = self._owned.pop(monitor, (None, None))
        if future is not None:
            future.cancel()

    # The board's thread

    def _take_up(self, submission: Submission) -> None:
        """It was decided: send the call, or say why not."""
        board, request = self._board, submission.request
        if submission.taken or board is None or request is None:
            return
        submission.taken, submission.request = True, None
        if submission.refusal is not None:
            self._settle(submission, copy.copy(submission.refusal), None)
        elif submission.interpreter is None or not submission.future.begin():
            self._desk.give_back(submission)  # it was cancelled, which has given it back already
        else:
            try:
                remaining = min(time_left(self._desk, submission), submission.limit)
                submission.dispatched = True
                submission.run = board.run(
                    submission.channel,
                    request,
                    timeout=remaining,
                    on_progress=submission.future.note,
                    done=functools.partial(self._settle, submission),
                )
            except Exception as error:
                self._settle(submission, error, None)

    def _settle(self, submission: Submission, error: BaseException | None, result: Any) -> None:
        """It has ended: count it, give the worker to the next, and tell. At times in a helper's thread."""
        submission.run = None
        if error is None:
            submission.outcome = Outcome.OK
        elif not isinstance(error, PoolError):
            submission.outcome = outcome_of(error, submission)
        if isinstance(error, CallDeadline):
            # The caller's own figure, as in a direct call.
            error = CallDeadline(min(submission.timeout, submission.limit), error.certificate)
        leave(self._desk, submission)
        submission.future.finish(error, result)

    def _abandon(self, submission: Submission, running: bool) -> None:
        """Its future was cancelled; in the canceller's thread."""
        if running and self._board is not None:
            self._board.post(functools.partial(self._end_running, submission))
        else:
            self._desk.give_back(submission)

    def _end_running(self, submission: Submission) -> None:
        run, board, interpreter = submission.run, self._board, submission.interpreter
        if run is not None and board is not None and interpreter is not None:
            board.help(functools.partial(interpreter.cancel, run.turn.id))

    # Owners

    def _tie(self, future: CallFuture[Any], owner: Ref) -> None:
        """Have *future* cancelled when *owner* ends."""
        assert self._actor is not None
        with self._lock:
            monitor = owner.monitor(self._actor)
            self._owned[monitor] = (owner, future)
        future.add_done_callback(lambda _: self._untie(monitor))

    def _untie(self, monitor: MonitorRef) -> None:
        with self._lock:
            owner, _ = self._owned.pop(monitor, (None, None))
        if owner is not None:
            owner.demonitor(monitor)
