"""Actors that do what a test tells them, and the journals in which what happened is awaited without sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from supervision import (
    Actor,
    ChildSpec,
    ChildType,
    ExitReason,
    Ref,
    Restart,
    Stop,
    Supervisor,
    SupFlags,
    Tree,
    VirtualClock,
)
from supervision.actor import InitResult
from supervision.clock import Timer
from supervision.requests import From

__all__ = [
    "Boom",
    "Gate",
    "Journal",
    "Probe",
    "Starter",
    "TrappingProbe",
    "boom",
    "crash",
    "do",
    "in_thread",
    "joined",
    "named",
    "spec",
    "sup_spec",
    "timers_of",
]

#: Starts an actor, and returns its handle.
Starter = Callable[..., Ref]

#: Real seconds until a wait of a test is given up.
PATIENCE = 20.0


class Boom(Exception):
    """What scripted actors fail with."""


class Journal:
    """What happened, in order, from any thread."""

    def __init__(self) -> None:
        self._notes: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, note: Any) -> Any:
        """Note it; returns None, so that a lambda can go on with ``or``."""
        with self._changed:
            self._notes.append(note)
            self._changed.notify_all()

    @property
    def notes(self) -> list[Any]:
        """Everything so far."""
        with self._changed:
            return list(self._notes)

    def of(self, kind: type) -> list[Any]:
        """Everything so far that is a *kind*."""
        return [note for note in self.notes if isinstance(note, kind)]

    def wait(self, expected: Any) -> None:
        """Block until *expected* is noted; fail after a while."""
        self.wait_until(lambda notes: expected in notes)

    def wait_for(self, count: int) -> None:
        """Block until there are *count* notes; fail after a while."""
        self.wait_until(lambda notes: len(notes) >= count)

    def wait_until(self, satisfied: Callable[[list[Any]], bool]) -> None:
        """Block until the notes are as wanted; fail after a while."""
        with self._changed:
            assert self._changed.wait_for(lambda: satisfied(self._notes), PATIENCE), f"only: {self._notes}"


class Gate(threading.Event):
    """An event whose wait fails instead of lasting."""

    def pass_through(self) -> Any:
        """Block until it is set; fail after a while. Returns None, so that a lambda can go on with ``or``."""
        assert self.wait(PATIENCE), "nobody opened this gate"


class Probe(Actor):
    """Runs in its own thread whatever function it is sent; what is no function, it notes.

    *at_init* is run by ``init`` and *at_terminate* by ``terminate``; each gets the actor.
    """

    def init(
        self,
        journal: Journal | None = None,
        at_init: Callable[[Any], InitResult] | None = None,
        at_terminate: Callable[[Any], object] | None = None,
    ) -> InitResult:
        self.journal = journal or Journal()
        self.at_terminate = at_terminate
        return None if at_init is None else at_init(self)

    def handle_call(self, request: Any, from_: From) -> Any:
        return request(self, from_) if callable(request) else request

    def handle_cast(self, message: Any) -> Stop | None:
        return self._take(message)

    def handle_info(self, message: Any) -> Stop | None:
        return self._take(message)

    def handle_continue(self, term: Any) -> Stop | None:
        return self._take(term)

    def terminate(self, reason: ExitReason) -> None:
        self.journal(("terminate", self.ref.name.rpartition("/")[2], reason))
        if self.at_terminate is not None:
            self.at_terminate(self)

    def _take(self, message: Any) -> Stop | None:
        if callable(message):
            result: Stop | None = message(self)
            return result
        self.journal(message)
        return None


class TrappingProbe(Probe):
    """A probe that traps exits."""

    trap_exit = True


def spec(id: str, start: Callable[..., Any] = Probe, *args: Any, **options: Any) -> ChildSpec:
    """Return a child spec; *args* go to ``init``, ``kwargs=`` likewise."""
    return ChildSpec(id=id, start=start, args=args, **options)


def sup_spec(
    id: str, flags: SupFlags, *children: ChildSpec, restart: Restart = Restart.TEMPORARY
) -> ChildSpec:
    """Return the spec of a supervisor."""
    return ChildSpec(
        id=id, start=Supervisor, args=(flags, children), restart=restart, type=ChildType.SUPERVISOR
    )


def do(ref: Ref, function: Callable[[Any], Any] = lambda _: None, *, timeout: float = 5.0) -> Any:
    """Run *function* in the actor; also the barrier behind which everything sent before was handled."""
    return ref.call(lambda actor, _: function(actor), timeout=timeout)


def boom(*_: Any) -> Any:
    """Fail."""
    raise Boom


def crash(ref: Ref) -> ExitReason:
    """Make the actor crash and wait until it is down."""
    ref.cast(boom)
    return joined(ref)


def in_thread(function: Callable[[], Any], journal: Journal) -> threading.Thread:
    """Run *function* in a thread of its own and note what it returned or raised."""

    def run() -> None:
        try:
            journal(function())
        except BaseException as error:
            journal(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def joined(ref: Ref) -> ExitReason:
    """Wait until *ref* is down and return why."""
    reason = ref.join()
    assert reason is not None
    return reason


def timers_of(clock: VirtualClock) -> Journal:
    """Return a journal of the deadlines of all timers that are made from now on: the sign that somebody waits."""
    journal, call_at = Journal(), clock.call_at

    def noted(deadline: float, callback: Callable[[], None]) -> Timer:
        timer = call_at(deadline, callback)
        journal(deadline)
        return timer

    vars(clock)["call_at"] = noted
    return journal


def named(tree: Tree, name: str) -> Ref:
    """Return who has *name* (below the root) in *tree*."""
    ref = tree.registry.whereis(f"{tree.name}/{name}")
    assert ref is not None, f"no {name}; there are {tree.registry.names()}"
    return ref
