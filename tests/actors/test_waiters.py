"""Who waits, and who of them is next, is late, or makes room: the queues one by one."""

from __future__ import annotations

import itertools

import pytest

from actors.ticket import Ticket
from actors.ticket_heap import TicketHeap
from actors.waiters import Waiters

NUMBERS = itertools.count(1)


def a_ticket(session: str | None = None, *, priority: int = 0, deadline: float = 100.0) -> Ticket:
    """Return one that has just arrived."""
    ticket = Ticket(session, priority=priority, deadline=deadline)
    ticket.number = next(NUMBERS)
    return ticket


def waiting(*tickets: Ticket, worker: int | None = None) -> Waiters:
    """Return a queue of *tickets*."""
    waiters = Waiters()
    for ticket in tickets:
        waiters.add(ticket, worker, strict=True)
    return waiters


@pytest.mark.promise("bounded-fair-queue")
def test_higher_priority_is_first_and_equals_in_order_of_arrival() -> None:
    """Whether they wait for this worker or for any."""
    usual, urgent, late_urgent, for_one = a_ticket(), a_ticket(priority=1), a_ticket(priority=1), a_ticket()
    waiters = waiting(for_one, worker=7)
    for ticket in (late_urgent, usual, urgent):
        waiters.add(ticket, None, strict=True)
    order = []
    while (found := waiters.first_for(7)) is not None:
        order.append(found)
        waiters.discard(found)
    assert order == [urgent, late_urgent, usual, for_one]


def test_who_waits_for_another_worker_holds_nobody_up() -> None:
    """A free worker goes to the first who may have it."""
    other, mine = a_ticket(priority=9), a_ticket()
    waiters = waiting(other, worker=1)
    waiters.add(mine, None, strict=True)
    assert waiters.first_for(2) is mine


def test_a_session_that_is_bound_takes_its_waiters_along_in_their_order() -> None:
    """They wait for that worker then, before those who came after them."""
    first, second, later = a_ticket("s"), a_ticket("s"), a_ticket("t")
    waiters = waiting(later, worker=1)
    waiters.add(first, None, strict=True)
    waiters.add(second, None, strict=True)
    assert waiters.bind("s", 1) == (first, second)
    assert waiters.first_for(2) is None
    assert waiters.of_worker(1) == (first, second, later)
    assert (waiters.for_anyone, len(waiters)) == (0, 3)


def test_late_is_whose_deadline_has_come() -> None:
    """At that very moment, and the earliest first; who never gives up is never late."""
    soon, later, never = a_ticket(deadline=5.0), a_ticket(deadline=6.0), a_ticket(deadline=float("inf"))
    waiters = waiting(later, soon, never)
    assert waiters.late(4.9) is None
    assert waiters.late(5.0) is soon
    waiters.discard(soon)
    waiters.discard(later)
    assert waiters.late(1e9) is None


@pytest.mark.promise("bounded-fair-queue")
def test_the_newest_of_the_lowest_priority_makes_room() -> None:
    """So nobody who has waited makes room for an equal."""
    urgent, old, new = a_ticket(priority=1), a_ticket(), a_ticket()
    waiters = waiting(urgent, old, new)
    assert waiters.makes_room() is new
    waiters.discard(new)
    assert waiters.makes_room() is old
    waiters.discard(old)
    assert waiters.makes_room() is urgent


def test_who_left_is_forgotten() -> None:
    """Thousands who came and left leave nothing, wherever they waited."""
    waiters = waiting(a_ticket("stays"))
    for number in range(3000):
        ticket = a_ticket(f"s{number}", priority=number % 3)
        waiters.add(ticket, number if number % 2 else None, strict=True)
        assert waiters.discard(ticket)
        assert not waiters.discard(ticket)
        waiters.first_for(number)
    assert len(waiters) == 1
    assert not waiters._bound
    assert len(waiters._unbound) == 1
    for heap in (waiters._anyone, waiters._deadlines, waiters._makes_room):
        assert len(heap._entries) < 100


def test_who_waited_for_a_worker_that_is_gone_is_taken_out() -> None:
    """They, and nobody else, in the order in which they would have got it; nothing is left of their queue."""
    usual, urgent, anyone = a_ticket(), a_ticket(priority=1), a_ticket()
    waiters = waiting(usual, urgent, worker=1)
    waiters.add(anyone, None, strict=True)
    assert waiters.strand(1) == (urgent, usual)
    assert waiters.strand(1) == ()
    assert (waiters.all(), waiters._bound) == ((anyone,), {})


def test_a_heap_passes_over_who_has_left() -> None:
    """And over who waits elsewhere by now."""
    one, other = TicketHeap(home=True), TicketHeap(home=True)
    moved, stays = a_ticket(), a_ticket()
    one.add(0, moved.number, moved)
    one.add(0, stays.number, stays)
    other.add(0, moved.number, moved)
    one.left()
    assert (one.first(), one.tickets(), one.live, other.first()) == (stays, [stays], 1, moved)
