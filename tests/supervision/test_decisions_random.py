"""The pure decisions under random exits, failed starts, requests and time: what holds whatever happens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Actor,
    AutoShutdown,
    ChildSpec,
    ExitReason,
    Ref,
    Restart,
    Strategy,
    SupFlags,
    crashed,
    decisions,
)
from supervision.decisions import Command, ExitSelf, Report, RetryLater, Start, Stop, SupState
from supervision.errors import ChildExists, NoSuchChild

IDS = "abcd"
REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, KILLED, crashed("boom")]


class AnySupervisor(RuleBasedStateMachine):
    """A shell that keeps its own books, which the state has to agree with."""

    @initialize(
        strategy=st.sampled_from(Strategy),
        auto=st.sampled_from(AutoShutdown),
        intensity=st.integers(0, 4),
        restarts=st.lists(st.sampled_from(Restart), min_size=1, max_size=4),
    )
    def begins(self, strategy: Strategy, auto: AutoShutdown, intensity: int, restarts: list[Restart]) -> None:
        """A supervisor with one to four children of any kind starts."""
        self.flags = SupFlags(strategy=strategy, intensity=intensity, period=5.0, auto_shutdown=auto)
        self.state = SupState("sup", self.flags)
        self.now = 0.0
        self.numbers = itertools.count(1)
        self.running: dict[str, Ref] = {}  #: what really runs
        self.born: dict[str, int] = {}  #: the place of each id in start order
        self.stale: list[Ref] = []
        self.retries: list[str] = []
        self.counted: list[float] = []  #: moments of every restart that was begun
        self.failing: frozenset[str] = frozenset()
        self.over = False
        specs = [self._spec(id, kind) for id, kind in zip(IDS, restarts, strict=False)]
        self._run(decisions.begin(self.state, specs))

    @precondition(lambda self: not self.over and self.running)
    @rule(data=st.data(), reason=st.sampled_from(REASONS), failing=st.frozensets(st.sampled_from(IDS)))
    def a_child_exits(self, data: st.DataObject, reason: ExitReason, failing: frozenset[str]) -> None:
        """A running child ends by itself; some starts that follow may fail."""
        id = data.draw(st.sampled_from(sorted(self.running)))
        self.failing = failing
        ref = self._ended(id)
        kind = self._restart_of(id)
        commands = decisions.child_exited(self.state, ref, reason, self.now)
        if decisions.needs_restart(kind, reason):
            self._check_intensity(commands)
        self._run(commands)

    @precondition(lambda self: not self.over and self.retries)
    @rule(failing=st.frozensets(st.sampled_from(IDS)))
    def a_retry_is_due(self, failing: frozenset[str]) -> None:
        """The message of an earlier RetryLater arrives."""
        self.failing = failing
        id = self.retries.pop(0)
        row = self.state.children.get(id)
        obsolete = row is None or not row.restarting
        commands = decisions.retry_due(self.state, id, crashed("retry"), self.now)
        if obsolete:
            assert commands == []
        else:
            self._check_intensity(commands)
        self._run(commands)

    @precondition(lambda self: not self.over and self.stale)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def a_stale_exit_arrives(self, data: st.DataObject, reason: ExitReason) -> None:
        """An exit of an incarnation that is known to be over changes nothing."""
        ref = data.draw(st.sampled_from(self.stale))
        before = (list(self.state.children), self.state.restarts)

        assert decisions.child_exited(self.state, ref, reason, self.now) == []
        assert (list(self.state.children), self.state.restarts) == before

    @precondition(lambda self: not self.over)
    @rule(
        id=st.sampled_from(IDS),
        which=st.sampled_from(["terminate", "restart", "delete", "start"]),
        kind=st.sampled_from(Restart),
        fails=st.booleans(),
    )
    def somebody_asks(self, id: str, which: str, kind: Restart, fails: bool) -> None:
        """Requests by hand, sensible or not; a refused one changes nothing."""
        self.failing = frozenset(id) if fails else frozenset()
        before = (list(self.state.children), self.state.restarts)
        try:
            match which:
                case "terminate":
                    commands = administration.stop_one(self.state, id)
                case "restart":
                    commands = administration.restart_one(self.state, id)
                case "delete":
                    commands = administration.delete(self.state, id)
                case _:
                    commands = administration.add(self.state, self._spec(id, kind))
        except (ChildExists, NoSuchChild):
            assert (list(self.state.children), self.state.restarts) == before
            return
        self._run(commands)

    @rule(seconds=st.sampled_from([0.0, 0.5, 4.9, 5.0, 5.1]))
    def time_passes(self, seconds: float) -> None:
        """The window slides."""
        self.now += seconds

    @invariant()
    def the_table_is_what_runs(self) -> None:
        """No child runs twice, none runs unknown, each is found by its ref, and rows keep start order."""
        if not hasattr(self, "state"):
            return
        rows = list(self.state.children)
        assert {row.spec.id: row.ref for row in rows if row.ref is not None} == self.running
        assert [self.born[row.spec.id] for row in rows] == sorted(self.born[row.spec.id] for row in rows)
        assert all(row.ref is None or not row.restarting for row in rows)
        for id, ref in self.running.items():
            row = self.state.children.by_ref(ref)
            assert row is not None
            assert row.spec.id == id

    @invariant()
    def every_retry_is_on_its_way(self) -> None:
        """A child that is being restarted has a message that will do it; nobody is forgotten in between."""
        if hasattr(self, "state") and not self.over:
            assert {row.spec.id for row in self.state.children if row.restarting} <= set(self.retries)

    def _spec(self, id: str, kind: Restart) -> ChildSpec:
        if self.state.children.get(id) is None:
            self.born[id] = next(self.numbers)
        return ChildSpec(id=id, start=Actor, restart=kind, significant=kind is not Restart.PERMANENT)

    def _restart_of(self, id: str) -> Restart:
        row = self.state.children.get(id)
        assert row is not None
        return row.spec.restart

    def _ended(self, id: str) -> Ref:
        ref = self.running.pop(id)
        self.stale.append(ref)
        return ref

    def _check_intensity(self, commands: Sequence[Command]) -> None:
        """More restarts in the window than the intensity: exactly then the supervisor ends."""
        self.counted.append(self.now)
        recent = [moment for moment in self.counted if self.now - moment <= self.flags.period]
        gives_up = any(isinstance(command, ExitSelf) for command in commands)
        assert gives_up == (len(recent) > self.flags.intensity)

    def _run(self, commands: Sequence[Command]) -> None:
        todo: list[Command] = list(commands)
        stopping: list[int] = []
        starting: list[int] = []
        while todo:
            command = todo.pop(0)
            match command:
                case Start(id, _):
                    assert id not in self.running, "started twice"
                    starting.append(self.born[id])
                    if id in self.failing:
                        todo = list(decisions.start_failed(self.state, command, "failed"))
                    else:
                        self.running[id] = Ref(id, next(self.numbers))
                        todo[:0] = decisions.started(self.state, command, self.running[id])
                case Stop(id, ref, _):
                    assert not starting, "a stop after a start"
                    stopping.append(self.born[id])
                    assert self._ended(id) == ref
                    decisions.stopped(self.state, command)
                case RetryLater(id):
                    self.retries.append(id)
                case ExitSelf():
                    assert not todo
                    self.over = True
                    self._run(decisions.stop_all(self.state))
                    assert not self.running
                case Report():
                    pass
        assert stopping == sorted(stopping, reverse=True), "not in reverse start order"
        assert starting == sorted(starting), "not in start order"


TestAnySupervisor = AnySupervisor.TestCase
