"""What follows when restarts come too often: the supervisor gives up, and says to whom and why."""

from __future__ import annotations

import math

import pytest
from core_bench import CRASH, Bench, kinds, one_for_all, one_for_one, rest_for_one

from supervision import KILLED, Actor, ChildSpec, Restart, SupFlags, decisions
from supervision.commands import Command, ExitSelf, Report
from supervision.events import SupervisorGaveUp
from supervision.exit_reason import GaveUp, Shutdown, exception_behind


def gives_up(commands: list[Command]) -> bool:
    """Return whether *commands* end the supervisor."""
    return any(isinstance(command, ExitSelf) for command in commands)


@pytest.mark.promise("intensity-escalates")
@pytest.mark.parametrize("intensity", [0, 1, 3])
def test_intensity_escalates_at_one_more_than_allowed(intensity: int) -> None:
    """N crashes in the window are restarts; the one after them ends the supervisor."""
    bench = one_for_one(intensity, a={}, b={})

    ended = [gives_up(bench.crash("a")) for _ in range(intensity + 1)]

    assert ended == [False] * intensity + [True]


@pytest.mark.promise("intensity-escalates")
@pytest.mark.parametrize(("gap", "survives"), [(4.9, False), (5.0, False), (5.1, True)])
def test_intensity_escalates_only_within_the_period(gap: float, survives: bool) -> None:
    """The window slides: once the first crash is older than the period, the next is allowed."""
    bench = one_for_one(2, a={})
    for moment in (100.0, 101.0):
        bench.now = moment
        bench.crash("a")

    bench.now = 100.0 + gap

    assert gives_up(bench.crash("a")) is not survives
    assert bench.log == (["start a"] if survives else [])


def test_giving_up_is_a_shutdown_that_knows_why() -> None:
    """As OTP's; nothing is started before, and its children are still there to be stopped."""
    bench = one_for_one(0, a={}, b={})
    reason = KILLED

    commands = bench.crash("a", reason)

    report, end = commands
    assert report == Report(SupervisorGaveUp(supervisor="sup", child="a", reason=reason))
    assert isinstance(end, ExitSelf)
    assert end.reason == Shutdown()
    assert isinstance(end.reason, Shutdown)
    assert end.reason.because == GaveUp("sup", "a", reason)
    assert bench.log == []
    assert [stop.id for stop in decisions.stop_all(bench.state)] == ["b"]


def test_the_exception_is_found_behind_a_giving_up() -> None:
    """Whoever asks why a tree ended is told what failed, and not only that something did."""
    error = ValueError("x")
    bench = one_for_one(0, a={})

    end = bench.crash("a", type(CRASH)(error))[-1]

    assert isinstance(end, ExitSelf)
    assert exception_behind(end.reason) is error


@pytest.mark.parametrize("make", [one_for_all, rest_for_one], ids=["one_for_all", "rest_for_one"])
def test_restarts_of_all_children_count_together(make: type) -> None:
    """The intensity is the supervisor's, not the child's; a restart of many counts once."""
    bench = make(2, a={}, b={}, c={})

    bench.crash("a")
    assert len(bench.state.window) == 1
    bench.crash("c")

    assert kinds(bench.crash("b"))[-1].startswith("ExitSelf shutdown, because 'sup' gave up: its child 'b'")


def test_an_end_that_is_followed_by_no_restart_does_not_count() -> None:
    """Whatever a temporary child does, its supervisor bears it."""
    bench = Bench(
        SupFlags(intensity=0), [ChildSpec(id=id, start=Actor, restart=Restart.TEMPORARY) for id in "abc"]
    )

    for id in "abc":
        assert bench.crash(id) == []
    assert len(bench.state.window) == 0


def test_the_flags_make_the_window() -> None:
    """Intensity and period are the supervisor's own."""
    window = Bench(SupFlags(intensity=7, period=math.inf)).state.window

    assert (window.intensity, window.period) == (7, math.inf)


def test_a_retry_too_many_names_the_reason_of_the_last_end() -> None:
    """What the supervisor was told ended the child, at first, goes with the retry."""
    bench = one_for_one(1, a={})
    bench.failing = {"a"}
    bench.crash("a")

    commands = decisions.retry_due(bench.state, bench.later[0], KILLED, 0.0)

    assert commands[0] == Report(SupervisorGaveUp(supervisor="sup", child="a", reason=KILLED))
