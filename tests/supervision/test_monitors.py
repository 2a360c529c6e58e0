"""Monitors, links and trapped exits: who is told what, with every exit reason, from inside and outside."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import Gate, Journal, Probe, Starter, TrappingProbe, crash, do, joined

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Down,
    Exit,
    ExitReason,
    Ref,
    Stop,
    crashed,
    shutdown,
)
from supervision.exit_reason import NOPROC
from supervision.ref import cell_of

REASONS = [NORMAL, SHUTDOWN, shutdown("x"), KILLED, crashed("x")]


def end(ref: Ref, reason: ExitReason) -> None:
    """End *ref* with *reason* and wait for it."""
    if reason == KILLED:
        ref.exit(KILLED)
    else:
        ref.cast(lambda _: Stop(reason))
    joined(ref)


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_a_monitor_and_a_trapping_link_tell_every_reason(start: Starter, reason: ExitReason) -> None:
    """``normal`` too: it is a message to who traps exits."""
    journal = Journal()
    watcher, ref = start("watcher", TrappingProbe, journal), start()
    monitor = do(watcher, lambda actor: actor.link(ref) or actor.monitor(ref))

    end(ref, reason)
    journal.wait_for(2)

    assert sorted(journal.notes, key=repr) == [Down(monitor, ref, reason), Exit(ref, reason)]


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_a_link_takes_along_who_does_not_trap(start: Starter, reason: ExitReason) -> None:
    """With the same reason, and all but ``normal``."""
    one, two = start("one"), start("two")
    one.link(two)

    end(one, reason)

    if reason == NORMAL:
        do(two)
    else:
        assert joined(two) == reason


def test_links_are_made_and_undone_from_inside_and_outside(start: Starter) -> None:
    """By the handles, or by the actor itself; twice is once, and undoing it undoes it on both sides."""
    one, two = start("one"), start("two")
    one.link(two)
    do(two, lambda actor: actor.link(one))
    do(one, lambda actor: actor.unlink(two))

    crash(one)
    do(two)
    three = start("three")
    do(two, lambda actor: actor.link(three))
    three.unlink(two)
    do(two, lambda actor: actor.link(actor.ref))
    crash(three)

    assert do(two, lambda _: "lives") == "lives"


def test_a_link_or_monitor_to_the_dead_is_noproc(start: Starter) -> None:
    """Told at once, as the messages that the living one would have had; nothing is kept."""
    journal = Journal()
    watcher, dead = start("watcher", TrappingProbe, journal), start("dead")
    crash(dead)

    monitor = do(watcher, lambda actor: actor.link(dead) or actor.monitor(dead))
    journal.wait_for(2)

    assert journal.notes == [Exit(dead, NOPROC), Down(monitor, dead, NOPROC)]
    assert cell_of(watcher).ties._watching == {}


def test_nobody_is_told_of_its_own_end(start: Starter) -> None:
    """Monitoring itself is nothing, as in Erlang."""
    ref = start()

    do(ref, lambda actor: actor.monitor(actor.ref))

    assert cell_of(ref).ties._monitors == {}


def test_what_a_dead_watcher_watched_keeps_nothing_of_it(start: Starter) -> None:
    """Its monitors end with it, and not only with those that it watched."""
    ref, watcher, kept = start(), start("watcher"), start("kept")
    ref.monitor(watcher)
    standing = ref.monitor(kept)

    crash(watcher)

    assert list(cell_of(ref).ties._monitors) == [standing]
    ref.monitor(watcher)
    assert list(cell_of(ref).ties._monitors) == [standing], "a dead one cannot begin to watch"


def test_a_watcher_keeps_nothing_of_what_it_was_told(start: Starter) -> None:
    """Neither after a Down, nor after a demonitor, from whichever side."""
    journal = Journal()
    watcher, ref, other = start("watcher", Probe, journal), start(), start("other")
    do(watcher, lambda actor: actor.monitor(ref))
    outside, inside = other.monitor(watcher), do(watcher, lambda actor: actor.monitor(other))

    assert other.demonitor(outside)
    assert not other.demonitor(outside)
    assert do(watcher, lambda actor: actor.demonitor(inside))
    assert not do(watcher, lambda actor: actor.demonitor(inside))
    crash(ref)
    journal.wait_for(1)
    crash(other)
    do(watcher)

    assert [down.ref for down in journal.of(Down)] == [ref]
    assert cell_of(watcher).ties._watching == {}
    assert cell_of(other).ties._monitors == {}


@pytest.mark.parametrize("flush", [True, False])
def test_demonitor_can_flush_a_down_that_waits(start: Starter, flush: bool) -> None:
    """With flush nothing of it comes any more; without, what was sent comes. Others' Downs come in either case."""
    journal, watching = Journal(), Gate()
    watcher, ref = start("watcher", Probe, journal), start()
    other = ref.monitor(watcher)

    def late(actor: Any) -> None:
        monitor = actor.monitor(ref)
        journal(monitor)
        watching.pass_through()
        journal(actor.demonitor(monitor, flush=flush))

    watcher.cast(late)
    journal.wait_for(1)
    reason = crash(ref)
    watching.set()
    do(watcher)

    monitor, stood, *rest = journal.notes
    assert stood is False
    assert rest == [Down(other, ref, reason)] + ([] if flush else [Down(monitor, ref, reason)])


def test_an_actor_may_begin_to_trap_exits(start: Starter) -> None:
    """``trap_exit`` of the instance: process_flag(trap_exit, true), and false again."""
    journal = Journal()
    sender, ref = start("sender"), start("a", Probe, journal)

    do(ref, lambda actor: setattr(actor, "trap_exit", True))
    ref.exit(crashed("x"), sender=sender)
    do(ref)
    do(ref, lambda actor: setattr(actor, "trap_exit", False))
    ref.exit(SHUTDOWN, sender=sender)

    assert joined(ref) == SHUTDOWN
    assert journal.notes == [Exit(sender, crashed("x"))]
    assert Probe.trap_exit is False
