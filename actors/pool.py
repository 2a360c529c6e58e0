"""The pool, as people hold it: ``with Pool(workers=4) as pool: pool.call(f, x)``.

The tree behind it is in ``pool_tree``, who gets which worker in ``scheduler``. A call travels through no actor: the
caller's own thread checks a worker out at the desk and talks to it over its data channel.
"""

from __future__ import annotations

import atexit
import math
import threading
from types import TracebackType
from typing import TYPE_CHECKING, final

from actors.caller import Caller
from actors.calling import Calling
from actors.configuration import as_keywords, pool_options
from actors.desk import Desk
from actors.errors import PoolNotRunning
from actors.multiplexer import Multiplexer
from actors.options import check_seconds, choice
from actors.pool_tree import pool_spec
from actors.session import Session
from actors.status import DEFAULT, GIVEN, Choice, PoolStatus, SessionStatus
from actors.ticket import SessionMode, WhenFull
from actors.unbridged import Unbridged
from bridge.errors import BridgeError
from bridge.main_guard import refuse_unguarded_main
from bridge.options import InterpreterOptions
from bridge.platform import require_supported
from bridge.probe import check_interpreter
from supervision import ChildSpec, Restart, Tree

if TYPE_CHECKING:
    from typing import Any, Never

    from actors.configuration import Source
    from bridge.launchers.launcher import Launcher

__all__ = ["Pool"]

#: Seconds for a pool that was forgotten to end when the interpreter exits.
_AT_EXIT = 5.0


