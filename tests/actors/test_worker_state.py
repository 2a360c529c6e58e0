"""A worker's life: every pair of states, the canonical life, and the bounded history."""

from __future__ import annotations

import itertools

import pytest
from strikes import Strike, Struck

import actors.worker_state
from actors.worker_state import HISTORY, LIFE, WorkerEvent, WorkerLife, WorkerState
from supervision.statem import IllegalTransition

S, E = WorkerState, WorkerEvent

#: Where each state may lead; the rest of the 36 pairs is impossible.
LEADS_TO = {
    S.INITIALIZING: {S.READY, S.TERMINATING, S.TERMINATED},
    S.READY: {S.BUSY, S.DEGRADED, S.TERMINATING, S.TERMINATED},
    S.BUSY: {S.READY, S.DEGRADED, S.TERMINATING, S.TERMINATED},
    S.DEGRADED: {S.READY, S.TERMINATING, S.TERMINATED},
    S.TERMINATING: {S.TERMINATED},
    S.TERMINATED: set(),
}


@pytest.mark.promise("worker-state-table")
@pytest.mark.parametrize(("source", "target"), list(itertools.product(S, S)))
def test_each_of_the_36_pairs_is_decided(source: WorkerState, target: WorkerState) -> None:
    """One state leads to another exactly where the requirement says so."""
    possible = {end for begin, _, end in LIFE.edges() if begin is source}
    assert (target in possible) == (target in LEADS_TO[source])


@pytest.mark.promise("one-history-entry-per-transition")
def test_canonical_life_has_seven_entries() -> None:
    """One history entry for each transition: the life of the seeds has 7, and time in each state is kept."""
    life = WorkerLife(now=0.0)
    path = [E.INIT_COMPLETE, E.CHECKOUT, E.CHECKIN, E.DEGRADE, E.RESTORE, E.TERMINATE, E.EXIT]
    for second, event in enumerate(path, start=1):
        life.on(event, now=float(second))

    history = life.history()

    assert [entry.event for entry in history] == path
    assert [entry.spent for entry in history] == [1.0] * 7
    assert life.state is S.TERMINATED


@pytest.mark.promise("worker-state-table")
def test_illegal_event_changes_nothing() -> None:
    """An event that cannot happen raises, and leaves state and history as they were."""
    life = WorkerLife(now=0.0)
    with pytest.raises(IllegalTransition, match="a worker that is initializing cannot take 'checkout'"):
        life.on(E.CHECKOUT, now=1.0)
    assert (life.state, life.entered_at, life.history()) == (S.INITIALIZING, 0.0, ())


@pytest.mark.promise("one-history-entry-per-transition")
def test_history_is_bounded() -> None:
    """A worker that lives long remembers its last transitions only."""
    life = WorkerLife(now=0.0)
    life.on(E.INIT_COMPLETE, now=0.0)
    for call in range(HISTORY):
        life.on(E.CHECKOUT, now=float(call))
        life.on(E.CHECKIN, now=float(call))
    assert len(life.history()) == HISTORY
    assert life.history()[0].event is E.CHECKOUT


def test_a_transition_that_was_cut_off_is_mended() -> None:
    """An exception at any line of a transition: after a mend, state and history say the same."""
    for number in itertools.count(1):
        life = WorkerLife(now=0.0)
        strike = Strike(number, (actors.worker_state,))
        try:
            with strike.on():
                life.on(E.INIT_COMPLETE, now=1.0)
        except Struck:
            pass
        life.mend()
        history = life.history()
        assert life.state is (history[-1].target if history else S.INITIALIZING), strike.struck
        assert life.entered_at == (history[-1].at if history else 0.0), strike.struck
        if not strike.struck:
            break
    assert number > 3
