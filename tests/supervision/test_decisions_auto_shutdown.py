"""A supervisor that ends when its significant children have: OTP's auto_shutdown."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import CRASH, Bench

from supervision import (
    NORMAL,
    SHUTDOWN,
    Actor,
    AutoShutdown,
    ChildSpec,
    ExitReason,
    Restart,
    Strategy,
    SupFlags,
    administration,
    shutdown,
)
from supervision.commands import Command, ExitSelf

ENDS: list[Command] = [ExitSelf(SHUTDOWN)]
TRANSIENT: dict[str, Any] = {"restart": Restart.TRANSIENT}
SIGNIFICANT = {**TRANSIENT, "significant": True}
SIGNIFICANT_ONCE = {"restart": Restart.TEMPORARY, "significant": True}


def bench(auto: AutoShutdown, strategy: Strategy = Strategy.ONE_FOR_ONE, **children: dict[str, Any]) -> Bench:
    """Return a bench; each keyword is a child with its options."""
    return Bench(
        SupFlags(auto_shutdown=auto, intensity=5, strategy=strategy),
        [ChildSpec(id=id, start=Actor, **options) for id, options in children.items()],
    )


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("x")], ids=str)
def test_the_end_of_the_only_significant_child_ends_the_supervisor(
    auto: AutoShutdown, reason: ExitReason
) -> None:
    """Its own end, that is followed by no restart; the reason is shutdown, and nobody gave up."""
    sup = bench(auto, a=SIGNIFICANT, b={})

    assert sup.exits("a", reason) == ENDS


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
def test_an_end_that_is_followed_by_a_restart_does_not(auto: AutoShutdown) -> None:
    """The twin."""
    sup = bench(auto, a=SIGNIFICANT)

    sup.crash("a", CRASH)

    assert sup.log == ["start a"]


@pytest.mark.parametrize("auto", AutoShutdown)
def test_the_end_of_another_child_does_not(auto: AutoShutdown) -> None:
    """The twin: it is not significant, and never is under ``never``."""
    sup = bench(auto, a=TRANSIENT, b={"restart": Restart.TEMPORARY})

    assert sup.crash("a", NORMAL) == []
    assert sup.crash("b", CRASH) == []


def test_a_temporary_child_ends_the_supervisor_however_it_ends() -> None:
    """It is never restarted, so its crash is its end."""
    assert bench(AutoShutdown.ANY_SIGNIFICANT, a=SIGNIFICANT_ONCE).crash("a", CRASH) == ENDS


def test_any_significant_ends_with_the_first() -> None:
    """Though another still runs."""
    assert bench(AutoShutdown.ANY_SIGNIFICANT, a=SIGNIFICANT, b=SIGNIFICANT).crash("b", NORMAL) == ENDS


def test_all_significant_ends_with_the_last() -> None:
    """Kinds mixed; children that are not significant are not looked at."""
    sup = bench(AutoShutdown.ALL_SIGNIFICANT, a=SIGNIFICANT, b=SIGNIFICANT_ONCE, c={}, d=SIGNIFICANT)

    assert sup.crash("a", NORMAL) == []
    assert sup.crash("b", CRASH) == []
    assert sup.crash("d", NORMAL) == ENDS


def test_all_significant_waits_for_one_that_is_being_restarted() -> None:
    """It is to run again, though it does not at the moment."""
    sup = bench(AutoShutdown.ALL_SIGNIFICANT, a=SIGNIFICANT, b=SIGNIFICANT)
    sup.failing = {"a"}
    sup.crash("a", CRASH)

    assert sup.crash("b", NORMAL) == []


def test_all_significant_does_not_wait_for_one_that_rests() -> None:
    """The twin: one that was terminated by hand does not keep the supervisor up."""
    sup = bench(AutoShutdown.ALL_SIGNIFICANT, a=SIGNIFICANT, b=SIGNIFICANT)
    sup.run(administration.stop_one(sup.state, "a"))

    assert sup.crash("b", NORMAL) == ENDS


def test_all_significant_looks_at_significant_children_only() -> None:
    """Others may run or wait."""
    sup = bench(AutoShutdown.ALL_SIGNIFICANT, a=SIGNIFICANT, b={}, c=TRANSIENT)
    sup.failing = {"c"}
    sup.crash("c", CRASH)

    assert sup.crash("a", NORMAL) == ENDS


@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
@pytest.mark.parametrize("options", [SIGNIFICANT, SIGNIFICANT_ONCE], ids=["transient", "temporary"])
def test_terminating_a_significant_child_does_not_end_the_supervisor(
    auto: AutoShutdown, options: dict[str, Any]
) -> None:
    """Only its own end counts (OTP's rule)."""
    sup = bench(auto, a=options)

    assert sup.run(administration.stop_one(sup.state, "a")) == []
    assert sup.log == ["start a", "stop a"]


def test_a_significant_sibling_that_shares_a_fate_does_not_end_the_supervisor() -> None:
    """Nor does it when it is temporary and is dropped: it did not end by itself."""
    sup = bench(AutoShutdown.ANY_SIGNIFICANT, Strategy.ONE_FOR_ALL, a={}, b=SIGNIFICANT_ONCE, c=SIGNIFICANT)

    outside = sup.crash("a")

    assert sup.log == ["stop c", "stop b", "start a", "start c"]
    assert not [command for command in outside if isinstance(command, ExitSelf)]


def test_a_significant_child_that_ignores_does_not_end_the_supervisor() -> None:
    """Neither its start nor its restart is an end."""
    sup = bench(AutoShutdown.ANY_SIGNIFICANT, a=SIGNIFICANT)
    sup.ignoring = {"a"}

    assert sup.crash("a", CRASH) == []
    assert sup.running() == []


def test_children_made_from_a_significant_template() -> None:
    """With any, the first that is done ends the supervisor; with all, the last."""
    spec = ChildSpec(id="t", start=Actor, **SIGNIFICANT)
    for auto, expected in (
        (AutoShutdown.ANY_SIGNIFICANT, [ENDS]),
        (AutoShutdown.ALL_SIGNIFICANT, [[], ENDS]),
    ):
        sup = Bench(SupFlags(strategy=Strategy.SIMPLE_ONE_FOR_ONE, auto_shutdown=auto), [spec])
        sup.grow()
        sup.grow()

        assert [sup.crash(id, NORMAL) for id in sup.running()[: len(expected)]] == expected