@final
class Pool(Caller):
    """A supervised set of Python interpreter processes that run functions for any thread of this one.

    Alone (``with Pool(...) as pool``, or ``start()`` and ``close()``) it has a tree of its own. In a bigger tree give
    ``child_spec()`` to a supervisor; the pool works from when that starts it.

    A pool that is not closed ends by itself when the interpreter exits, and leaves no process. But Python waits for
    threads that are not daemons first: one that is inside a call then holds the exit up until the call ends, at the
    latest by its ``timeout``. Close the pool before the script ends, or make such threads daemons.

    Args:
        workers: How many interpreter processes; default: the processors this process may use (affinity, cgroup quota).
        name: The pool's name in its tree.
        interpreter: Which Python, and its environment, limits and start deadline.
        threads: How many calls each worker runs at a time, in threads of it; for calls that wait, not for calls that compute.
            What that means for their interruption, ``report`` and death: ``InterpreterOptions.threads``.
        affinity: Whether a session's calls all go to one worker. Without, sessions are only names.
        session_ttl: Seconds without use after which a session expires that was not given a time of its own;
            ``math.inf``: never.
        max_queue: How many callers may wait for a worker; 0: none, a call that finds no free one is refused.
        when_full: What becomes of a call that finds so many waiting: ``"raise"`` refuses it at once, ``"block"`` lets it
            wait all the same, until its own deadline, ``"shed"`` refuses the newest call of the lowest priority, of those
            that wait and this one.
        max_overflow: How many workers beyond *workers* are started while callers wait; each ends when it has been free
            for *overflow_ttl*, unless it holds a session.
        overflow_ttl: Seconds.
        lazy: Whether no worker is started before the first call, or ``wait_ready``, asks for one; then all are.
        max_starting: How many workers may be starting at the same time, from the launch until the handshake; default: all.
            One whose start hangs holds its place until its ``start_timeout``.
        start_interval: Seconds from one batch of starts, of *max_starting* at most, to the next; 0: no pause.
        health_interval: Seconds between two checks of the workers that nobody uses; ``math.inf``: none. One that does not
            answer is kept without work until it does, and replaced when it has not for three checks in a row. (A process
            that is stopped or gone is found without: ``InterpreterOptions.ping_interval``.)
        health_timeout: Seconds for its answer.
        launcher: Brings the interpreters to life; default: as processes of this machine. ``status().choices`` says which.

    Raises:
        ValueError, TypeError: An option is out of range, or unknown: ``UnknownOption``, which names the nearest.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        name: str = "pool",
        interpreter: InterpreterOptions | None = None,
        threads: int | None = None,
        affinity: bool = True,
        session_ttl: float = 3600.0,
        max_queue: int = 10_000,
        when_full: WhenFull | str = WhenFull.RAISE,
        max_overflow: int = 0,
        overflow_ttl: float = 30.0,
        lazy: bool = False,
        max_starting: int | None = None,
        start_interval: float = 0.0,
        health_interval: float = math.inf,
        health_timeout: float = 5.0,
        launcher: Launcher | Unbridged | None = None,
        **unknown: Never,
    ) -> None:
        given = {
            "workers": workers,
            "name": name,
            "interpreter": interpreter,
            "threads": threads,
            "affinity": affinity,
            "session_ttl": session_ttl,
            "max_queue": max_queue,
            "when_full": when_full,
            "max_overflow": max_overflow,
            "overflow_ttl": overflow_ttl,
            "lazy": lazy,
            "max_starting": max_starting,
            "start_interval": start_interval,
            "health_interval": health_interval,
            "health_timeout": health_timeout,
            "launcher": launcher,
        }
        self.options = pool_options(keywords={**given, **unknown})
        self.desk = Desk(
            self.options.name,
            target=self.options.workers,
            max_queue=self.options.max_queue,
            affinity=self.options.affinity,
            session_ttl=self.options.session_ttl,
            when_full=self.options.when_full,
            max_overflow=self.options.max_overflow,
            threads=self.options.threads,
            lazy=self.options.lazy,
        )
        self.desk.choices = self._choices()
        calling = Calling(self.desk, self.options.interpreter)
        super().__init__(calling, Multiplexer(self.desk, calling))
        self._lock = threading.Lock()  #: guards the two below: a pool lives in one tree
        self._tree: Tree | None = None  #: its own, if it stands alone
        self._given = False  #: whether it was given to a supervisor

    @classmethod
    def from_options(cls, source: Source | None = None, /, *, table: str = "pool", **keywords: Any) -> Pool:
        """Return a pool, not started, of *source* and the *keywords* before it; see ``configuration.pool_options``."""
        return cls(**as_keywords(pool_options(source, keywords, table=table)))

    # Calls

    def session(
        self, id: str, *, mode: SessionMode | str = SessionMode.STRICT_QUEUE, ttl: float | None = None
    ) -> Session:
        """Return a handle on the session *id*. Never blocks; a session begins with its first call.

        Args:
            id: Any text; the same text is the same session.
            mode: What this handle's calls do when the session's worker is not free: ``"strict_queue"`` waits for it,
                ``"strict_fail_fast"`` raises ``SessionBusy``, ``"hint"`` takes any free worker, and never tells that the
                session's was lost.
            ttl: Seconds without use after which the session expires, from this handle's next use of it on;
                ``math.inf``: never. Default: as it was, or, of a new one, the pool's ``session_ttl``.

        Raises:
            ValueError: *id* is no text, or empty, there is no such *mode*, or *ttl* is no number of seconds above 0.
        """
        if not isinstance(id, str) or not id:
            raise ValueError(f"session id {id!r}: expected a non-empty str")
        if ttl is not None:
            check_seconds("ttl", ttl)
        return Session(self, id, choice(SessionMode, "mode", mode), ttl)

    def sessions(self) -> tuple[SessionStatus, ...]:
        """Return the sessions that are known, longest unused first, bound to workers or not. Never blocks."""
        return self.desk.sessions()

    # Life

    def start(self) -> Pool:
        """Start the pool in a tree of its own. Returns at once; the workers start in parallel behind it.

        Raises:
            PlatformUnsupported: The platform lacks what the pool stands on.
            InterpreterUnusable: The interpreter cannot be a worker; the text says what it needs.
            StartError: The tree did not start.
            TreeNotRunning: It was started before; a pool lives once.
            PoolNotRunning: It was given to a supervisor by ``child_spec``.
        """
        self._check()
        with self._lock:
            if self._given:
                raise PoolNotRunning(
                    self.options.name, "given to a supervisor by child_spec(), which starts it"
                )
        self.tree.start()
        # Whoever forgets to close it must not find processes left, nor the exit hanging.
        atexit.register(self.close, _AT_EXIT)
        return self

    def wait_ready(self, timeout: float = 30.0) -> bool:
        """Wait until all workers are up. Blocks; a call needs it not, it waits for the first free one by itself.

        Args:
            timeout: Seconds; ``math.inf`` waits for ever.

        Returns:
            Whether all were up within it.

        Raises:
            PoolCannotStart, PoolGaveUp: They fail at their start; raised at once, not at the timeout.
            PoolNotRunning: Before ``start`` or after ``close``.
        """
        return self.desk.wait_ready(timeout)

    def close(self, timeout: float = 10.0, *, drain: float | None = None) -> bool:
        """Stop: take no more calls, let those that run finish, then end every process. Blocks; idempotent.

        Args:
            timeout: Seconds for all of it. What has not ended then ends by itself, unseen; 0 waits for nothing.
            drain: Seconds of these for the calls that run; then their workers are killed and their callers told. 0
                kills at once. Default: half of them.

        Returns:
            Whether everything ended in good order within it.
        """
        if self.calling.is_elsewhere:
            return True  # a forked copy: the pool, its locks and its threads are the service's
        with self._lock:
            tree = self._tree
        self.desk.close("stopping")
        if tree is None:
            return True
        now = tree.clock.now
        deadline = now() + timeout
        drained = self.desk.drain(timeout / 2 if drain is None else min(drain, timeout))
        if not drained:
            for interpreter in self.desk.held():
                interpreter.kill("its pool was closed before its call ended")
        ended = tree.stop(max(0.0, deadline - now()))
        self.desk.close("stopped")
        atexit.unregister(self.close)
        return drained and ended

    def child_spec(self, *, restart: Restart = Restart.PERMANENT, significant: bool = False) -> ChildSpec:
        """Return the spec that runs this pool under a supervisor of yours, as OTP's ``child_spec/1``.

        Raises:
            PlatformUnsupported, InterpreterUnusable: As ``start``; checked here, in the caller.
        """
        self._check()
        with self._lock:
            if self._tree is not None:
                raise PoolNotRunning(
                    self.options.name, "in a tree of its own already, and a pool lives in one tree"
                )
            self._given = True
        return pool_spec(self.options, self.desk, self.multiplexer, restart=restart, significant=significant)

    @property
    def tree(self) -> Tree:
        """The tree of a pool that stands alone: its events (subscribe before ``start`` to see all), its picture.

        Raises:
            PoolNotRunning: It was given to a supervisor; ask the tree of that one.
        """
        with self._lock:
            if self._given:
                raise PoolNotRunning(self.options.name, "part of a supervisor's tree; ask that tree")
            if self._tree is None:
                self._tree = Tree(
                    "tree",
                    [
                        pool_spec(
                            self.options,
                            self.desk,
                            self.multiplexer,
                            restart=Restart.TRANSIENT,
                            significant=False,
                        )
                    ],
                )
            return self._tree

    def status(self) -> PoolStatus:
        """Return the pool as it is now. Waits for no actor: it answers while everything else is busy."""
        return self.desk.status()

    def __repr__(self) -> str:
        status = self.desk.status()
        return f"<Pool {status.name!r}: {status.state}, {status.ready} of {status.target} workers up>"

    def _check(self) -> None:
        """Look for everything that it takes, before anything starts.

        Raises:
            BridgeError: The first that is missing; the others are its notes.
        """
        missing: list[BridgeError] = []
        for check in (require_supported, self._check_main, self._check_launcher):
            try:
                check()
            except BridgeError as error:
                missing.append(error)
        for other in missing[1:]:
            missing[0].add_note(f"and also: {other}")
        if missing:
            raise missing[0]

    def _check_main(self) -> None:
        refuse_unguarded_main(self.options.name)

    def _check_launcher(self) -> None:
        launcher, interpreter = self.options.launcher, self.options.interpreter
        if launcher is None:
            check_interpreter(interpreter)
        elif not isinstance(launcher, Unbridged):
            launcher.check(interpreter)

    def _choices(self) -> tuple[Choice, ...]:
        launcher, python = self.options.launcher, self.options.interpreter.python
        return (
            Choice("launcher", "processes", DEFAULT)
            if launcher is None
            else Choice("launcher", type(launcher).__name__, GIVEN),
            Choice("python", python, DEFAULT if python == InterpreterOptions().python else GIVEN),
        )

    def __enter__(self) -> Pool:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
