"""Every rule of the supervisor, without a thread: what is told, and which commands come back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from supervision import (
    BRUTAL_KILL,
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
    shutdown,
)
from supervision.decisions import (
    Command,
    ExitSelf,
    FailedToStartChild,
    OnFailure,
    Report,
    RetryLater,
    Start,
    Stop,
    SupState,
)
from supervision.errors import ChildExists, NoSuchChild
from supervision.events import ChildRestarted, ChildRestartFailed, SupervisorGaveUp

CRASH = crashed("boom")


class Bench:
    """A supervisor's state with children a, b, c... that run, and a shell that carries commands out at once."""

    def __init__(self, flags: SupFlags, **children: dict[str, Any]) -> None:
        self.state = SupState("sup", flags)
        self._numbers = itertools.count(1)
        self.log: list[str] = []  #: what the shell did
        self.failing: set[str] = set()  #: ids whose start fails
        specs = [ChildSpec(id=id, start=Actor, **options) for id, options in children.items()]
        self.run(decisions.begin(self.state, specs))
        self.log.clear()

    def ref(self, id: str) -> Ref:
        """Return the running child's ref."""
        row = self.state.children.get(id)
        assert row is not None
        assert row.ref is not None, f"{id} does not run"
        return row.ref

    def exits(self, id: str, reason: ExitReason = CRASH, now: float = 0.0) -> Sequence[Command]:
        """The child ends by itself."""
        return decisions.child_exited(self.state, self.ref(id), reason, now)

    def run(self, commands: Sequence[Command]) -> list[Command]:
        """Carry commands out by the contract; return those for the world outside."""
        todo: list[Command] = list(commands)
        outside: list[Command] = []
        while todo:
            command = todo.pop(0)
            match command:
                case Start(id, _) if id in self.failing:
                    self.log.append(f"fail {id}")
                    todo = list(decisions.start_failed(self.state, command, "no disk"))
                case Start(id, _):
                    self.log.append(f"start {id}")
                    todo[:0] = decisions.started(self.state, command, Ref(id, next(self._numbers)))
                case Stop(id, _, _):
                    self.log.append(f"stop {id}")
                    decisions.stopped(self.state, command)
                case _:
                    outside.append(command)
        return outside

    def picture(self) -> dict[str, Any]:
        """Return everything that can change."""
        return {"rows": list(self.state.children), "restarts": self.state.restarts}


def one_for_one(intensity: int = 10, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return Bench(SupFlags(intensity=intensity), **children)


def rest_for_one(intensity: int = 10, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return Bench(SupFlags(strategy=Strategy.REST_FOR_ONE, intensity=intensity), **children)


def kinds(commands: Sequence[Command]) -> list[str]:
    """Return commands as short texts."""
    return [f"{type(c).__name__} {getattr(c, 'id', getattr(c, 'reason', ''))}".strip() for c in commands]


# Which end is followed by a restart


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("x"), KILLED, CRASH], ids=str)
@pytest.mark.parametrize("restart", Restart)
def test_who_is_restarted_after_what(restart: Restart, reason: ExitReason) -> None:
    """Permanent: always; transient: unless the end was quiet; temporary: never."""
    quiet = reason in (NORMAL, SHUTDOWN, shutdown("x"))
    expected = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and not quiet)
    bench = one_for_one(a={"restart": restart})

    commands = bench.exits("a", reason)

    assert decisions.needs_restart(restart, reason) is expected
    assert kinds(commands) == (["Start a"] if expected else [])
    assert len(bench.state.restarts) == expected


def test_a_temporary_child_is_forgotten_when_it_ends() -> None:
    """Its spec goes with it; a transient one's stays, not running."""
    bench = one_for_one(a={"restart": Restart.TEMPORARY}, b={"restart": Restart.TRANSIENT})

    bench.exits("a", CRASH)
    bench.exits("b", NORMAL)

    assert "a" not in bench.state.children
    row = bench.state.children.get("b")
    assert row is not None
    assert row.ref is None


# Who shares the fate


def test_one_for_one_touches_no_sibling() -> None:
    """Only the child that ended is started again, and its restarts are counted and reported."""
    bench = one_for_one(a={}, b={}, c={})
    before = bench.ref("a"), bench.ref("c")

    outside = bench.run(bench.exits("b"))

    assert bench.log == ["start b"]
    assert (bench.ref("a"), bench.ref("c")) == before
    assert outside == [Report(ChildRestarted(supervisor="sup", child="b", restarts=1))]


def test_rest_for_one_stops_in_reverse_and_starts_in_order() -> None:
    """Those started after the child are stopped, last first, then all are started in start order."""
    bench = rest_for_one(a={}, b={}, c={}, d={})

    bench.run(bench.exits("b"))

    assert bench.log == ["stop d", "stop c", "start b", "start c", "start d"]


