"""A whole supervision tree in a service: start it, look at it, stop it inside one deadline.

It installs no signal handler. How it ends, also when nobody stops it, is in ``ending``; what it looks like as text,
in ``tree_view``.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import final

import attrs

from supervision.child_spec import (
    AutoShutdown,
    ChildSpec,
    ChildType,
    Strategy,
    SupFlags,
    check_childspecs,
)
from supervision.clock import Clock, MonotonicClock
from supervision.context import TreeContext
from supervision.ending import ExitHook, end_root
from supervision.errors import (
    ActorExited,
    NoProcess,
    SenderKilled,
    StopFromWithin,
    TreeEnded,
    TreeNotRunning,
)
from supervision.exit_reason import ExitReason, Killed, is_failure
from supervision.messages import Ignore
from supervision.ref import Ref, cell_of
from supervision.registry import Registry
from supervision.sinks import EventBus
from supervision.starting import start_child as start_actor
from supervision.supervisor import Supervisor
from supervision.supervisor import start_child as add_child
from supervision.tree_view import TreeNode, snapshot

__all__ = ["Tree"]

#: Real seconds for a killed thread that is on its way out to be gone.
_LEAVING = 0.1


@final
class Tree:
    """The root supervisor and what its actors share: registry, clock, events. Nothing of it is global.

    As a context manager it raises ``TreeEnded`` at the end of a block that went well, if it had failed meanwhile. One
    that is not stopped is stopped when the interpreter exits, within 5 real seconds. In a forked copy of the process
    it is nothing: ``stop`` and the exit leave it alone there.

    Args:
        name: The root's name; the first part of every actor's.
        children: What the root starts, in order.
        strategy, intensity, period, auto_shutdown: The root's flags, with OTP's defaults.
        clock: Where the tree's time comes from; by default real time, whose thread ends with the tree.

    Raises:
        InvalidSpec: A flag is out of range, or the children do not fit together.
    """

    def __init__(
        self,
        name: str,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: int = 1,
        period: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
        clock: Clock | None = None,
    ) -> None:
        flags = SupFlags(strategy=strategy, intensity=intensity, period=period, auto_shutdown=auto_shutdown)
        self._spec = ChildSpec(
            id=name.replace("/", "|") or "tree",
            start=Supervisor,
            args=(flags, check_childspecs(children, auto_shutdown)),
            type=ChildType.SUPERVISOR,
        )
        self.context = TreeContext(name, MonotonicClock(name) if clock is None else clock)
        self._owns_clock = clock is None
        self._owner: int | None = None  #: the process that started it, from when it begins to
        self._starting = threading.Lock()  #: held while the tree starts; guards what follows
        self._root: Ref | None = None
        self._ended = False  #: whether it has been stopped, or its start failed: it will not start any more
        self._at_exit: ExitHook | None = None

    @property
    def name(self) -> str:
        """The root's name."""
        return self._spec.id

    @property
    def clock(self) -> Clock:
        """The tree's clock."""
        return self.context.clock

    @property
    def registry(self) -> Registry:
        """The tree's names."""
        return self.context.registry

    @property
    def events(self) -> EventBus:
        """The tree's events; subscribe before ``start`` to see all.

        Subscribers are called in the thread in which it happens, an actor's as a rule: they must be quick, may not wait
        for an actor, and look after their own locks.
        """
        return self.context.events

    @property
    def root(self) -> Ref:
        """The root supervisor.

        Raises:
            TreeNotRunning: Before ``start``.
        """
        if self._root is None:
            raise TreeNotRunning(self.name, "not started")
        return self._root

    def start(self) -> Tree:
        """Start the root and its children, in order. Blocks until each ``init`` returned.

        Raises:
            StartError: A child did not start; those before it were stopped again.
            TreeNotRunning: It was started before, also if that failed; a tree lives once.
        """
        self._refuse_copy()
        with self._starting:
            if self._root is not None or self._ended:
                raise TreeNotRunning(self.name, "ended" if self._ended else "already started")
            self._owner = os.getpid()
            self._at_exit = ExitHook(self.context, self.name)
            try:
                outcome = start_actor(self._spec, self.context, self.name, None)
            except BaseException:
                self._end()
                raise
            assert not isinstance(outcome, Ignore)  # a supervisor's init does not ignore
            self._root = outcome
        return self

    def stop(self, timeout: float = 10.0) -> bool:
        """Stop every actor, in reverse start order. Blocks; stopping twice, or from two threads, is fine.

        Args:
            timeout: Seconds for all of it; what has not ended then is left to itself and named by ``unstopped``.
                ``math.inf`` waits for ever. A start that is under way in another thread gets as many real seconds.
                Children are stopped one after the other, so one that hangs longer than this uses it up: give children
                a ``shutdown`` well below it.

        Returns:
            Whether everything ended in time. True in a forked copy of the process, where nothing is done.

        Raises:
            StopFromWithin: Called from the thread of one of its own actors, whose end it would wait for. Nothing was done.
            SenderKilled: Called from the thread of one that has been killed. Nothing was done.
            TypeError: *timeout* is no number.
        """
        if self._is_copy():
            return True  # before any lock: it may have been held by a thread that is not here
        self._refuse_own_thread()
        if not self._starting.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            return False
        root = self._root
        self._starting.release()
        if root is None:
            return True
        ended = end_root(self.context, root, timeout, self.clock)
        self._end()
        self.context.settle(_LEAVING)
        if self._at_exit is not None:
            self._at_exit.cancel()
        return ended and not self.unstopped()

    def wait(self, timeout: float = math.inf) -> ExitReason | None:
        """Wait until the tree has ended by itself or by ``stop``; returns the root's exit reason, or None in time.

        Raises:
            TreeNotRunning: Before ``start``.
        """
        return self.root.join(timeout=timeout)

    def has_started(self) -> bool:
        """Return whether ``start`` succeeded; true also after the end."""
        return self._root is not None

    def is_running(self) -> bool:
        """Return whether the root is up."""
        return self._root is not None and self._root.is_alive()

    def unstopped(self) -> tuple[Ref, ...]:
        """Return the actors that were killed, or left to themselves by ``stop``, and whose threads still run."""
        return self.context.unstopped()

    def unstopped_count(self) -> int:
        """Return how many actors would not stop in their shutdown time, and were killed, since the tree was made."""
        return self.context.unstopped_count()

    def start_child(self, spec: ChildSpec) -> Ref | None:
        """Add a child to the root; see ``supervisor.start_child``.

        Raises:
            TreeNotRunning: Before ``start``, while it ends, or in a forked copy of the process.
            TreeEnded: It has ended; the error says why.
            AlreadyStarted, AlreadyPresent, InvalidSpec, StartError, CallTimeout: As there.
        """
        self._refuse_copy()
        root = self.root
        cell = cell_of(root)
        if cell.closing and cell.reason is None:
            raise TreeNotRunning(self.name, "ending")
        try:
            return add_child(root, spec)
        except (NoProcess, ActorExited) as error:
            reason = None if root.is_alive() else root.join(timeout=0)
            if reason is None:
                raise TreeNotRunning(self.name, "ending") from error
            ended = TreeEnded(self.name, reason)
            raise ended from ended.__cause__

    def snapshot(self, timeout: float = 1.0) -> TreeNode:
        """Return the tree as it is now. Asks every actor; one that gives no answer in *timeout* s is shown as busy."""
        return attrs.evolve(snapshot(self.root, timeout), unstopped=self.unstopped())

    def as_text(self) -> str:
        """Return the tree as an indented picture."""
        return self.snapshot().as_text()

    def as_mermaid(self) -> str:
        """Return the tree as a Mermaid flowchart, for a page that renders it."""
        return self.snapshot().as_mermaid()

    def as_dict(self) -> dict[str, object]:
        """Return the tree as nested dicts, ready for JSON."""
        return self.snapshot().as_dict()

    def as_json(self) -> str:
        """Return the tree as one JSON object; what JSON cannot say of a status is given as its ``str``."""
        return self.snapshot().as_json()

    def _is_copy(self) -> bool:
        return self._owner is not None and self._owner != os.getpid()

    def _refuse_copy(self) -> None:
        if self._is_copy():
            raise TreeNotRunning(
                self.name, f"that of process {self._owner}, and this one is a forked copy of it"
            )

    def _refuse_own_thread(self) -> None:
        thread = threading.current_thread()
        killed = self.context.killed.get(thread)
        if killed is not None:
            raise SenderKilled(killed.name, self.name)
        own = self.context.actor_of(thread)
        if own is not None:
            raise StopFromWithin(own.name, self.name)

    def _end(self) -> None:
        self._ended = True
        if self._owns_clock:
            self.context.clock.close()

    def __enter__(self) -> Tree:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_copy():
            return
        by_itself = not (self._ended or self.is_running())
        self.stop()
        reason = self.wait(0)
        if reason is None or not is_failure(reason) or (isinstance(reason, Killed) and not by_itself):
            return
        ended = TreeEnded(self.name, reason)
        if error is None:
            raise ended
        error.add_note(str(ended))
