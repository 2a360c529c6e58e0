"""What a pool counts: outcomes, incarnations, deaths and their certificates."""

from __future__ import annotations

import pytest
from desk_house import a_certificate

from actors.ledger import REMEMBERED_ENDS, Ledger, Outcome, WorkerEnd
from bridge.certificate import Phase, Verdict


def an_end(key: int, verdict: Verdict = Verdict.EXITED) -> WorkerEnd:
    """Return the end of incarnation *key*."""
    return WorkerEnd(certificate=a_certificate(verdict, Phase.IDLE, key), calls=0, ready_for=1.0)


def test_answers_are_results_and_exceptions() -> None:
    """What a worker answered; a lost, late, refused or abandoned call is none."""
    ledger = Ledger()
    for weight, outcome in enumerate(Outcome):
        ledger.counts[outcome] = 10**weight
    assert ledger.answers == ledger.counts[Outcome.OK] + ledger.counts[Outcome.ERROR] == 11
    assert ledger.ended == 111_111


@pytest.mark.parametrize("verdict", list(Verdict), ids=lambda verdict: verdict.name)
def test_every_end_but_the_orderly_one_is_a_death(verdict: Verdict) -> None:
    """A worker that ended in good order when it was asked to is no death, and shows no certificate."""
    ledger = Ledger()
    ledger.died(1, an_end(1, verdict))
    is_death = verdict is not Verdict.STOPPED
    assert (ledger.deaths, len(ledger.certificates)) == ((1, 1) if is_death else (0, 0))
    end = ledger.end_of(1)
    assert end is not None  # how it ended is known in any case
    assert end.certificate.verdict is verdict


def test_deaths_are_counted_beyond_what_is_remembered() -> None:
    """The count goes on when old certificates are forgotten; so the last ones are kept, oldest first."""
    ledger = Ledger()
    for key in range(REMEMBERED_ENDS + 2):
        ledger.died(key, an_end(key))
    ledger.died(-1, an_end(-1, Verdict.STOPPED))
    assert ledger.deaths == REMEMBERED_ENDS + 2
    assert [certificate.incarnation for certificate in ledger.certificates[:2]] == [3, 4]
    assert ledger.certificates[-1].incarnation == REMEMBERED_ENDS + 1
    assert (ledger.end_of(2), ledger.end_of(3)) == (None, an_end(3))


def test_an_incarnation_dies_once() -> None:
    """The first account stays, and a second one is not counted."""
    ledger = Ledger()
    ledger.died(1, an_end(1))
    ledger.died(1, an_end(1, Verdict.KILLED_BY_US))
    end = ledger.end_of(1)
    assert end is not None
    assert (ledger.deaths, end.certificate.verdict) == (1, Verdict.EXITED)


def test_a_restart_is_an_incarnation_after_the_first() -> None:
    """Of each worker, and of all."""
    ledger = Ledger()
    for worker in ["a", "b", "a", "a"]:
        ledger.born(worker)
    assert (ledger.restarts_of("a"), ledger.restarts_of("b"), ledger.restarts) == (2, 0, 2)