def test_rest_for_one_starts_a_transient_sibling_that_had_ended() -> None:
    """OTP's fine print: it had ended normally, and is started again with the rest."""
    bench = rest_for_one(a={}, b={"restart": Restart.TRANSIENT})
    bench.exits("b", NORMAL)

    bench.run(bench.exits("a"))

    assert bench.log == ["start a", "start b"]


def test_rest_for_one_drops_a_temporary_sibling() -> None:
    """OTP's fine print: it is stopped and forgotten; one started before the failed child is left alone."""
    bench = rest_for_one(first={"restart": Restart.TEMPORARY}, a={}, b={"restart": Restart.TEMPORARY}, c={})

    bench.run(bench.exits("a"))

    assert bench.log == ["stop c", "stop b", "start a", "start c"]
    assert list(bench.state.children.ids()) == ["first", "a", "c"]


def test_a_stop_carries_its_childs_own_shutdown() -> None:
    """Each child is stopped by its own spec."""
    bench = rest_for_one(a={}, b={"shutdown": 0.5}, c={"shutdown": BRUTAL_KILL})

    stops = [command for command in bench.exits("a") if isinstance(command, Stop)]

    assert [(stop.id, stop.shutdown) for stop in stops] == [("c", BRUTAL_KILL), ("b", 0.5)]


# Stale exits


def test_a_stale_exit_changes_nothing() -> None:
    """An exit of an older incarnation, or of a stranger, matches no child."""
    bench = one_for_one(a={}, b={})
    old = bench.ref("a")
    bench.run(bench.exits("a"))
    before = bench.picture()

    for ref in (old, Ref("a", 999), Ref("stranger", 1)):
        assert decisions.child_exited(bench.state, ref, CRASH, 1.0) == []

    assert bench.picture() == before


def test_the_present_incarnations_exit_is_acted_on_also_as_a_copy() -> None:
    """The twin: refs match by value, so a copy of the present one is as good."""
    bench = one_for_one(a={}, b={})
    bench.run(bench.exits("a"))
    present = bench.ref("a")

    commands = decisions.child_exited(bench.state, Ref(present.name, present.incarnation), CRASH, 1.0)

    assert kinds(commands) == ["Start a"]


# Too often


@pytest.mark.parametrize(("gap", "survives"), [(4.9, False), (5.0, False), (5.1, True)])
def test_one_restart_too_many_ends_the_supervisor(gap: float, survives: bool) -> None:
    """At intensity + 1 within the period it reports and exits with shutdown; once the window slid it goes on."""
    bench = one_for_one(1, a={})
    bench.run(bench.exits("a", now=100.0))

    commands = bench.exits("a", now=100.0 + gap)

    if survives:
        assert kinds(commands) == ["Start a"]
    else:
        assert commands == [
            Report(SupervisorGaveUp(supervisor="sup", child="a", reason=CRASH)),
            ExitSelf(SHUTDOWN),
        ]
        assert "a" not in bench.state.children


def test_restarts_of_all_children_count_together() -> None:
    """The intensity is the supervisor's, not the child's; a rest_for_one restart counts once."""
    bench = rest_for_one(2, a={}, b={}, c={})

    bench.run(bench.exits("a"))
    assert len(bench.state.restarts) == 1
    bench.run(bench.exits("c"))

    assert kinds(bench.exits("b"))[-1].startswith("ExitSelf shutdown, because 'sup' gave up: its child 'b'")


# Starting


def test_a_failed_start_of_the_supervisor_rolls_back() -> None:
    """Those before it run, those after it are not tried, and the supervisor exits saying which child it was."""
    bench = Bench(SupFlags())
    specs = [ChildSpec(id=id, start=Actor) for id in "abc"]
    bench.failing = {"b"}

    outside = bench.run(decisions.begin(bench.state, specs))
    bench.run(decisions.stop_all(bench.state))

    assert outside == [ExitSelf(shutdown(FailedToStartChild("b", "no disk")))]
    assert bench.log == ["start a", "fail b", "stop a"]
    assert "child 'b' failed to start: no disk" in str(FailedToStartChild("b", "no disk"))


def test_two_specs_with_one_id_are_refused_before_anything_starts() -> None:
    """Ids are unique among siblings."""
    state = SupState("sup", SupFlags())

    with pytest.raises(ChildExists, match="'a'"):
        decisions.begin(state, [ChildSpec(id="a", start=Actor)] * 2)


def test_a_child_that_fails_on_demand_is_forgotten() -> None:
    """start_child: its caller is told, the spec is not kept, nothing is counted or retried."""
    bench = one_for_one(a={})
    bench.failing = {"b"}

    outside = bench.run(administration.add(bench.state, ChildSpec(id="b", start=Actor)))

    assert outside == []
    assert "b" not in bench.state.children
    assert bench.state.restarts == ()


