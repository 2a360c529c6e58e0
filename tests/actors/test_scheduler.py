"""Who gets the next free worker: the pure scheduler, step by step."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.affinity import Affinity
from actors.scheduler import Scheduler
from actors.ticket import Ticket
from actors.worker_state import WorkerState


def pool(*keys: int, affinity: bool = True) -> Scheduler:
    scheduler = Scheduler(Affinity(math.inf, binds=affinity))
    for key in keys:
        scheduler.expect(key, f"w{key}", 0.0)
        scheduler.ready(key, 0.0)
    return scheduler


def test_free_workers_are_given_out_longest_idle_first() -> None:
    """A checkout takes the worker that has waited longest; with none free it queues."""
    scheduler = pool(1, 2)
    assert [scheduler.checkout(Ticket(), 0.0) for _ in range(3)] == [1, 2, None]
    assert len(scheduler.waiters) == 1


def test_waiters_are_served_in_order_of_arrival() -> None:
    """First come, first served."""
    scheduler = pool(1)
    scheduler.checkout(Ticket(), 0.0)
    first, second = Ticket(), Ticket()
    scheduler.checkout(first, 0.0)
    scheduler.checkout(second, 0.0)

    assert scheduler.checkin(1, 0.0) == (first, 1)
    assert scheduler.checkin(1, 0.0) == (second, 1)
    assert scheduler.checkin(1, 0.0) is None


def test_session_waits_for_its_own_worker_and_holds_nobody_up() -> None:
    """A bound session takes its worker or waits for it, even when others are free."""
    scheduler = pool(1, 2)
    assert scheduler.checkout(Ticket("s"), 0.0) == 1
    again = Ticket("s")
    assert scheduler.checkout(again, 0.0) is None
    assert scheduler.checkout(Ticket(), 0.0) == 2
    assert scheduler.checkin(1, 0.0) == (again, 1)


def test_bound_waiter_and_anonymous_waiter_share_a_worker_fairly() -> None:
    """Between a waiter for this very worker and one for any, the earlier one wins."""
    scheduler = pool(1)
    scheduler.checkout(Ticket("s"), 0.0)
    anyone, bound = Ticket(), Ticket("s")
    scheduler.checkout(anyone, 0.0)
    scheduler.checkout(bound, 0.0)
    assert scheduler.checkin(1, 0.0) == (anyone, 1)
    assert scheduler.checkin(1, 0.0) == (bound, 1)


def test_first_binding_is_one_worker_for_all_who_waited() -> None:
    """Calls of one new session that all waited go to one worker: the first grant binds the others."""
    scheduler = pool(1, 2)
    scheduler.checkout(Ticket(), 0.0)
    scheduler.checkout(Ticket(), 0.0)
    one, two = Ticket("s"), Ticket("s")
    scheduler.checkout(one, 0.0)
    scheduler.checkout(two, 0.0)

    assert scheduler.checkin(2, 0.0) == (one, 2)
    assert scheduler.checkin(1, 0.0) is None
    assert scheduler.checkin(2, 0.0) == (two, 2)


def test_new_sessions_spread_over_the_workers() -> None:
    """A new session goes to the free worker that carries the fewest."""
    scheduler = pool(1, 2)
    for name, expected in [("a", 1), ("b", 2), ("c", 1)]:
        assert scheduler.checkout(Ticket(name), 0.0) == expected
        scheduler.checkin(expected, 0.0)


def test_without_affinity_sessions_go_anywhere() -> None:
    """The twin: with affinity off, a session's next call takes whichever worker is free."""
    scheduler = pool(1, 2, affinity=False)
    assert scheduler.checkout(Ticket("s"), 0.0) == 1
    assert scheduler.checkout(Ticket("s"), 0.0) == 2


