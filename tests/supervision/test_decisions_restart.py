"""Who is started again after what, and who shares the fate: every strategy, without a thread."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core_bench import CRASH, Bench, kinds, one_for_all, one_for_one, rest_for_one, simple

from supervision import (
    BRUTAL_KILL,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Actor,
    ChildSpec,
    ExitReason,
    Ref,
    Restart,
    Strategy,
    SupFlags,
    decisions,
    shutdown,
)
from supervision.commands import OnFailure, Report, Start, Stop
from supervision.events import ChildRestarted

TEMPORARY = {"restart": Restart.TEMPORARY}
TRANSIENT = {"restart": Restart.TRANSIENT}


# Which end is followed by a restart


@pytest.mark.promise("restart-strategies")
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("x"), KILLED, CRASH], ids=str)
@pytest.mark.parametrize("restart", Restart)
def test_restart_strategies_who_is_restarted_after_what(restart: Restart, reason: ExitReason) -> None:
    """Permanent: always; transient: unless the end was quiet; temporary: never."""
    quiet = reason in (NORMAL, SHUTDOWN, shutdown("x"))
    expected = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and not quiet)
    bench = one_for_one(a={"restart": restart})

    commands = bench.exits("a", reason)

    assert decisions.needs_restart(restart, reason) is expected
    assert commands == ([Start("a", OnFailure.RETRY)] if expected else [])
    assert len(bench.state.window) == expected


def test_a_temporary_child_is_forgotten_when_it_ends() -> None:
    """Its spec goes with it; a transient one's stays, not running."""
    bench = one_for_one(a=TEMPORARY, b=TRANSIENT, c=TEMPORARY)

    bench.crash("a", CRASH)
    bench.crash("b", NORMAL)
    bench.crash("c", NORMAL)

    assert bench.ids() == ["b"]
    assert bench.row("b").ref is None
    assert not bench.row("b").restarting


# Who shares the fate

STRATEGIES = {
    Strategy.ONE_FOR_ONE: {"a": "", "b": "", "d": ""},
    Strategy.REST_FOR_ONE: {"a": "bcd", "b": "cd", "d": ""},
    Strategy.ONE_FOR_ALL: {"a": "bcd", "b": "acd", "d": "abc"},
}


@pytest.mark.promise("restart-strategies")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("failed", ["a", "b", "d"])
def test_restart_strategies_exactly_the_strategys_set_restarts_in_order(
    strategy: Strategy, failed: str
) -> None:
    """Siblings that share the fate are stopped, last first; then the set is started in start order; no other child is touched."""
    bench = Bench(SupFlags(strategy=strategy), [ChildSpec(id=id, start=Actor) for id in "abcd"])
    before = {id: bench.ref(id) for id in "abcd"}
    siblings = STRATEGIES[strategy][failed]

    bench.crash(failed)

    stops = [f"stop {id}" for id in reversed(siblings)]
    assert bench.log == [*stops, *(f"start {id}" for id in sorted(siblings + failed))]
    assert {id for id in "abcd" if bench.ref(id) != before[id]} == set(siblings + failed)
    assert bench.ids() == list("abcd")


@pytest.mark.promise("restart-strategies")
@pytest.mark.parametrize("make", [one_for_all, rest_for_one])
@pytest.mark.parametrize(("child", "reason"), [(TRANSIENT, NORMAL), (TEMPORARY, NORMAL), (TEMPORARY, CRASH)])
def test_restart_strategies_an_end_without_a_restart_takes_nobody_along(
    make: Callable[..., Bench], child: dict[str, Restart], reason: ExitReason
) -> None:
    """Only restarts cascade: a temporary child's end, and a quiet one of a transient child, are its own affair."""
    bench = make(a=child, b={})

    assert bench.crash("a", reason) == []
    assert bench.log == []
    assert bench.running() == ["b"]


def test_a_restart_is_counted_and_reported() -> None:
    """For the child itself, and for those that shared its fate."""
    bench = rest_for_one(a={}, b={}, c={})

    assert bench.crash("c") == [Report(ChildRestarted(supervisor="sup", child="c", restarts=1))]
    assert bench.crash("b") == [
        Report(ChildRestarted(supervisor="sup", child="b", restarts=1)),
        Report(ChildRestarted(supervisor="sup", child="c", restarts=2)),
    ]
    assert [row.restarts for row in bench.state.children] == [0, 1, 2]


def test_a_first_start_is_not_counted_as_a_restart() -> None:
    """The twin: neither at the begin nor by hand."""
    bench = one_for_one(a={})

    assert bench.begun == []
    assert bench.row("a").restarts == 0