def test_an_ignored_child_keeps_its_spec_unless_temporary() -> None:
    """OTP keeps the spec of a child whose init ignored, except a temporary one's."""
    state = SupState("sup", SupFlags())
    for id, restart in (("a", Restart.PERMANENT), ("b", Restart.TEMPORARY)):
        (start,) = administration.add(state, ChildSpec(id=id, start=Actor, restart=restart))
        assert isinstance(start, Start)
        decisions.started(state, start, None)

    assert list(state.children.ids()) == ["a"]


# Restarts that fail


def test_a_failed_restart_is_retried_and_counts() -> None:
    """It goes behind the waiting messages and draws on the intensity each time."""
    bench = one_for_one(2, a={}, b={})
    bench.failing = {"a"}

    outside = bench.run(bench.exits("a"))
    assert outside == [
        Report(ChildRestartFailed(supervisor="sup", child="a", error="no disk")),
        RetryLater("a"),
    ]
    outside = bench.run(decisions.retry_due(bench.state, "a", CRASH, 0.0))
    assert outside[-1] == RetryLater("a")

    report, end = kinds(decisions.retry_due(bench.state, "a", CRASH, 0.0))
    assert report == "Report"
    assert end.startswith("ExitSelf shutdown, because 'sup' gave up: its child 'a'")


def test_a_retry_that_succeeds_runs_the_child_again() -> None:
    """The twin: within the intensity, the next try may succeed, and is one successful restart."""
    bench = one_for_one(2, a={})
    bench.failing = {"a"}
    bench.run(bench.exits("a"))
    bench.failing = set()

    outside = bench.run(decisions.retry_due(bench.state, "a", CRASH, 0.0))

    assert outside == [Report(ChildRestarted(supervisor="sup", child="a", restarts=1))]
    assert bench.log == ["fail a", "start a"]
    assert decisions.retry_due(bench.state, "a", CRASH, 0.0) == []  # obsolete now


def test_a_failed_restart_drops_the_rest_and_the_retry_starts_it() -> None:
    """rest_for_one: b fails, so c is not started; b's retry starts b and c, and leaves a alone."""
    bench = rest_for_one(a={}, b={}, c={})
    bench.failing = {"b"}
    outside = bench.run(bench.exits("a"))
    assert bench.log == ["stop c", "stop b", "start a", "fail b"]
    assert outside[-1] == RetryLater("b")
    bench.failing = set()
    bench.log.clear()

    bench.run(decisions.retry_due(bench.state, "b", CRASH, 0.0))

    assert bench.log == ["start b", "start c"]


def test_a_retry_is_obsolete_when_the_child_shares_a_later_fate() -> None:
    """A child waits for its retry; one that it depends on ends and cannot be restarted: it does not start before that."""
    bench = rest_for_one(a={}, b={})
    bench.failing = {"b"}
    bench.run(bench.exits("b"))
    bench.failing = {"a", "b"}
    bench.run(bench.exits("a"))
    bench.failing = set()
    bench.log.clear()

    assert decisions.retry_due(bench.state, "b", CRASH, 0.0) == []
    bench.run(decisions.retry_due(bench.state, "a", CRASH, 0.0))

    assert bench.log == ["start a", "start b"]


def test_a_retry_of_a_child_that_is_gone_does_nothing() -> None:
    """It was terminated meanwhile, or deleted; neither comes back."""
    bench = one_for_one(a={}, b={})
    bench.failing = {"a", "b"}
    bench.run(bench.exits("a"))
    bench.run(bench.exits("b"))
    bench.run(administration.stop_one(bench.state, "a"))
    bench.run(administration.stop_one(bench.state, "b"))
    administration.delete(bench.state, "b")

    assert decisions.retry_due(bench.state, "a", CRASH, 0.0) == []
    assert decisions.retry_due(bench.state, "b", CRASH, 0.0) == []


# auto_shutdown


@pytest.mark.parametrize("auto", AutoShutdown)
@pytest.mark.parametrize("significant", [True, False])
@pytest.mark.parametrize("reason", [NORMAL, CRASH], ids=str)
def test_a_significant_childs_own_end_ends_the_supervisor(
    auto: AutoShutdown, significant: bool, reason: ExitReason
) -> None:
    """Only if it is not restarted, it is significant, and the supervisor asked for it."""
    flags = SupFlags(auto_shutdown=auto, intensity=5)
    bench = Bench(flags, a={"restart": Restart.TRANSIENT, "significant": significant})
    ends = auto is AutoShutdown.ANY_SIGNIFICANT and significant and reason is NORMAL

    commands = bench.exits("a", reason)

    assert (ExitSelf(SHUTDOWN) in commands) is ends
    assert ("Start a" in kinds(commands)) is (reason is CRASH)