def test_death_strands_only_who_wanted_that_worker() -> None:
    """When a worker is gone, the waiters that wanted no other are returned; the rest keep their places."""
    scheduler = pool(1)
    scheduler.checkout(Ticket("s"), 0.0)
    bound, anyone = Ticket("s"), Ticket()
    scheduler.checkout(bound, 0.0)
    scheduler.checkout(anyone, 0.0)

    row, stranded = scheduler.gone(1, 0.0)

    assert row is not None
    assert row.life.state is WorkerState.TERMINATED
    assert stranded == (bound,)
    assert len(scheduler.waiters) == 1
    scheduler.expect(2, "w1", 0.0)
    assert scheduler.ready(2, 0.0) == (anyone, 2)


def test_withdrawn_ticket_is_never_served() -> None:
    """A caller that gave up gets no worker; the twin that stayed does."""
    scheduler = pool(1)
    scheduler.checkout(Ticket(), 0.0)
    gone, stays = Ticket(), Ticket()
    scheduler.checkout(gone, 0.0)
    scheduler.checkout(stays, 0.0)
    assert scheduler.withdraw(gone)
    assert not scheduler.withdraw(gone)
    assert scheduler.checkin(1, 0.0) == (stays, 1)


def test_terminating_worker_gets_no_more_work() -> None:
    """A worker that is to end is neither given out nor taken back into the free ones."""
    scheduler = pool(1, 2)
    scheduler.terminate(1, 0.0)
    assert scheduler.checkout(Ticket(), 0.0) == 2
    scheduler.terminate(2, 0.0)
    assert scheduler.checkin(2, 0.0) is None
    assert scheduler.checkout(Ticket(), 0.0) is None


class SchedulerMachine(RuleBasedStateMachine):
    """Random histories: no worker has two callers, nobody waits beside a free worker, nobody is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = pool()
        self.holders: dict[int, Ticket] = {}
        self.waiting: set[Ticket] = set()
        self.next_key = 0

    def granted(self, grant: tuple[Ticket, int] | None) -> None:
        if grant is not None:
            ticket, key = grant
            assert ticket in self.waiting
            assert key not in self.holders
            self.waiting.discard(ticket)
            self.holders[key] = ticket

    @rule()
    def start(self) -> None:
        self.next_key += 1
        self.scheduler.expect(self.next_key, "w", 0.0)
        self.granted(self.scheduler.ready(self.next_key, 0.0))

    @rule(session=st.none() | st.sampled_from("abc"))
    def checkout(self, session: str | None) -> None:
        affinity = self.scheduler.affinity
        if session is not None and affinity.touch(session, 0.0).lost is not None:
            affinity.rebind(session, 0.0)
        ticket = Ticket(session)
        key = self.scheduler.checkout(ticket, 0.0)
        if key is None:
            self.waiting.add(ticket)
        else:
            assert key not in self.holders
            self.holders[key] = ticket

    @rule(data=st.data())
    def checkin(self, data: st.DataObject) -> None:
        if self.holders:
            key = data.draw(st.sampled_from(sorted(self.holders)))
            del self.holders[key]
            self.granted(self.scheduler.checkin(key, 0.0))

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        if self.scheduler.rows:
            key = data.draw(st.sampled_from(sorted(self.scheduler.rows)))
            self.holders.pop(key, None)
            _, stranded = self.scheduler.gone(key, 0.0)
            assert set(stranded) <= self.waiting
            self.waiting -= set(stranded)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if self.waiting:
            ticket = data.draw(st.sampled_from(sorted(self.waiting, key=lambda each: each.number)))
            assert self.scheduler.withdraw(ticket)
            self.waiting.discard(ticket)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.scheduler.waiters) == len(self.waiting)
        busy = {key for key, row in self.scheduler.rows.items() if row.life.state is WorkerState.BUSY}
        assert busy == set(self.holders)

    @invariant()
    def nobody_waits_beside_a_free_worker(self) -> None:
        free = {key for key, row in self.scheduler.rows.items() if row.life.state is WorkerState.READY}
        affinity = self.scheduler.affinity
        for ticket in self.waiting:
            wanted = None if ticket.session is None else affinity.worker_of(ticket.session)
            assert not free if wanted is None else wanted not in free


TestSchedulerMachine = SchedulerMachine.TestCase
