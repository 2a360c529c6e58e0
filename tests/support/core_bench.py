"""The pure supervisor on a bench: its state, and a shell that carries commands out at once, with children of paper."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from supervision import (
    Actor,
    ChildSpec,
    ExitReason,
    Ref,
    Strategy,
    SupFlags,
    administration,
    crashed,
    decisions,
)
from supervision.child_table import Child
from supervision.commands import Command, ExitSelf, RetryLater, Start, Stop
from supervision.sup_state import SupState

__all__ = ["CRASH", "Bench", "kinds", "one_for_all", "one_for_one", "rest_for_one", "simple"]

CRASH = crashed("boom")


@final
class Bench:
    """A supervisor's state, and the shell of the contract in ``decisions``.

    ``log`` has what the shell did, ``later`` the retries that were asked for; ids in ``failing`` fail to start, those
    in ``ignoring`` answer ``IGNORE``. Time is ``now``.
    """

    def __init__(
        self,
        flags: SupFlags | None = None,
        specs: Iterable[ChildSpec] = (),
        *,
        forgets: bool = False,
        chance: Callable[[], float] = lambda: 0.0,
        failing: Iterable[str] = (),
        ignoring: Iterable[str] = (),
    ) -> None:
        self.state = SupState("sup", flags or SupFlags(intensity=10), chance, forgets)
        self.now = 0.0
        self.failing = set(failing)
        self.ignoring = set(ignoring)
        self.log: list[str] = []
        self.later: list[RetryLater] = []
        self._numbers = itertools.count(1)
        self.begun = self.run(decisions.begin(self.state, specs))

    def row(self, id: str) -> Child:
        """Return the child *id*."""
        row = self.state.children.get(id)
        assert row is not None, f"no {id}"
        return row

    def ref(self, id: str) -> Ref:
        """Return the handle of the child *id*, which runs."""
        ref = self.row(id).ref
        assert ref is not None, f"{id} does not run"
        return ref

    def running(self) -> list[str]:
        """Return the ids of those that run, in start order."""
        return [row.spec.id for row in self.state.children if row.ref is not None]

    def ids(self) -> list[str]:
        """Return all ids, in start order."""
        return list(self.state.children.ids())

    def grow(self, *args: Any) -> str:
        """Start one more child from the template; return its id."""
        self.run(administration.add_dynamic(self.state, args))
        return f"t.{self.state.serial}"

    def exits(self, id: str, reason: ExitReason = CRASH) -> Sequence[Command]:
        """Return what is decided about the end of the child *id* by itself."""
        return decisions.child_exited(self.state, self.ref(id), reason, self.now)

    def crash(self, id: str, reason: ExitReason = CRASH) -> list[Command]:
        """The child *id* ends by itself, and what is decided is done; only that is left in ``log``."""
        self.log.clear()
        return self.run(self.exits(id, reason))

    def due(self, retry: RetryLater | None = None) -> list[Command]:
        """*retry* (the first of ``later``) has come, and what is decided is done; only that is left in ``log``."""
        self.log.clear()
        if retry is None:
            retry = self.later.pop(0)
        return self.run(decisions.retry_due(self.state, retry, CRASH, self.now))

    def run(self, commands: Sequence[Command]) -> list[Command]:
        """Carry commands out; return those for the world outside."""
        todo: list[Command] = list(commands)
        outside: list[Command] = []
        while todo:
            command = todo.pop(0)
            match command:
                case Start(id, _) if id in self.failing:
                    self.log.append(f"fail {id}")
                    todo = list(decisions.start_failed(self.state, command, "no disk"))
                case Start(id, _):
                    ignored = id in self.ignoring
                    self.log.append(f"{'ignore' if ignored else 'start'} {id}")
                    ref = None if ignored else Ref(id, next(self._numbers))
                    todo[:0] = decisions.started(self.state, command, ref)
                case Stop(id, ref, _):
                    assert self.ref(id) == ref
                    self.log.append(f"stop {id}")
                    todo[:0] = decisions.stopped(self.state, command)
                case RetryLater():
                    self.later.append(command)
                    outside.append(command)
                case ExitSelf():
                    assert not todo, "commands behind the end"
                    outside.append(command)
                case _:
                    outside.append(command)
        return outside

    def picture(self) -> dict[str, Any]:
        """Return everything that can change."""
        return {
            "rows": list(self.state.children),
            "window": len(self.state.window),
            "serial": self.state.serial,
            "retries": self.state.retries,
        }


def _bench(strategy: Strategy, intensity: int, children: dict[str, dict[str, Any]]) -> Bench:
    specs = [ChildSpec(id=id, start=Actor, **options) for id, options in children.items()]
    bench = Bench(SupFlags(strategy=strategy, intensity=intensity), specs)
    bench.log.clear()
    return bench


def one_for_one(intensity: int = 10, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return _bench(Strategy.ONE_FOR_ONE, intensity, children)


def one_for_all(intensity: int = 10, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return _bench(Strategy.ONE_FOR_ALL, intensity, children)


def rest_for_one(intensity: int = 10, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return _bench(Strategy.REST_FOR_ONE, intensity, children)


def simple(intensity: int = 10, **template: Any) -> Bench:
    """Return a bench whose children are made from a template ``t``; the keywords are its options."""
    return _bench(Strategy.SIMPLE_ONE_FOR_ONE, intensity, {"t": template})


def kinds(commands: Sequence[Command]) -> list[str]:
    """Return commands as short texts."""
    return [f"{type(c).__name__} {getattr(c, 'id', getattr(c, 'reason', ''))}".strip() for c in commands]