def test_a_temporary_sibling_shares_the_fate_and_is_dropped() -> None:
    """OTP's fine print: it is stopped and forgotten; one started before the failed child is left alone."""
    bench = rest_for_one(first=TEMPORARY, a={}, b=TEMPORARY, c={})

    bench.crash("a")

    assert bench.log == ["stop c", "stop b", "start a", "start c"]
    assert bench.ids() == ["first", "a", "c"]


def test_one_for_all_drops_every_temporary_sibling() -> None:
    """OTP's fine print: also those that were started before the failed child."""
    bench = one_for_all(first=TEMPORARY, a={}, b=TEMPORARY)

    bench.crash("a")

    assert bench.log == ["stop b", "stop first", "start a"]
    assert bench.ids() == ["a"]


@pytest.mark.parametrize("make", [one_for_all, rest_for_one])
def test_a_sibling_that_did_not_run_is_started_with_the_rest(make: Callable[..., Bench]) -> None:
    """OTP's fine print: it had ended normally, or was terminated by hand; there is nothing of it to stop."""
    bench = make(a={}, b=TRANSIENT)
    bench.crash("b", NORMAL)

    bench.crash("a")

    assert bench.log == ["start a", "start b"]


def test_simple_one_for_one_touches_no_sibling() -> None:
    """Each of the children made from the template stands alone."""
    bench = simple()
    for _ in range(3):
        bench.grow()
    before = bench.ref("t.1"), bench.ref("t.3")

    bench.crash("t.2")

    assert bench.log == ["start t.2"]
    assert (bench.ref("t.1"), bench.ref("t.3")) == before


def test_a_stop_carries_its_childs_own_shutdown() -> None:
    """Each child is stopped by its own spec."""
    bench = rest_for_one(a={}, b={"shutdown": 0.5}, c={"shutdown": BRUTAL_KILL})
    b, c = bench.ref("b"), bench.ref("c")

    assert bench.exits("a")[:2] == [Stop("c", c, BRUTAL_KILL), Stop("b", b, 0.5)]


# Stale exits


def test_a_stale_exit_changes_nothing() -> None:
    """An exit of an older incarnation, or of a stranger, matches no child."""
    bench = one_for_one(a={}, b={})
    old = bench.ref("a")
    bench.crash("a")
    before = bench.picture()

    for ref in (old, Ref("a", 999), Ref("stranger", 1)):
        assert decisions.child_exited(bench.state, ref, CRASH, 1.0) == []

    assert bench.picture() == before


def test_an_exit_is_not_acted_on_twice_while_its_restart_is_to_come() -> None:
    """The incarnation that a restart replaces is known, and over."""
    bench = one_for_one(a={})
    old = bench.ref("a")
    bench.failing = {"a"}
    bench.crash("a")
    before = bench.picture()

    assert decisions.child_exited(bench.state, old, CRASH, 1.0) == []
    assert bench.picture() == before


def test_the_present_incarnations_exit_is_acted_on_also_as_a_copy() -> None:
    """The twin: refs match by value, so a copy of the present one is as good."""
    bench = one_for_one(a={}, b={})
    bench.crash("a")
    present = bench.ref("a")

    commands = decisions.child_exited(bench.state, Ref(present.name, present.incarnation), CRASH, 1.0)

    assert kinds(commands) == ["Start a"]


# The end


def test_all_children_stop_in_reverse_start_order() -> None:
    """A child is stopped before what it was started on; one that does not run is skipped."""
    bench = one_for_one(a={}, b=TRANSIENT, c={"shutdown": 0.5})
    bench.crash("b", NORMAL)

    assert decisions.stop_all(bench.state) == [
        Stop("c", bench.ref("c"), 0.5),
        Stop("a", bench.ref("a"), 5.0),
    ]


def test_what_was_stopped_rests_or_is_forgotten() -> None:
    """A spec is kept, except a temporary child's, one made from a template, and any of a dynamic supervisor."""
    kept = one_for_one(a={}, b=TEMPORARY)
    forgetful = Bench(specs=[ChildSpec(id="a", start=Actor)], forgets=True)
    made = simple()
    made.grow()

    for bench in (kept, forgetful, made):
        bench.run(decisions.stop_all(bench.state))

    assert [bench.ids() for bench in (kept, forgetful, made)] == [["a"], [], []]
    assert kept.row("a").ref is None


def test_a_stop_of_what_is_gone_changes_nothing() -> None:
    """Its row was removed meanwhile."""
    bench = one_for_one(a={}, b={})
    stop = Stop("a", bench.ref("a"), 5.0)
    bench.state.children.remove("a")
    before = bench.picture()

    assert decisions.stopped(bench.state, stop) == []
    assert bench.picture() == before