def test_a_significant_temporary_child_ends_the_supervisor_however_it_ends() -> None:
    """It is never restarted, so its crash counts as its end."""
    bench = Bench(
        SupFlags(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
        a={"restart": Restart.TEMPORARY, "significant": True},
    )

    assert bench.exits("a", CRASH) == [ExitSelf(SHUTDOWN)]


def test_terminating_a_significant_child_does_not_end_the_supervisor() -> None:
    """Only its own end counts (OTP's rule)."""
    bench = Bench(
        SupFlags(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
        a={"restart": Restart.TRANSIENT, "significant": True},
    )

    assert bench.run(administration.stop_one(bench.state, "a")) == []
    assert bench.log == ["stop a"]


# Requests

FOR_CHILDREN_THAT_DO_NOT_RUN: Sequence[Callable[[SupState], object]] = (
    lambda state: administration.delete(state, "a"),
    lambda state: administration.restart_one(state, "a"),
    lambda state: administration.add(state, ChildSpec(id="a", start=Actor)),
)


def test_terminate_keeps_the_spec_restart_starts_it_delete_forgets_it() -> None:
    """The life of a spec by hand; a temporary one's goes with its child."""
    bench = one_for_one(a={}, b={"restart": Restart.TEMPORARY})

    bench.run(administration.stop_one(bench.state, "a"))
    bench.run(administration.stop_one(bench.state, "b"))
    assert list(bench.state.children.ids()) == ["a"]
    bench.run(administration.restart_one(bench.state, "a"))
    bench.run(administration.stop_one(bench.state, "a"))
    administration.delete(bench.state, "a")

    assert bench.log == ["stop a", "stop b", "start a", "stop a"]
    assert len(bench.state.children) == 0
    assert bench.state.restarts == ()


def test_a_child_that_fails_when_restarted_by_hand_keeps_its_spec() -> None:
    """Its caller is told; nothing is retried."""
    bench = one_for_one(a={})
    bench.run(administration.stop_one(bench.state, "a"))
    bench.failing = {"a"}

    (start,) = administration.restart_one(bench.state, "a")

    assert start == Start("a", OnFailure.KEEP)
    assert bench.run([start]) == []
    assert "a" in bench.state.children


def test_terminating_what_does_not_run_does_nothing() -> None:
    """Terminating twice is fine."""
    bench = one_for_one(a={})
    bench.run(administration.stop_one(bench.state, "a"))

    assert administration.stop_one(bench.state, "a") == []


@pytest.mark.parametrize(
    "request_", [administration.stop_one, administration.delete, administration.restart_one]
)
def test_an_unknown_child_is_named_with_the_known_ones(request_: Any) -> None:
    """The text says what there is."""
    bench = one_for_one(a={}, b={})

    with pytest.raises(NoSuchChild, match=r"no child 'x' here; .* a, b"):
        request_(bench.state, "x")


def test_what_runs_is_neither_deleted_nor_started_twice() -> None:
    """delete, restart and start of a running child are refused, and say so; nothing changes."""
    bench = one_for_one(a={})
    before = bench.picture()

    for refused in FOR_CHILDREN_THAT_DO_NOT_RUN:
        with pytest.raises(ChildExists) as raised:
            refused(bench.state)
        assert raised.value.running
        assert "terminate_child() it first" in str(raised.value)

    assert bench.picture() == before


def test_what_is_being_restarted_counts_as_running() -> None:
    """Between a failed restart and its retry the child is the supervisor's to start."""
    bench = one_for_one(a={})
    bench.failing = {"a"}
    bench.run(bench.exits("a"))

    for refused in FOR_CHILDREN_THAT_DO_NOT_RUN:
        with pytest.raises(ChildExists) as raised:
            refused(bench.state)
        assert raised.value.running


def test_a_kept_spec_blocks_its_id() -> None:
    """OTP's already_present: the remedy is another than for one that runs."""
    bench = one_for_one(a={})
    bench.run(administration.stop_one(bench.state, "a"))

    with pytest.raises(ChildExists, match=r"restart_child\(\) or delete_child\(\) it") as raised:
        administration.add(bench.state, ChildSpec(id="a", start=Actor))

    assert not raised.value.running


def test_all_children_stop_in_reverse_start_order() -> None:
    """A child is stopped before what it was started on; one that does not run is skipped."""
    bench = one_for_one(a={}, b={}, c={}, d={})
    bench.run(administration.stop_one(bench.state, "c"))

    assert [stop.id for stop in decisions.stop_all(bench.state)] == ["d", "b", "a"]
