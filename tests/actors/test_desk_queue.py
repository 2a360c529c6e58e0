"""The desk's queue and its workers' health: bounds, priorities, deadlines, what a worker did, who gets none."""

from __future__ import annotations

import pytest
from desk_house import FakeInterpreter, Parked, ScriptedClock, a_certificate, a_desk, stand_in

from actors.desk import Desk
from actors.errors import CallExpired, PoolSaturated
from actors.lease import Lease
from actors.ledger import AttemptEnd, Outcome
from actors.ticket import WhenFull


def open_desk(
    *keys: int, max_queue: int = 100, when_full: WhenFull = WhenFull.RAISE, max_overflow: int = 0
) -> tuple[Desk, ScriptedClock]:
    """Return a desk with the workers *keys*, and its clock."""
    desk = a_desk(target=len(keys), max_queue=max_queue, when_full=when_full, max_overflow=max_overflow)
    clock = ScriptedClock()
    desk.open(clock)
    for key in keys:
        desk.expect(key, f"w{key}")
        desk.ready(key, FakeInterpreter(key).real)
    return desk, clock


def take(desk: Desk) -> Lease:
    """Return a lease that holds a worker."""
    lease = Lease()
    desk.checkout(lease, 10)
    return lease


def queue(desk: Desk, *, priority: int = 0, timeout: float = 10) -> Lease:
    """Return a lease that waits."""
    lease = Lease(priority=priority)
    with pytest.raises(Parked):
        desk.checkout(lease, timeout)
    return lease


@pytest.mark.promise("bounded-fair-queue")
def test_one_more_than_may_wait_is_refused_at_once() -> None:
    """By default; a place that somebody leaves is free again."""
    desk, _ = open_desk(1, max_queue=2)
    take(desk)
    waits = [queue(desk), queue(desk)]
    with pytest.raises(PoolSaturated) as caught:
        desk.checkout(Lease(), 10)
    assert (caught.value.limit, caught.value.shed) == (2, False)
    desk.give_back(waits[0])
    queue(desk)


@pytest.mark.promise("bounded-fair-queue")
def test_a_call_of_higher_priority_takes_the_place_of_the_newest_of_the_lowest() -> None:
    """With ``shed``; that one is told at once, and among equals it is the newcomer itself."""
    desk, _ = open_desk(1, max_queue=2, when_full=WhenFull.SHED)
    held = take(desk)
    old, new = queue(desk), queue(desk)
    with pytest.raises(PoolSaturated) as caught:
        desk.checkout(Lease(), 10)
    assert not caught.value.shed
    urgent = queue(desk, priority=1)
    assert isinstance(new.refusal, PoolSaturated)
    assert (new.refusal.shed, new.gate.locked(), old.refusal) == (True, False, None)
    assert "higher priority" in str(new.refusal)
    desk.give_back(held)
    assert urgent.interpreter is not None


@pytest.mark.promise("bounded-fair-queue")
def test_a_full_queue_lets_callers_wait_if_it_is_to_block() -> None:
    """They are served as if they stood in it, and wait no longer than their own time."""
    desk, clock = open_desk(1, max_queue=1, when_full=WhenFull.BLOCK)
    held = take(desk)
    first, second, third = queue(desk, timeout=100), queue(desk, timeout=5), queue(desk, timeout=100)
    clock.time = 5.0
    desk.give_back(held)
    assert first.interpreter is not None
    assert isinstance(second.refusal, CallExpired)
    desk.give_back(first)
    assert third.interpreter is not None


@pytest.mark.promise("one-deadline")
def test_who_is_late_is_granted_nothing() -> None:
    """Even if the worker comes free before that caller has noticed; it goes to the next who is in time."""
    desk, clock = open_desk(1)
    held, late, in_time = take(desk), queue(desk, timeout=5), queue(desk, timeout=6)
    clock.time = 5.0
    desk.give_back(held)
    assert isinstance(late.refusal, CallExpired)
    assert (late.refusal.timeout, late.interpreter, late.gate.locked()) == (5, None, False)
    assert in_time.interpreter is not None
    desk.give_back(late)
    assert desk.status().timeouts == 1


@pytest.mark.promise("one-deadline")
def test_what_is_spent_before_the_desk_is_part_of_the_time() -> None:
    """One that comes too late is refused, and one that waits does so for what is left."""
    desk, clock = open_desk(1)
    spent = Lease()
    with pytest.raises(CallExpired, match="within 5 s"):
        desk.checkout(spent, 5, spent=5.0)
    desk.give_back(spent)
    take(desk)
    waits = Lease()
    with pytest.raises(Parked):
        desk.checkout(waits, 5, spent=4.0)
    clock.time = 1.0
    assert desk.status().waiting == 0
    assert isinstance(waits.refusal, CallExpired)


