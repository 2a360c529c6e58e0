"""Random exits, failed starts, requests and time: what holds of a supervisor whatever happens.

One machine drives two worlds, the pure rules and real actors, and keeps its own books, with which each must agree.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sup_worlds import CoreWorld, RealWorld, World

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    AutoShutdown,
    ExitReason,
    Ref,
    Restart,
    Strategy,
    SupFlags,
    crashed,
)
from supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildRunning,
    NoSuchChild,
    SimpleOneForOne,
    StartError,
    SupervisionError,
)

IDS = "abcd"
REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, KILLED, crashed("boom")]


class AnySupervisor(RuleBasedStateMachine):
    """Books of what runs, in which order it was taken in, and which restarts count."""

    world_type: ClassVar[type[World]]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.world_type()
        self.up = False
        self.live: dict[str, Ref] = {}
        self.stale: list[Ref] = []
        self.counted: list[float] = []  #: when restarts were due
        self.now = 0.0
        self.numbers = itertools.count()
        self.born: dict[str, int] = {}  #: the table: each id's place in start order
        self.specs: dict[str, Mapping[str, Any]] = {}

    def teardown(self) -> None:
        """Whatever was left up is stopped in reverse start order, too."""
        if self.up:
            self.is_stopped()
            self.no_child_outlives_its_supervisor()
        self.world.close()

    # What happens

    @initialize(
        strategy=st.sampled_from(Strategy),
        auto=st.sampled_from(AutoShutdown),
        intensity=st.sampled_from([0, 1, 2, 3, 5, 8]),
        restarts=st.lists(st.sampled_from(Restart), min_size=1, max_size=4),
        significant=st.booleans(),
        failing=st.sampled_from([None, None, None, *IDS]),
    )
    def begins(
        self,
        strategy: Strategy,
        auto: AutoShutdown,
        intensity: int,
        restarts: list[Restart],
        significant: bool,
        failing: str | None,
    ) -> None:
        """A supervisor with one to four children of any kind starts, or one of them fails."""
        self.significant = significant and auto is not AutoShutdown.NEVER
        self.flags = SupFlags(strategy=strategy, intensity=intensity, period=5.0, auto_shutdown=auto)
        self.world.failing = {} if failing is None else {failing: 1}
        if strategy is Strategy.SIMPLE_ONE_FOR_ONE:
            self.template = self._spec("t", restarts[0])
            self.world.begin(self.flags, [self.template])
        else:
            for id, restart in zip(IDS, restarts, strict=False):
                self._enter(self._spec(id, restart))
            self.world.begin(self.flags, list(self.specs.values()))
        failed = self._absorb()
        self.up = not failed
        assert failed <= 1, "a start that failed is not tried again"

    @precondition(lambda self: self.up and self.live)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def a_child_ends(self, data: st.DataObject, reason: ExitReason) -> None:
        """By itself, for any reason; some starts that follow may fail."""
        id = data.draw(st.sampled_from(sorted(self.live)))
        before, spec = dict(self.live), self.specs[id]
        who = st.sampled_from(sorted(self.born))
        self.world.failing = data.draw(st.dictionaries(who, st.integers(1, 2), max_size=1))
        self.world.end(self._gone(id), reason)
        failed = self._absorb()
        if self._needs_restart(spec, reason):
            self._check_intensity(failed)
            if self.up and not failed:
                self._check_fates(id, before)
        else:
            assert not failed
            self.up = not self._ends_supervisor(spec)
            self._rests(id)

    @precondition(lambda self: self.up and self.stale)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def a_stale_exit_arrives(self, data: st.DataObject, reason: ExitReason) -> None:
        """The end of an incarnation that is known to be over changes nothing."""
        before = self.world.rows()

        self.world.stale(data.draw(st.sampled_from(self.stale)), reason)

        assert self.world.rows() == before
        assert not self.world.notes

    @precondition(lambda self: self.up)
    @rule(
        id=st.sampled_from(IDS),
        what=st.sampled_from(["terminate", "restart", "delete", "start"]),
        restart=st.sampled_from(Restart),
        fails=st.booleans(),
    )
    def somebody_asks(self, id: str, what: str, restart: Restart, fails: bool) -> None:
        """Requests by id, sensible or not; a refused one changes nothing, and says why."""
        simple = self._is_simple()
        if simple and what == "start":
            return
        self.world.failing = {id: 1} if fails else {}
        rests = id in self.born and id not in self.live
        before = self.world.rows()
        expected: type[SupervisionError] | None
        if simple:
            expected = SimpleOneForOne
        elif what == "start":
            expected = AlreadyPresent if rests else AlreadyStarted if id in self.live else None
        elif id not in self.born:
            expected = NoSuchChild
        else:
            expected = ChildRunning if id in self.live and what != "terminate" else None
        fails = fails and expected is None and what in ("start", "restart")
        argument = self._spec(id, restart) if what == "start" else id
        if what == "start" and expected is None:
            self._enter(self._spec(id, restart))
        self._ask(what, argument, StartError if fails else expected)
        if expected is not None:
            assert self.world.rows() == before
        elif what == "terminate":
            self._rests(id)
        elif what == "delete" or (what == "start" and fails):
            self._leave(id)

    @precondition(lambda self: self.up and self._is_simple() and len(self.live) < 5)
    @rule(fails=st.booleans())
    def one_more_is_made(self, fails: bool) -> None:
        """From the template."""
        self.made = getattr(self, "made", 0) + 1
        id = f"t.{self.made}"
        self.world.failing = {id: 1} if fails else {}
        self._enter({**self.template, "id": id})
        self._ask("make", ["extra"] if self.world_type is CoreWorld else [], StartError if fails else None)
        if fails:
            self._leave(id)

    @precondition(lambda self: self.up and self._is_simple() and (self.live or self.stale))
    @rule(data=st.data())
    def one_is_terminated_by_its_handle(self, data: st.DataObject) -> None:
        """Of those made from a template; one that has ended is fine."""
        ref = data.draw(st.sampled_from([*self.live.values(), *self.stale]))
        self._ask("terminate", ref, None)

    @rule(seconds=st.sampled_from([0.5, 4.9, 5.0, 5.1]))
    def time_passes(self, seconds: float) -> None:
        """The window slides."""
        self.now += seconds
        self.world.advance(seconds)

    @precondition(lambda self: self.up)
    @rule(end=st.sampled_from(["go on"] * 5 + ["stop", "kill"]))
    def the_supervisor_itself_ends(self, end: str) -> None:
        """Seldom: in good order, or killed."""
        if end == "stop":
            self.is_stopped()
        elif end == "kill":
            self.world.kill()
            self.up = False
            self.world.notes.clear()

    def is_stopped(self) -> None:
        """The supervisor is stopped, and with it whoever runs."""
        self.world.stop()
        self.up = False
        assert self._absorb() == 0
        assert not self.live

    # What holds

    @invariant()
    def its_life_is_as_expected(self) -> None:
        """It is up unless something ended it."""
        assert self.world.is_up() == self.up

    @invariant()
    def no_child_outlives_its_supervisor(self) -> None:
        """Nothing runs below one that has ended."""
        if not self.up:
            assert not self.world.alive()

    @invariant()
    def the_table_is_what_runs(self) -> None:
        """No child runs twice or unknown, rows keep start order, nobody is left in between."""
        if self.up:
            rows = self.world.rows()
            assert [id for id, _, _ in rows] == sorted(self.born, key=self.born.__getitem__)
            assert {id: ref for id, ref, _ in rows if ref is not None} == self.live
            assert not [id for id, _, restarting in rows if restarting]
            assert self.world.alive() == set(self.live.values())

    # Books

    def _is_simple(self) -> bool:
        return self.flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE

    def _spec(self, id: str, restart: Restart) -> dict[str, Any]:
        significant = self.significant and restart is not Restart.PERMANENT
        return {"id": id, "restart": restart, "significant": significant}

    def _enter(self, spec: Mapping[str, Any]) -> None:
        self.born[spec["id"]] = next(self.numbers)
        self.specs[spec["id"]] = spec

    def _leave(self, id: str) -> None:
        self.born.pop(id, None)

    def _rests(self, id: str) -> None:
        if self._is_simple() or self.specs[id]["restart"] is Restart.TEMPORARY:
            self._leave(id)

    def _gone(self, id: str) -> Ref:
        ref = self.live.pop(id)
        self.stale.append(ref)
        return ref

    def _needs_restart(self, spec: Mapping[str, Any], reason: ExitReason) -> bool:
        quiet = reason in (NORMAL, SHUTDOWN)
        return spec["restart"] is Restart.PERMANENT or (spec["restart"] is Restart.TRANSIENT and not quiet)

    def _ends_supervisor(self, spec: Mapping[str, Any]) -> bool:
        if not spec["significant"]:
            return False
        others = [id for id in self.live_before_end if self.specs[id]["significant"] and id != spec["id"]]
        return self.flags.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT or not others

    def _ask(self, what: str, which: Any, expected: type[SupervisionError] | None) -> None:
        with pytest.raises(expected) if expected is not None else contextlib.nullcontext():
            self.world.ask(what, which)
        self._absorb()

    def _absorb(self) -> int:
        """Enter what the world noted into the books; check order and identity; return how many starts failed."""
        self.live_before_end = dict(self.live)
        notes, self.world.notes = self.world.notes, []
        last: tuple[str, int] | None = None
        failed = 0
        for kind, id, ref in notes:
            place = self.born[id]
            if kind == "stop":
                assert self.live[id] == ref, "stopped what does not run"
                self._gone(id)
                if not self._is_simple() and last is not None and last[0] == "stop":
                    assert place < last[1], "not stopped in reverse start order"
                if self.specs[id]["restart"] is Restart.TEMPORARY or self._is_simple():
                    self._leave(id)
            else:
                assert id not in self.live, "started twice"
                if last is not None and last[0] != "stop":
                    # After a failure nothing further is started before it is tried again.
                    assert (place > last[1]) == (last[0] == "start"), "not in start order"
                if kind == "start":
                    assert ref is not None
                    self.live[id] = ref
                failed += kind == "fail"
            last = (kind, place)
        return failed

    def _check_intensity(self, failed: int) -> None:
        """Each end and each failed try needs one restart more; exactly when those are too many, the supervisor ends."""
        self.counted += [self.now] * (failed + 1)
        recent = sum(self.now - moment <= self.flags.period for moment in self.counted)
        self.up = recent <= self.flags.intensity
        assert recent <= self.flags.intensity + 1, "started again after giving up"

    def _check_fates(self, id: str, before: Mapping[str, Ref]) -> None:
        """Exactly those that the strategy names were replaced, the others kept."""
        match self.flags.strategy:
            case Strategy.ONE_FOR_ALL:
                share = set(self.born)
            case Strategy.REST_FOR_ONE:
                share = {each for each in self.born if self.born[each] >= self.born[id]}
            case _:
                share = {id}
        for each in self.born:
            if each in share:
                assert self.live[each] != before.get(each)
            else:
                assert self.live.get(each) == before.get(each)


class OverTheCore(AnySupervisor):
    world_type = CoreWorld


class OverRealActors(AnySupervisor):
    world_type = RealWorld


TestOverTheCore = OverTheCore.TestCase
TestOverTheCore.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestOverRealActors = OverRealActors.TestCase
TestOverRealActors.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
