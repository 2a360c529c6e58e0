"""Restarts that fail: tried again, each counted, until they succeed, are obsolete, or were too many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core_bench import CRASH, Bench, kinds, one_for_all, one_for_one, rest_for_one, simple

from supervision import NORMAL, Actor, Restart, administration, decisions
from supervision.commands import Report, RetryLater
from supervision.events import ChildRestarted, ChildRestartFailed


def test_a_failed_restart_is_retried_and_counts() -> None:
    """It goes behind the waiting messages and draws on the intensity each time; nothing is said of a success."""
    bench = one_for_one(2, a={}, b={})
    bench.failing = {"a"}

    assert bench.crash("a") == [
        Report(ChildRestartFailed(supervisor="sup", child="a", error="no disk")),
        RetryLater("a", number=1, delay=0.0),
    ]
    assert bench.due()[-1] == RetryLater("a", number=2, delay=0.0)
    assert bench.row("a").restarting
    assert bench.row("a").restarts == 0

    report, end = kinds(bench.due())
    assert report == "Report"
    assert end.startswith("ExitSelf shutdown, because 'sup' gave up: its child 'a'")


def test_a_retry_that_succeeds_runs_the_child_again() -> None:
    """The twin: within the intensity, the next try may succeed, and is one successful restart."""
    bench = one_for_one(2, a={})
    bench.failing = {"a"}
    bench.crash("a")
    retry = bench.later[0]
    bench.failing = set()

    assert bench.due() == [Report(ChildRestarted(supervisor="sup", child="a", restarts=1))]
    assert bench.log == ["start a"]
    assert not bench.row("a").restarting
    assert bench.due(retry) == []  # obsolete now
    assert bench.log == []


def test_a_restart_that_answers_ignore_is_not_tried_again() -> None:
    """The child stays listed, not running; it was no restart."""
    bench = one_for_one(a={})
    bench.ignoring = {"a"}

    assert bench.crash("a") == []
    row = bench.row("a")
    assert (row.ref, row.restarting, row.restarts) == (None, False, 0)
    assert row.ended is None
    assert bench.later == []


def test_rest_for_one_retries_from_the_child_that_failed() -> None:
    """When b fails, c is not started; the retry of b starts b and c, and leaves a alone."""
    bench = rest_for_one(a={}, b={}, c={})
    bench.failing = {"b"}
    bench.crash("a")
    assert bench.log == ["stop c", "stop b", "start a", "fail b"]
    a = bench.ref("a")
    bench.failing = set()

    bench.due()

    assert bench.log == ["start b", "start c"]
    assert bench.ref("a") == a


def test_one_for_all_starts_all_over() -> None:
    """What had been started again is stopped; then everything is started in order."""
    bench = one_for_all(a={}, b={}, c={})
    bench.failing = {"b"}
    bench.crash("c")
    assert bench.log == ["stop b", "stop a", "start a", "fail b"]
    bench.failing = set()

    bench.due()

    assert bench.log == ["stop a", "start a", "start b", "start c"]


def test_a_made_child_is_retried_as_any() -> None:
    """And known by the handle that it had, while its restart is to come."""
    bench = simple()
    bench.grow("x")
    old = bench.ref("t.1")
    bench.failing = {"t.1"}

    bench.crash("t.1")
    bench.due()

    assert bench.row("t.1").restarting
    assert bench.state.children.by_ref(old) == bench.row("t.1")
    bench.failing = set()
    bench.due()
    assert bench.running() == ["t.1"]
    assert bench.state.children.by_ref(old) is None


@pytest.mark.parametrize("make", [rest_for_one, one_for_all])
def test_a_retry_is_obsolete_when_the_child_shares_a_later_fate(make: Callable[..., Bench]) -> None:
    """A child waits for its retry; one that it depends on ends and cannot be restarted: it does not start before that."""
    bench = make(a={}, b={})
    bench.failing = {"b"}
    bench.crash("b")
    bench.failing = {"a", "b"}
    if make is one_for_all:
        bench.failing = {"b"}
        bench.due()
        bench.failing = {"a", "b"}
    bench.crash("a")
    waiting = bench.later.pop(0)
    bench.failing = set()

    assert bench.row("b").restarting is False
    assert bench.due(waiting) == []
    bench.due()

    assert bench.log == ["start a", "start b"]


def test_a_retry_is_obsolete_when_a_later_one_was_asked_for() -> None:
    """The child was started meanwhile, ended and failed again: it waits for its own retry, and not for an older one."""
    bench = one_for_one(a={})
    bench.failing = {"a"}
    bench.crash("a")
    old = bench.later.pop(0)
    bench.run(administration.stop_one(bench.state, "a"))
    bench.failing = set()
    bench.run(administration.restart_one(bench.state, "a"))
    bench.failing = {"a"}
    bench.crash("a")
    before = bench.picture()

    assert bench.due(old) == []
    assert bench.picture() == before
    bench.failing = set()
    bench.due()
    assert bench.log == ["start a"]


def test_a_retry_of_a_child_that_is_gone_does_nothing() -> None:
    """It was terminated meanwhile, or deleted, or another has its id; none comes back."""
    bench = one_for_one(a={}, b={}, c={})
    bench.failing = set("abc")
    for id in "abc":
        bench.crash(id)
        bench.run(administration.stop_one(bench.state, id))
    administration.delete(bench.state, "b")
    administration.delete(bench.state, "c")
    bench.failing = set()
    bench.run(administration.add(bench.state, bench.row("a").spec.__class__(id="c", start=Actor)))
    before = bench.picture()

    for retry in list(bench.later):
        assert bench.due(retry) == []
    assert bench.picture() == before


def test_a_child_that_waits_for_its_retry_is_not_stopped() -> None:
    """There is nothing of it to stop when the supervisor ends, and it is not shown as running."""
    bench = one_for_one(a={}, b={})
    bench.failing = {"a"}
    bench.crash("a")

    assert [stop.id for stop in decisions.stop_all(bench.state)] == ["b"]
    assert bench.running() == ["b"]


def test_a_failed_sibling_in_a_restart_is_retried_though_it_is_transient() -> None:
    """It had ended normally; the restart of the one before it wanted it to run."""
    bench = rest_for_one(a={}, b={"restart": Restart.TRANSIENT})
    bench.crash("b", NORMAL)
    bench.failing = {"b"}

    outside = bench.crash("a")

    assert outside[-1] == RetryLater("b", number=1)
    assert kinds(decisions.retry_due(bench.state, bench.later[0], CRASH, 0.0)) == ["Start b"]
