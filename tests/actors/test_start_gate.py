"""What failed starts mean: which ends count, what is forgotten, and what is done about a missing worker."""

from __future__ import annotations

import pytest
from desk_house import a_certificate

from actors.ledger import WorkerEnd
from actors.start_gate import (
    GATE_OPENS_AT,
    MAX_PROBES,
    SETTLED_AFTER,
    GateDecision,
    StartGate,
    has_settled,
    is_failed_start,
    may_start,
)
from bridge.certificate import Phase, Verdict

#: Ends of a worker's own doing; every other verdict is somebody else's.
OWN_DOING = {
    Verdict.EXITED,
    Verdict.CRASH_SIGNAL,
    Verdict.OUT_OF_MEMORY,
    Verdict.START_FAILED,
    Verdict.START_TIMEOUT,
}


def an_end(
    verdict: Verdict = Verdict.START_FAILED,
    *,
    phase: Phase = Phase.STARTING,
    calls: int = 0,
    ready_for: float = 0.0,
    key: int = 1,
) -> WorkerEnd:
    """Return the end of a worker that failed at its start, or as the arguments say."""
    return WorkerEnd(certificate=a_certificate(verdict, phase, key), calls=calls, ready_for=ready_for)


def after(count: int, gate: StartGate | None = None) -> StartGate:
    """Return *gate*, or a new one, after *count* more failed starts; those after it opened are probes."""
    gate = StartGate() if gate is None else gate
    for key in range(count):
        gate = gate.after(an_end(key=key), answered=False, probe=gate.is_open)
    return gate


@pytest.mark.parametrize("verdict", list(Verdict), ids=lambda verdict: verdict.name)
def test_what_a_worker_did_itself_counts(verdict: Verdict) -> None:
    """A kill from outside, and every end that we brought about, does not count as a failed start."""
    assert is_failed_start(an_end(verdict)) == (verdict in OWN_DOING)


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        (an_end(), True),
        (an_end(Verdict.EXITED, phase=Phase.IDLE), True),
        (an_end(Verdict.EXITED, phase=Phase.IDLE, calls=1), False),
        (an_end(Verdict.CRASH_SIGNAL, phase=Phase.RUNNING), False),
        (an_end(Verdict.EXITED, phase=Phase.IDLE, ready_for=SETTLED_AFTER - 0.1), True),
        (an_end(Verdict.EXITED, phase=Phase.IDLE, ready_for=SETTLED_AFTER), False),
    ],
)
def test_only_a_start_can_fail(end: WorkerEnd, counts: bool) -> None:
    """A worker that had a call, or had been up for a while, had started; so has one that is in a call."""
    assert is_failed_start(end) is counts


def test_a_worker_settles_by_the_time_it_was_ready() -> None:
    """Not by the time that its start took."""
    assert has_settled(an_end(ready_for=SETTLED_AFTER))
    assert not has_settled(an_end(ready_for=SETTLED_AFTER - 0.1))


def test_the_gate_opens_after_three_failures_in_a_row() -> None:
    """Before, what is missing is started at once; from then on one probe at a time."""
    decisions = [after(count).decide() for count in range(GATE_OPENS_AT + MAX_PROBES + 1)]
    assert decisions == [
        *[GateDecision.START] * GATE_OPENS_AT,
        *[GateDecision.PROBE] * MAX_PROBES,
        GateDecision.GIVE_UP,
    ]
    assert [after(count).is_open for count in (GATE_OPENS_AT - 1, GATE_OPENS_AT)] == [False, True]


def test_each_probe_waits_twice_as_long() -> None:
    """0.5 s before the first; nothing waits while the gate is closed."""
    delays = [after(count).delay() for count in range(GATE_OPENS_AT + MAX_PROBES)]
    assert delays == [0.0, 0.0, 0.0, 0.5, 1.0, 2.0]


def test_an_answer_resets_the_count() -> None:
    """Failures before any worker's answer are forgotten; the one after it counts."""
    gate = after(GATE_OPENS_AT - 1).after(an_end(key=9), answered=True, probe=False)
    assert [certificate.incarnation for certificate in gate.failures] == [9]


def test_a_worker_that_stood_resets_the_count() -> None:
    """It was ready for 5 s before it died: the failures before it are forgotten, and it is none itself."""
    stood = an_end(Verdict.EXITED, phase=Phase.IDLE, ready_for=SETTLED_AFTER)
    assert after(GATE_OPENS_AT).after(stood, answered=False, probe=True) == StartGate()
    fell = an_end(Verdict.EXITED, phase=Phase.IDLE, ready_for=SETTLED_AFTER - 0.1)
    assert len(after(GATE_OPENS_AT).after(fell, answered=False, probe=True).failures) == GATE_OPENS_AT + 1


def test_a_kill_from_outside_changes_nothing() -> None:
    """It neither counts nor proves that workers can start."""
    gate = after(2)
    killed = an_end(Verdict.KILLED_FROM_OUTSIDE, phase=Phase.IDLE)
    assert gate.after(killed, answered=False, probe=True) == gate


def test_failures_are_kept_for_the_error_that_gives_up() -> None:
    """The certificate of each, oldest first."""
    gate = after(GATE_OPENS_AT + MAX_PROBES)
    assert [certificate.incarnation for certificate in gate.failures] == list(
        range(GATE_OPENS_AT + MAX_PROBES)
    )


def test_a_crowd_that_fails_at_once_is_given_its_probes() -> None:
    """However many workers were started together: only probes count towards giving up, and slow the next one down."""
    gate = StartGate()
    for key in range(50):
        gate = gate.after(an_end(key=key), answered=False, probe=False)
    assert (gate.decide(), gate.delay()) == (GateDecision.PROBE, 0.5)
    assert after(MAX_PROBES, gate).decide() is GateDecision.GIVE_UP


@pytest.mark.parametrize(
    ("missing", "starting", "at_once", "room"),
    [(5, 0, 2, 2), (5, 1, 2, 1), (5, 2, 2, 0), (5, 3, 2, 0), (1, 0, 2, 1), (0, 0, 2, 0), (4, 0, 9, 4)],
)
def test_room_for_starts(missing: int, starting: int, at_once: int, room: int) -> None:
    """What is missing, as far as those that start leave room; never less than none."""
    assert may_start(missing, starting=starting, at_once=at_once) == room
