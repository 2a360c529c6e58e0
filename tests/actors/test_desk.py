"""The desk without a process: who is granted, refused, told; and random histories with an exception at random lines."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from desk_house import FakeInterpreter, Parked, ScriptedClock, a_certificate, a_desk, do_not_wait, stand_in
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from strikes import Strike, Struck

from actors.desk import Desk
from actors.errors import (
    CallExpired,
    PoolCannotStart,
    PoolError,
    PoolGaveUp,
    PoolNotRunning,
    PoolSaturated,
    SessionExpired,
    SessionLost,
)
from actors.lease import Lease
from actors.ledger import Outcome
from bridge.certificate import Verdict


def open_desk(
    *keys: int, target: int = 1, max_queue: int = 100, affinity: bool = True
) -> tuple[Desk, ScriptedClock]:
    """Return a desk that takes requests, with the workers *keys*, and its clock."""
    desk, clock = a_desk(target=target, max_queue=max_queue, affinity=affinity), ScriptedClock()
    desk.open(clock)
    for key in keys:
        bring_up(desk, key)
    return desk, clock


def bring_up(desk: Desk, key: int) -> FakeInterpreter:
    """Let worker *key* start and shake hands."""
    interpreter = FakeInterpreter(key)
    desk.expect(key, f"w{key}")
    desk.ready(key, interpreter.real)
    return interpreter


def take(desk: Desk, session: str | None = None) -> Lease:
    """Return a lease that holds a worker."""
    lease = Lease(session)
    desk.checkout(lease, 10)
    return lease


def queue(desk: Desk, session: str | None = None) -> Lease:
    """Return a lease that waits."""
    lease = Lease(session)
    with pytest.raises(Parked):
        desk.checkout(lease, 10)
    return lease


def refused(desk: Desk, session: str | None = None) -> PoolError:
    """Return the error with which a request is refused; it is given back as a call would."""
    lease = Lease(session)
    with pytest.raises(PoolError) as caught:
        desk.checkout(lease, 10)
    desk.give_back(lease)
    return caught.value


def test_a_request_that_is_refused_is_counted_when_it_is_given_back() -> None:
    """As one that was rejected; until then it is among the requests, and under no outcome."""
    desk = a_desk()
    lease = Lease(None)
    with pytest.raises(PoolNotRunning, match="not started"):
        desk.checkout(lease, 10)
    assert (desk.status().requests, desk.status().rejected) == (1, 0)
    desk.give_back(lease)
    desk.give_back(lease)
    assert (desk.status().requests, desk.status().rejected) == (1, 1)


def test_a_worker_is_lent_to_one_at_a_time() -> None:
    """The next gets it when it is given back, and is told by its gate."""
    desk, _ = open_desk(1)
    first = take(desk)
    second = queue(desk)
    assert (second.interpreter, second.gate.locked()) == (None, True)
    desk.give_back(first)
    assert (second.interpreter, second.gate.locked()) == (first.interpreter, False)


def test_a_lease_that_was_given_back_holds_nothing() -> None:
    """Given back twice, the worker that another holds by now stays with that one."""
    desk, _ = open_desk(1)
    first = take(desk)
    desk.give_back(first)
    take(desk)
    desk.give_back(first)
    assert desk.status().workers[0].state == "busy"
    assert desk.status().requests == 2


def test_a_call_whose_end_nobody_told_was_cancelled() -> None:
    """An exception from outside of the call struck its caller, who had a worker, or waited for one: it broke off."""
    desk, _ = open_desk(1)
    held, waits = take(desk), queue(desk)
    desk.give_back(waits)
    desk.give_back(held)
    assert (desk.status().requests, desk.status().cancelled) == (2, 2)


@pytest.mark.parametrize("outcome", list(Outcome), ids=lambda outcome: outcome.value)
def test_a_call_is_counted_under_its_outcome(outcome: Outcome) -> None:
    """And under no other."""
    desk, _ = open_desk(1)
    lease = take(desk)
    lease.outcome = outcome
    desk.give_back(lease)
    status = desk.status()
    counts = {each: getattr(status, each.value) for each in Outcome}
    expected = {each: int(each is outcome) for each in Outcome}
    expected[Outcome.ERROR] += expected[Outcome.LOST]  # to its caller a call that is lost is an error
    assert counts == expected
    assert desk.answers() == (outcome in {Outcome.OK, Outcome.ERROR})


def test_a_worker_with_something_left_in_its_channel_is_lent_no_more() -> None:
    """It is to end; whoever held it kills it."""
    desk, _ = open_desk(1)
    lease = take(desk)
    assert lease.interpreter is not None
    stand_in(lease.interpreter).channel.clean = False
    desk.give_back(lease)
    assert desk.status().workers[0].state == "terminating"
    queue(desk)


def test_a_full_queue_refuses() -> None:
    """As many may wait as was said; one more is told at once, and takes no place."""
    desk, _ = open_desk(1, max_queue=1)
    held = take(desk)
    waits = queue(desk)
    lease = Lease(None)
    with pytest.raises(PoolSaturated, match="1 callers wait already"):
        desk.checkout(lease, 10)
    assert desk.status().waiting == 1
    desk.give_back(lease)
    desk.give_back(held)
    assert waits.interpreter is not None


def test_a_wait_that_is_over_leaves_the_queue() -> None:
    """It is told its own figure, counted as a timeout, and is granted nothing later."""
    desk, clock = open_desk(1)
    held = take(desk)
    clock.wait = do_not_wait
    lease = Lease(None)
    with pytest.raises(CallExpired, match="within 7 s"):
        desk.checkout(lease, 7)
    desk.give_back(held)
    desk.give_back(lease)
    assert lease.interpreter is None
    assert (desk.status().timeouts, desk.status().workers[0].state) == (1, "ready")


@pytest.mark.parametrize("end", ["granted", "refused"])
def test_what_is_decided_in_the_moment_of_the_deadline_holds(end: str) -> None:
    """The wait was over, but before the caller could say so it was granted a worker, or refused."""
    desk, clock = open_desk(1)
    held = take(desk)

    def too_late(_: threading.Lock, __: float) -> bool:
        if end == "granted":
            desk.give_back(held)
        else:
            desk.close("stopping")
        return False

    clock.wait = too_late
    lease = Lease(None)
    if end == "granted":
        desk.checkout(lease, 10)
        assert lease.interpreter is held.interpreter
    else:
        with pytest.raises(PoolNotRunning):
            desk.checkout(lease, 10)
        desk.give_back(lease)
        assert desk.status().rejected == 1


def test_a_close_answers_who_waits_and_lets_run_what_runs() -> None:
    """With the state that the pool is in."""
    desk, _ = open_desk(1)
    held, waits = take(desk), queue(desk)
    desk.close("stopping")
    assert isinstance(waits.refusal, PoolNotRunning)
    assert (waits.refusal.state, waits.gate.locked()) == ("stopping", False)
    assert held.refusal is None
    assert desk.status().state == "stopping"


def test_a_pool_that_gave_up_goes_on_saying_so() -> None:
    """Whatever is torn down after it, until it is opened again."""
    desk, clock = open_desk(1)
    held, waits = take(desk), queue(desk)
    desk.gave_up(PoolGaveUp("pool", [a_certificate()]))
    desk.close("stopped")
    assert isinstance(waits.refusal, PoolGaveUp)
    assert isinstance(refused(desk), PoolGaveUp)
    assert desk.status().state == "gave up"
    desk.give_back(held)
    desk.open(clock)
    take(desk)


@pytest.mark.parametrize("ask", [take, lambda desk: desk.wait_ready(10)], ids=["a worker", "all workers"])
def test_each_who_is_refused_gets_an_error_of_their_own(ask: Callable[[Desk], object]) -> None:
    """Raised in several threads, one object would show to each of them the tracebacks and contexts of the others."""
    desk, clock = open_desk()
    error = PoolGaveUp("pool", [a_certificate()])

    def give_up(gate: threading.Lock, _: float) -> bool:
        desk.gave_up(error)
        return gate.acquire(blocking=False)

    clock.wait = give_up
    raised = []
    for _ in range(2):  # the first one waits, the second one asks too late
        with pytest.raises(PoolGaveUp) as caught:
            ask(desk)
        raised.append(caught.value)
    assert len({id(each) for each in (error, *raised)}) == 3
    assert error.__traceback__ is None
    assert {(str(each), each.certificates) for each in raised} == {(str(error), error.certificates)}


def test_starts_that_are_held_back_refuse_only_while_no_worker_is_up() -> None:
    """One that is up serves; the last one's end, or the first one's start, changes it."""
    desk, _ = open_desk(1)
    error = PoolCannotStart("pool", a_certificate())
    held, waits = take(desk), queue(desk)
    desk.hold_back(error)
    assert (waits.refusal, desk.status().state) == (None, "cannot start")
    desk.give_back(waits)
    desk.give_back(held)
    desk.give_back(take(desk))
    desk.gone(1, a_certificate())
    assert isinstance(refused(desk), PoolCannotStart)
    bring_up(desk, 2)
    take(desk)
    assert desk.status().state == "running"


def test_who_waits_when_starts_are_held_back_is_told() -> None:
    """With no worker up nobody is kept waiting for one that does not come."""
    desk, _ = open_desk()
    waits = queue(desk)
    desk.hold_back(PoolCannotStart("pool", a_certificate()))
    assert isinstance(waits.refusal, PoolCannotStart)
    assert not waits.gate.locked()
    desk.hold_back(None)
    queue(desk)


def test_a_worker_that_is_to_end_gets_no_more_work() -> None:
    """Neither a free one, nor one that comes back from a call, nor one that was starting."""
    desk, _ = open_desk(1, 2)
    desk.retire(1)
    held = take(desk)
    assert held.ticket.key == 2
    desk.retire(2)
    desk.give_back(held)
    desk.expect(3, "w3")
    desk.retire(3)
    desk.ready(3, FakeInterpreter(3).real)
    queue(desk)
    assert {worker.state for worker in desk.status().workers} == {"terminating"}


def test_a_session_is_lost_with_its_worker() -> None:
    """Who waits for that worker is told how it ended, and so is who asks later, until it is bound anew."""
    desk, _ = open_desk(1, 2)
    take(desk, "s")
    waits = queue(desk, "s")
    desk.gone(1, a_certificate(Verdict.CRASH_SIGNAL))
    for error in (waits.refusal, refused(desk, "s")):
        assert isinstance(error, SessionLost)
        assert error.certificate is not None
        assert error.certificate.verdict is Verdict.CRASH_SIGNAL
    desk.rebind("s")
    assert take(desk, "s").ticket.key == 2
    assert desk.status().moves == 1


def test_a_session_that_nobody_used_is_told_so() -> None:
    """After its time to live, with or without a sweep; ended, it begins anew."""
    desk, clock = open_desk(1)
    desk.give_back(take(desk, "s"))
    clock.time = 100.1
    assert isinstance(refused(desk, "s"), SessionExpired)
    desk.end_session("s")
    desk.give_back(take(desk, "s"))
    clock.time = 300.0
    assert (desk.sweep(), desk.sweep()) == (1, 0)
    assert isinstance(refused(desk, "s"), SessionExpired)


def test_how_a_worker_ended_is_kept() -> None:
    """Its calls, its certificate, and how long it had been ready; nothing is kept of one that never had a process."""
    desk, clock = open_desk()
    clock.time = 10.0
    desk.expect(1, "w1")
    clock.time = 20.0
    desk.ready(1, FakeInterpreter().real)
    desk.give_back(take(desk))
    clock.time = 25.0
    assert (desk.has_ready(5.0), desk.has_ready(5.1)) == (True, False)
    desk.gone(1, a_certificate())
    desk.gone(1, a_certificate(Verdict.DEADLINE))
    end = desk.end_of(1)
    assert end is not None
    assert (end.calls, end.ready_for, end.certificate.verdict) == (1, 5.0, Verdict.EXITED)
    assert not desk.has_ready(0.0)
    desk.expect(2, "w2")
    desk.gone(2, a_certificate(Verdict.START_FAILED, key=2))
    end = desk.end_of(2)
    assert end is not None
    assert end.ready_for == 0.0
    desk.expect(3, "w3")
    desk.gone(3, None)
    assert desk.end_of(3) is None
    assert desk.status().deaths == 2


def test_news_of_a_worker_that_is_gone_change_nothing() -> None:
    """It is neither up nor counted."""
    desk, _ = open_desk()
    desk.ready(1, FakeInterpreter().real)
    desk.gone(1, a_certificate())
    desk.retire(1)
    assert (desk.status().ready, desk.status().deaths, desk.worker_status(1)) == (0, 0, None)


def test_a_drain_waits_for_the_last_holder() -> None:
    """Not for those who wait for a worker; and it says if it took too long."""
    desk, clock = open_desk(1, 2)
    holders = [take(desk), take(desk)]
    desk.close("stopping")

    def meanwhile(gate: threading.Lock, _: float) -> bool:
        for holder in holders:
            assert gate.locked()
            desk.give_back(holder)
        return gate.acquire(blocking=False)

    clock.wait = do_not_wait
    assert not desk.drain(10)
    clock.wait = meanwhile
    assert desk.drain(10)


@pytest.mark.parametrize("news", ["ready", "closed", "held back"])
def test_who_waits_for_all_workers_is_told(news: str) -> None:
    """When as many are up as there should be; and at once when it will not come to that."""
    desk, clock = open_desk(1, target=2)

    def meanwhile(gate: threading.Lock, _: float) -> bool:
        assert gate.locked()
        if news == "ready":
            bring_up(desk, 2)
        elif news == "closed":
            desk.close("stopping")
        else:
            desk.gone(1, a_certificate())
            desk.hold_back(PoolCannotStart("pool", a_certificate()))
        return gate.acquire(blocking=False)

    clock.wait = do_not_wait
    assert not desk.wait_ready(10)
    clock.wait = meanwhile
    if news == "ready":
        assert desk.wait_ready(10)
    else:
        with pytest.raises(PoolNotRunning if news == "closed" else PoolCannotStart):
            desk.wait_ready(10)


def test_a_wait_that_is_broken_off_leaves_nothing_at_the_desk() -> None:
    """A gate that nobody waits at is not opened, nor kept."""
    desk, _ = open_desk(1, target=2)
    with pytest.raises(Parked):
        desk.wait_ready(10)
    assert not desk._guard._gates


def test_without_affinity_a_session_is_only_a_name() -> None:
    """It is served by any worker, never lost, and can be bound, ended and swept in vain."""
    desk, _ = open_desk(1, 2, affinity=False)
    assert [take(desk, "s").ticket.key, take(desk, "s").ticket.key] == [1, 2]
    desk.gone(1, a_certificate())
    desk.rebind("s")
    desk.end_session("s")
    queue(desk, "s")
    assert (desk.sweep(), desk.status().moves, desk.status().affinity) == (0, 0, {})


#: At which line a step is struck; 0: it is not.
STRIKES = st.just(0) | st.integers(1, 60)


class DeskMachine(RuleBasedStateMachine):
    """Random histories, any step of which may be struck by an exception at any line.

    Whatever happens: each worker has one holder at most, requests add up, nobody waits beside a worker that is free,
    and whoever was granted a worker, or refused, is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = ScriptedClock()
        self.desk = a_desk(target=3, max_queue=3, ttl=50.0)
        self.keys = 0
        self.leases: list[Lease] = []  #: of those who wait, or hold a worker
        self.parked: set[Lease] = set()  #: of these, those that were told to wait
        self.desk.open(self.clock)
        self.start(0, 0)
        self.start(0, 0)

    def do(self, step: Callable[[], object], strike: int) -> bool:
        """Run *step*, struck at its line *strike*; return whether it went through."""
        try:
            with Strike(strike).on():
                step()
        except Struck:
            return False
        return True

    @rule(strike=STRIKES, session=st.none() | st.sampled_from("ab"))
    def request(self, strike: int, session: str | None) -> None:
        lease = Lease(session)
        try:
            went_through = self.do(lambda: self.desk.checkout(lease, 10), strike)
        except Parked:
            self.leases.append(lease)
            self.parked.add(lease)
        except PoolError:
            self.desk.give_back(lease)
        else:
            if went_through:
                self.leases.append(lease)
            else:
                self.desk.give_back(lease)

    @rule(strike=STRIKES, data=st.data(), clean=st.booleans(), outcome=st.sampled_from(list(Outcome)))
    def give_back(self, strike: int, data: st.DataObject, clean: bool, outcome: Outcome) -> None:
        if not self.leases:
            return
        lease = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        if lease.interpreter is not None and lease.refusal is None:
            stand_in(lease.interpreter).channel.clean = clean
            lease.outcome = outcome
        before = self.ended()
        if not self.do(lambda: self.desk.give_back(lease), strike):
            self.desk.give_back(lease)
        assert self.ended() == before + 1

    @rule(strike=STRIKES, again=STRIKES)
    def start(self, strike: int, again: int) -> None:
        """A worker starts and shakes hands; one whose start was cut off never comes to be."""
        self.keys += 1
        key = self.keys
        self.do(lambda: self.desk.expect(key, f"w{key}"), strike)
        self.do(lambda: self.desk.ready(key, FakeInterpreter(key).real), again)

    @rule(strike=STRIKES, data=st.data())
    def retire(self, strike: int, data: st.DataObject) -> None:
        known = [worker.incarnation for worker in self.desk.status().workers]
        if known:
            key = data.draw(st.sampled_from(known))
            self.do(lambda: self.desk.retire(key), strike)

    @rule(strike=STRIKES, data=st.data(), certified=st.booleans())
    def gone(self, strike: int, data: st.DataObject, certified: bool) -> None:
        known = [worker.incarnation for worker in self.desk.status().workers]
        if known:
            key = data.draw(st.sampled_from(known))
            self.do(lambda: self.desk.gone(key, a_certificate(key=key) if certified else None), strike)

    @rule(
        strike=STRIKES, session=st.sampled_from("ab"), what=st.sampled_from(["end", "rebind", "sweep", "age"])
    )
    def sessions(self, strike: int, session: str, what: str) -> None:
        if what == "age":
            self.clock.time += 60.0
        elif what == "sweep":
            self.do(self.desk.sweep, strike)
        else:
            self.do(lambda: (self.desk.end_session if what == "end" else self.desk.rebind)(session), strike)

    @rule(strike=STRIKES, hold_back=st.booleans())
    def close_and_open(self, strike: int, hold_back: bool) -> None:
        error = PoolCannotStart("pool", a_certificate())
        self.do(lambda: self.desk.hold_back(error) if hold_back else self.desk.close("stopping"), strike)
        if self.desk.status().state == "stopping":
            assert self.desk.status().waiting == 0
        self.who_is_served_is_told()
        self.desk.open(self.clock)

    def ended(self) -> int:
        status = self.desk.status()
        return status.ok + status.errors + status.timeouts + status.rejected + status.cancelled

    @invariant()
    def requests_add_up(self) -> None:
        assert self.desk.status().requests == self.ended() + len(self.leases)

    @invariant()
    def each_worker_has_one_holder(self) -> None:
        status = self.desk.status()
        held = [lease.ticket.key for lease in self.leases if lease.ticket.key is not None]
        assert len(held) == len(set(held))
        busy = {worker.incarnation for worker in status.workers if worker.state == "busy"}
        ending = {worker.incarnation for worker in status.workers if worker.state == "terminating"}
        gone = set(held) - {worker.incarnation for worker in status.workers}
        assert busy <= set(held) <= busy | ending | gone

    @invariant()
    def a_worker_is_up_from_its_handshake_to_its_end(self) -> None:
        status = self.desk.status()
        up = {worker.incarnation for worker in status.workers if worker.pid is not None}
        assert status.ready == len(up)
        assert not [w for w in status.workers if w.state == "initializing" and w.incarnation in up]

    @invariant()
    def who_is_served_is_told(self) -> None:
        for lease in self.leases:
            assert (lease.ticket.key is None) == (lease.interpreter is None)
            if lease.interpreter is not None:
                assert lease.interpreter.pid == lease.ticket.key
            if lease in self.parked:
                assert lease.gate.locked() is (lease.interpreter is None and lease.refusal is None)

    @invariant()
    def nobody_waits_beside_a_free_worker(self) -> None:
        status = self.desk.status()
        waiting = [lease for lease in self.leases if lease.interpreter is None and lease.refusal is None]
        assert status.waiting == len(waiting)
        if any(worker.state == "ready" for worker in status.workers):
            assert all(lease.ticket.session is not None for lease in waiting)


TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = settings(max_examples=150, stateful_step_count=30)