@pytest.mark.promise("metrics-exact")
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "not sent"])
@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda outcome: outcome.value)
def test_what_a_worker_did_is_counted(outcome: Outcome, sent: bool) -> None:
    """Under one end each: as the request, or, where the call was never sent, as given back."""
    desk, _ = open_desk(1)
    lease = take(desk)
    lease.dispatched, lease.outcome = sent, outcome
    desk.give_back(lease)
    given_back = outcome is Outcome.REJECTED or (not sent and outcome in {Outcome.CANCELLED, Outcome.TIMEOUT})
    (worker,) = desk.status().workers
    counts = {end: getattr(worker, end.value) for end in AttemptEnd}
    expected = AttemptEnd.GIVEN_BACK if given_back else AttemptEnd[outcome.name]
    assert counts == {end: int(end is expected) for end in AttemptEnd}
    assert worker.attempts == desk.status().attempts == 1


@pytest.mark.promise("metrics-exact")
def test_a_name_keeps_its_figures_when_its_worker_is_replaced() -> None:
    """Also of a call that is given back after its worker's end."""
    desk, _ = open_desk(1)
    lease = take(desk)
    lease.dispatched, lease.outcome = True, Outcome.LOST
    desk.gone(1, a_certificate())
    desk.give_back(lease)
    desk.expect(2, "w1")
    (worker,) = desk.status().workers
    assert (worker.attempts, worker.lost, worker.calls) == (1, 1, 0)
    assert (desk.status().errors, desk.status().lost) == (1, 1)


@pytest.mark.promise("degrade-keep-recover")
def test_a_degraded_worker_gets_no_work_until_it_is_well() -> None:
    """It is kept; found healthy it serves who waits, and it is the same one."""
    desk, _ = open_desk(1)
    desk.degrade(1)
    waits = queue(desk)
    (worker,) = desk.status().workers
    assert (worker.state, worker.health, worker.pid) == ("degraded", "unhealthy", 1)
    assert not desk.checked(1, healthy=True)
    assert waits.interpreter is not None
    assert waits.interpreter.pid == 1
    assert desk.status().workers[0].health == "healthy"


@pytest.mark.promise("degrade-keep-recover")
def test_a_worker_that_recovers_while_it_is_lent_works_after_that() -> None:
    """Nobody else gets it before its caller gave it back."""
    desk, _ = open_desk(1)
    held = take(desk)
    desk.degrade(1)
    desk.checked(1, healthy=True)
    waits = queue(desk)
    desk.give_back(held)
    assert waits.interpreter is held.interpreter


@pytest.mark.promise("degrade-keep-recover")
def test_three_failed_checks_in_a_row_end_a_worker() -> None:
    """A good one between begins anew."""
    desk, _ = open_desk(1)
    found = [desk.checked(1, healthy=healthy) for healthy in [False, False, True, False, False, False]]
    assert found == [False, False, False, False, False, True]
    assert desk.status().workers[0].state == "terminating"
    assert not desk.checked(2, healthy=False)


@pytest.mark.promise("real-overflow")
def test_overflow_is_wanted_for_who_waits_and_no_more() -> None:
    """One for each that no starting or missing worker will serve, up to the limit."""
    desk, _ = open_desk(1, max_overflow=2)
    asked: list[int] = []
    desk.open(ScriptedClock(), crowded=lambda: asked.append(desk.overflow_wanted()))
    take(desk)
    assert desk.overflow_wanted() == 0
    queue(desk)
    assert asked == [1]
    desk.expect(2, "w2", overflow=True)
    assert desk.overflow_wanted() == 1
    queue(desk)
    queue(desk)
    assert asked[-1] == 2


@pytest.mark.promise("real-overflow")
def test_an_overflow_worker_is_used_last_and_retired_when_idle() -> None:
    """Not before its time, not while it is lent, and not while it holds a session."""
    desk, clock = open_desk(1, max_overflow=2)
    for key in (2, 3):
        desk.expect(key, f"w{key}", overflow=True)
        desk.ready(key, FakeInterpreter(key).real)
    first, second = take(desk), take(desk)
    assert (first.ticket.key, second.ticket.key) == (1, 2)
    session = Lease("s")
    desk.checkout(session, 10)
    assert session.ticket.key == 3
    for lease in (session, second):
        desk.give_back(lease)
    clock.time = 5.0
    assert desk.retire_idle(5.1) == []
    assert desk.retire_idle(5.0) == [2]
    desk.end_session("s")
    assert desk.retire_idle(5.0) == [3]
    assert {each.incarnation: each.state for each in desk.status().workers} == {
        1: "busy",
        2: "terminating",
        3: "terminating",
    }


def test_a_worker_that_came_back_unclean_does_not_recover() -> None:
    """What is left in its channel is worse than its health."""
    desk, _ = open_desk(1)
    held = take(desk)
    assert held.interpreter is not None
    stand_in(held.interpreter).channel.clean = False
    desk.degrade(1)
    desk.give_back(held)
    desk.checked(1, healthy=True)
    assert desk.status().workers[0].state == "terminating"
