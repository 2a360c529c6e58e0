"""Two worlds with one supervisor each, which a random test drives alike: rules with children of paper, and real actors.

A world notes what becomes of its children, in order: ``("start", id, ref)``, ``("fail", id, None)`` and, unless it was
by the child's own doing, ``("stop", id, ref)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, final

from scripted import PATIENCE, Boom, joined, sup_spec

from supervision import (
    KILLED,
    Actor,
    ChildSpec,
    Exit,
    ExitReason,
    Ref,
    Stop,
    SupFlags,
    Tree,
    VirtualClock,
    administration,
    crashed,
    decisions,
    delete_child,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from supervision.actor import InitResult
from supervision.commands import Command, ExitSelf, Report, RetryLater, Start
from supervision.commands import Stop as StopChild
from supervision.errors import ActorExited, NoProcess, StartError
from supervision.sup_state import SupState

__all__ = ["CoreWorld", "Note", "RealWorld", "Row", "World"]

Note = tuple[str, str, Ref | None]
#: An id, what runs under it, and whether it is being restarted.
Row = tuple[str, Ref | None, bool]


class World(Protocol):
    """One supervisor, its children, and the time."""

    notes: list[Note]
    failing: dict[str, int]  #: how many of the next starts of an id fail

    def begin(self, flags: SupFlags, specs: Sequence[Mapping[str, Any]]) -> None:
        """Start the supervisor."""

    def is_up(self) -> bool:
        """Return whether it runs."""

    def rows(self) -> list[Row]:
        """Return its table."""

    def alive(self) -> set[Ref]:
        """Return every child that runs, whoever knows of it."""

    def end(self, ref: Ref, reason: ExitReason) -> None:
        """Have a child end by itself; returns when everything that follows has happened."""

    def stale(self, ref: Ref, reason: ExitReason) -> None:
        """Tell the supervisor that a child ended which is long gone."""

    def ask(self, what: str, which: Any) -> None:
        """Have the supervisor asked for something; raises its errors."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""

    def stop(self) -> None:
        """Stop the supervisor in good order."""

    def kill(self) -> None:
        """Kill the supervisor."""

    def close(self) -> None:
        """Leave nothing."""


def _to_fail(world: World, id: str) -> bool:
    left = world.failing.get(id, 0)
    world.failing[id] = left - 1
    return left > 0


@final
class CoreWorld:
    """The pure rules, in virtual time."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.failing: dict[str, int] = {}
        self._now = 0.0
        self._up = False
        self._alive: set[Ref] = set()
        self._numbers = itertools.count(1)
        self._queue: list[RetryLater] = []

    def begin(self, flags: SupFlags, specs: Sequence[Mapping[str, Any]]) -> None:
        self._up = True
        self._state = SupState("sup", flags)
        self._run(decisions.begin(self._state, [ChildSpec(start=Actor, **spec) for spec in specs]))
        self._settle()

    def is_up(self) -> bool:
        return self._up

    def rows(self) -> list[Row]:
        return [(row.spec.id, row.ref, row.restarting) for row in self._state.children]

    def alive(self) -> set[Ref]:
        return self._alive

    def end(self, ref: Ref, reason: ExitReason) -> None:
        self._alive.remove(ref)
        self._run(decisions.child_exited(self._state, ref, reason, self._now))
        self._settle()

    def stale(self, ref: Ref, reason: ExitReason) -> None:
        self._run(decisions.child_exited(self._state, ref, reason, self._now))

    def ask(self, what: str, which: Any) -> None:
        state = self._state
        match what:
            case "terminate":
                dead = isinstance(which, Ref) and which not in self._alive
                self._run(administration.stop_one(state, which, dead=dead))
            case "restart":
                self._start_for_caller(administration.restart_one(state, which))
            case "delete":
                self._run(administration.delete(state, which))
            case "start":
                self._start_for_caller(administration.add(state, ChildSpec(start=Actor, **which)))
            case "make":
                self._start_for_caller(administration.add_dynamic(state, which))
        self._settle()

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def stop(self) -> None:
        self._up = False
        self._run(decisions.stop_all(self._state))

    def kill(self) -> None:
        self._up = False
        self._alive.clear()

    def close(self) -> None:
        pass

    def _settle(self) -> None:
        while self._up and self._queue:
            self._run(decisions.retry_due(self._state, self._queue.pop(0), crashed("retry"), self._now))

    def _start_for_caller(self, commands: Sequence[Command]) -> None:
        (command,) = commands
        assert isinstance(command, Start)
        if not self._start(command):
            decisions.start_failed(self._state, command, "failed")
            raise StartError(command.id, "failed")

    def _start(self, command: Start) -> bool:
        if _to_fail(self, command.id):
            self.notes.append(("fail", command.id, None))
            return False
        ref = Ref(command.id, next(self._numbers))
        self._alive.add(ref)
        self.notes.append(("start", command.id, ref))
        for report in decisions.started(self._state, command, ref):
            assert isinstance(report, Report)
        return True

    def _run(self, commands: Sequence[Command]) -> None:
        todo = list(commands)
        while todo:
            command = todo.pop(0)
            match command:
                case Start():
                    if not self._start(command):
                        todo = list(decisions.start_failed(self._state, command, "failed"))
                case StopChild(id, ref, _):
                    self._alive.remove(ref)
                    self.notes.append(("stop", id, ref))
                    assert not decisions.stopped(self._state, command)
                case RetryLater():
                    self._queue.append(command)
                case ExitSelf():
                    assert not todo
                    self.stop()
                case Report():
                    pass


class _Child(Actor):
    """Tells its world of its life, and ends as it is told."""

    trap_exit = True

    def init(self, world: RealWorld) -> InitResult:
        self._world = world
        world.begun(self.ref)
        return None

    def handle_cast(self, message: ExitReason) -> Stop:
        return Stop(message)

    def terminate(self, reason: ExitReason) -> None:
        self._world.ended(self.ref)


@final
class RealWorld:
    """A real supervisor with real actors, under a tree with a virtual clock."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.failing: dict[str, int] = {}
        self._clock = VirtualClock()
        self._tree = Tree("random", clock=self._clock, intensity=0).start()
        self._seen: list[Ref] = []
        self._leaving: Ref | None = None
        self._sup: Ref | None = None

    def begun(self, ref: Ref) -> None:
        """A child is in its ``init``."""
        id = ref.name.rpartition("/")[2]
        if _to_fail(self, id):
            self.notes.append(("fail", id, None))
            raise Boom
        self._seen.append(ref)
        self.notes.append(("start", id, ref))

    def ended(self, ref: Ref) -> None:
        """A child is in its ``terminate``."""
        if ref != self._leaving:
            self.notes.append(("stop", ref.name.rpartition("/")[2], ref))

    def begin(self, flags: SupFlags, specs: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._sup = self._tree.start_child(sup_spec("sup", flags, *(self._spec(spec) for spec in specs)))
        except StartError:
            self._sup = None

    def is_up(self) -> bool:
        return self._sup is not None and self._sup.is_alive()

    def rows(self) -> list[Row]:
        return [(row.id, row.ref, row.restarting) for row in which_children(self._up())]

    def alive(self) -> set[Ref]:
        return {ref for ref in self._seen if ref.is_alive()}

    def end(self, ref: Ref, reason: ExitReason) -> None:
        self._leaving = ref
        ref.exit(KILLED) if reason == KILLED else ref.cast(reason)
        joined(ref)
        self._settle()

    def stale(self, ref: Ref, reason: ExitReason) -> None:
        self._up().send(Exit(ref, reason))
        self._settle()

    def ask(self, what: str, which: Any) -> None:
        sup = self._up()
        match what:
            case "terminate":
                terminate_child(sup, which)
            case "restart":
                restart_child(sup, which)
            case "delete":
                delete_child(sup, which)
            case "start":
                start_child(sup, self._spec(which))
            case "make":
                start_child(sup, which)
        self._settle()

    def advance(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def stop(self) -> None:
        sup = self._up()
        terminate_child(self._tree.root, "sup")
        joined(sup)

    def kill(self) -> None:
        self._up().exit(KILLED)
        for ref in self.alive():
            joined(ref)

    def close(self) -> None:
        assert self._tree.stop(PATIENCE)
        self._clock.close()

    def _up(self) -> Ref:
        assert self._sup is not None
        return self._sup

    def _spec(self, spec: Mapping[str, Any]) -> ChildSpec:
        return ChildSpec(start=_Child, args=(self,), **spec)

    def _settle(self) -> None:
        """Wait until the supervisor has dealt with everything, or has ended."""
        try:
            while any(restarting for _, _, restarting in self.rows()):
                pass
        except (ActorExited, NoProcess):
            joined(self._up())
