"""The pool actor in virtual time, with workers that have no process: what is started, when, and when no more."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import final

import pytest
from desk_house import FakeInterpreter, a_certificate, a_desk

from actors.errors import CallExpired, PoolCannotStart, PoolGaveUp, PoolNotRunning
from actors.events import PoolEnded, StartsHeldBack, WorkerReplaced
from actors.lease import Lease
from actors.ledger import Outcome
from actors.pool_actor import NO_BRIDGE_DELAY, PoolActor
from actors.start_gate import GATE_OPENS_AT, MAX_PROBES, SETTLED_AFTER
from bridge.certificate import Phase, Verdict
from supervision import Actor, ChildSpec, DynamicSupervisor, Ref, Restart, Tree, VirtualClock, crashed
from supervision.errors import ActorExited
from supervision.events import Event
from supervision.ref import cell_of
from supervision.requests import GetStatus
from supervision.supervisor import terminate_child


@final
class Stage(Actor):
    """A worker without a process: it tells the test of itself, which plays its interpreter."""

    def init(self, house: House) -> None:
        house.desk.expect(self.ref.incarnation, self.ref.name)
        house.started.put(self.ref)


class House:
    """A pool's actors in virtual time."""

    def __init__(self, target: int, max_starting: int | None, start_interval: float, lazy: bool) -> None:
        self.desk = a_desk(target=target, lazy=lazy)
        self.clock = VirtualClock()
        self.started: queue.SimpleQueue[Ref] = queue.SimpleQueue()
        self.tree = Tree(
            "pool",
            [
                ChildSpec(id="workers", start=DynamicSupervisor),
                ChildSpec(
                    id="pool",
                    start=PoolActor,
                    args=(self.desk, self._worker, max_starting, math.inf, start_interval),
                    restart=Restart.TRANSIENT,
                ),
            ],
            clock=self.clock,
        )

    def _worker(self, id: str) -> ChildSpec:
        return ChildSpec(id=id, start=Stage, args=(self,), restart=Restart.TEMPORARY)

    def worker(self) -> Ref:
        """Return the next worker that is started."""
        return self.started.get(timeout=30)

    def ready(self, worker: Ref) -> Ref:
        """Let *worker* shake hands."""
        self.desk.ready(worker.incarnation, FakeInterpreter(worker.incarnation).real)
        return worker

    def answer(self) -> None:
        """Let a worker answer a call."""
        lease = Lease(None)
        self.desk.checkout(lease, 10)
        lease.outcome = Outcome.OK
        self.desk.give_back(lease)

    def end(self, worker: Ref, verdict: Verdict | None = Verdict.START_FAILED) -> None:
        """Let *worker* end, without a certificate if *verdict* is None; returns when the pool actor knows."""
        self.settle()  # its init is done before the pool actor watches it; one that ends in between is heard of later
        key = worker.incarnation
        self.desk.gone(key, None if verdict is None else a_certificate(verdict, Phase.IDLE, key))
        worker.exit(crashed("its interpreter ended"), sender=worker)
        assert worker.join(timeout=30) is not None
        self.settle()

    def settle(self) -> None:
        """Return when the pool actor has dealt with all that it was told."""
        actor = self.tree.registry.whereis("pool/pool")
        if actor is not None:
            with suppress(ActorExited):  # it had given up
                cell_of(actor).ask_system(GetStatus(), 30)

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.clock.advance(seconds)
        self.settle()


@contextmanager
def a_house(
    target: int = 1, max_starting: int | None = None, start_interval: float = 0.0, lazy: bool = False
) -> Iterator[House]:
    """Run one."""
    house = House(target, max_starting, start_interval, lazy)
    with house.tree:
        yield house


def test_what_is_missing_is_started_at_once() -> None:
    """As many as there should be; and one in the place of each that ends."""
    with a_house(target=2) as house:
        first, _ = house.worker(), house.worker()
        assert house.started.empty()
        house.end(first)
        assert house.worker().name == first.name


def test_each_decision_names_the_certificate_it_stands_on() -> None:
    """Replaced, held back, given up: each is one event, with the account of the death or deaths behind it."""
    with a_house() as house:
        told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        house.tree.events.subscribe(told.put)
        actor = house.tree.registry.whereis("pool/pool")
        assert actor is not None
        dead = []
        for number in range(GATE_OPENS_AT + MAX_PROBES):
            if number >= GATE_OPENS_AT:
                house.advance(0.5 * 2 ** (number - GATE_OPENS_AT))
            dead.append(house.worker())
            house.end(dead[-1])
        assert actor.join(timeout=30) is not None

    events = [told.get() for _ in range(told.qsize())]
    keys = [worker.incarnation for worker in dead]
    replaced = [event.certificate.incarnation for event in events if isinstance(event, WorkerReplaced)]
    assert replaced == keys[:-1]
    held_back = [event.certificate.incarnation for event in events if isinstance(event, StartsHeldBack)]
    assert held_back == keys[GATE_OPENS_AT - 1 : -1]
    (ended,) = (event for event in events if isinstance(event, PoolEnded))
    assert [certificate.incarnation for certificate in ended.certificates] == keys
    for event in events:
        if isinstance(event, WorkerReplaced | StartsHeldBack):
            assert event.certificate.headline() in event.describe()
    assert ended.certificates[-1].headline() in ended.describe()


def test_so_many_starts_at_once_and_no_more() -> None:
    """Two of five; another one when a start is complete, and when one fails; all five in the end."""
    with a_house(target=5, max_starting=2) as house:
        first, second = house.worker(), house.worker()
        house.settle()
        assert house.started.empty()
        house.ready(first)
        third = house.worker()
        house.settle()
        assert house.started.empty()
        house.end(second)
        fourth = house.worker()
        assert fourth.name == second.name, "the first that is missing"
        for worker in (third, fourth):
            house.ready(worker)
        for worker in (house.worker(), house.worker()):
            house.ready(worker)
        house.settle()
        assert house.started.empty()


@pytest.mark.promise("parallel-start")
def test_batches_of_starts_with_a_pause_between() -> None:
    """Two of five, and no more before the pause is over, though the first ones are up; then the next two, and the last."""
    with a_house(target=5, max_starting=2, start_interval=3.0) as house:
        for batch in (2, 2, 1):
            for worker in [house.worker() for _ in range(batch)]:
                house.ready(worker)
            house.settle()
            house.advance(2.9)
            assert house.started.empty()
            house.advance(0.2)
        house.settle()
        assert house.started.empty()


@pytest.mark.promise("lazy-start")
@pytest.mark.parametrize("how", ["call", "wait"])
def test_a_lazy_pool_starts_nothing_until_somebody_needs_a_worker(how: str) -> None:
    """A call, or a wait for its workers; then all of them are started. A restart of the pool actor does not forget it."""
    with a_house(target=3, lazy=True) as house:
        house.settle()
        house.advance(60)
        assert house.started.empty()
        if how == "call":
            lease = Lease(None)
            with pytest.raises(CallExpired):
                house.desk.enter(lease, 10, 10)
            assert house.started.empty(), "one that was late needs no worker"
            waits = Lease(None)
            waiter = threading.Thread(target=house.desk.enter, args=(waits, 10))
        else:
            waiter = threading.Thread(target=house.desk.wait_ready, args=(math.inf,))
        waiter.start()
        workers = [house.worker() for _ in range(3)]
        assert len({worker.name for worker in workers}) == 3
        for worker in workers:
            house.ready(worker)
        waiter.join()


@pytest.mark.promise("lazy-start")
def test_a_pool_that_is_not_lazy_starts_all() -> None:
    """The twin: nobody needs one, and there they are."""
    with a_house(target=3) as house:
        assert len({house.worker().name for _ in range(3)}) == 3


def test_all_start_at_once_unless_told_otherwise() -> None:
    """The twin: without the option, none waits for another."""
    with a_house(target=5) as house:
        assert len({house.worker().name for _ in range(5)}) == 5


def test_a_complete_start_does_not_open_a_gate_that_holds_back() -> None:
    """A worker that was started before the gate opened shakes hands: the missing one still waits for the probe's time."""
    with a_house(target=GATE_OPENS_AT + 1) as house:
        first, *others = [house.worker() for _ in range(GATE_OPENS_AT + 1)]
        for worker in others:
            house.end(worker)
        for _ in others[:-1]:
            assert house.worker().name != first.name, (
                "those that failed before the gate opened have successors"
            )
        house.ready(first)
        house.settle()
        assert house.started.empty()
        house.advance(10)
        house.worker()


def test_an_answer_closes_the_start_gate() -> None:
    """Two failures, an answer, two failures: never three in a row, so nothing is held back."""
    with a_house() as house:
        for _ in range(GATE_OPENS_AT - 1):
            house.end(house.worker())
        worker = house.ready(house.worker())
        house.answer()
        house.end(worker, Verdict.EXITED)
        for _ in range(GATE_OPENS_AT - 1):
            house.end(house.worker())
        assert house.desk.status().state == "running"
        assert not house.started.empty()


def test_an_answer_counts_once() -> None:
    """One that was given long ago does not forgive the failures since."""
    with a_house() as house:
        worker = house.ready(house.worker())
        house.answer()
        house.end(worker, Verdict.EXITED)
        for _ in range(GATE_OPENS_AT):
            house.end(house.worker())
        assert house.desk.status().state == "cannot start"


@pytest.mark.parametrize(("stood", "forgiven"), [(SETTLED_AFTER, True), (SETTLED_AFTER - 0.1, False)])
def test_a_worker_that_stood_before_it_died_resets_the_failed_starts(stood: float, forgiven: bool) -> None:
    """Ready for five seconds it has proved that workers can start, though no call ever came."""
    with a_house() as house:
        for _ in range(GATE_OPENS_AT - 1):
            house.end(house.worker())
        worker = house.ready(house.worker())
        house.advance(stood)
        house.end(worker, Verdict.EXITED)
        assert (house.desk.status().state == "running") is forgiven
        assert house.started.empty() is not forgiven


def test_a_long_start_is_no_proof() -> None:
    """A worker that took its time and failed has stood for none of it."""
    with a_house() as house:
        for _ in range(GATE_OPENS_AT):
            worker = house.worker()
            house.advance(SETTLED_AFTER)
            house.end(worker, Verdict.START_TIMEOUT)
        assert house.desk.status().state == "cannot start"


def test_a_worker_without_a_bridge_is_tried_again_after_a_while() -> None:
    """It never had a process, so there is no certificate: neither at once, in a circle, nor counted as a failure."""
    with a_house() as house:
        for _ in range(GATE_OPENS_AT + 1):
            house.end(house.worker(), None)
            assert house.started.empty()
            house.advance(NO_BRIDGE_DELAY * 0.99)
            assert house.started.empty()
            house.advance(NO_BRIDGE_DELAY * 0.02)
        assert not house.started.empty()
        assert (house.desk.status().state, house.desk.status().deaths) == ("running", 0)


@pytest.mark.promise("deterministic-clock")
def test_probes_come_one_at_a_time_ever_more_slowly_and_then_no_more() -> None:
    """However many fail at once: three probes, each after twice as long; then the pool has given up, and says why."""
    with a_house(target=10) as house:
        actor = house.tree.registry.whereis("pool/pool")
        assert actor is not None
        for worker in [house.worker() for _ in range(10)]:
            house.end(worker)
        for _ in range(GATE_OPENS_AT - 1):  # these were started before the third failure
            house.end(house.worker())
        for probe in range(MAX_PROBES):
            with pytest.raises(PoolCannotStart):
                house.desk.checkout(Lease(None), 10)
            house.advance(0.5 * 2**probe - 0.1)
            assert house.started.empty()
            house.advance(0.2)
            house.end(house.worker())
            assert house.started.empty()
        with pytest.raises(PoolGaveUp) as caught:
            house.desk.checkout(Lease(None), 10)
        assert len(caught.value.certificates) == 10 + GATE_OPENS_AT - 1 + MAX_PROBES
        reason = actor.join(timeout=30)
        assert isinstance(getattr(reason, "detail", None), PoolGaveUp)


def held_back(house: House) -> Ref:
    """Let workers fail until starts are held back; return the first probe."""
    for _ in range(GATE_OPENS_AT):
        house.end(house.worker())
    for _ in range(house.desk.status().target - 1):  # those that were up when the gate opened
        house.end(house.worker())
    house.advance(0.5)
    return house.worker()


def test_a_probe_whose_start_takes_long_stays_alone() -> None:
    """No other is started beside it; once it was ready for five seconds, the rest is."""
    with a_house(target=2) as house:
        probe = held_back(house)
        for _ in range(20):
            house.advance(1.0)
        assert house.started.empty()
        house.ready(probe)
        for _ in range(4):
            house.advance(1.0)
        assert house.started.empty()
        house.advance(1.0)
        house.worker()
        assert house.started.empty()


def test_a_probe_that_answers_brings_the_rest() -> None:
    """Its first answer is proof enough; it is looked for within seconds."""
    with a_house(target=2) as house:
        house.advance(1.0)
        probe = held_back(house)
        house.advance(SETTLED_AFTER - 1.0)
        house.ready(probe)
        house.answer()
        assert house.started.empty()
        house.advance(1.0)
        house.worker()


def test_a_probe_that_is_killed_from_outside_is_followed_by_another() -> None:
    """It was none that failed: the next one comes no later."""
    with a_house() as house:
        probe = held_back(house)
        house.end(house.ready(probe), Verdict.KILLED_FROM_OUTSIDE)
        house.advance(0.5)
        house.worker()


def test_a_pool_actor_that_is_stopped_closes_the_desk() -> None:
    """In good order: there is no cause to tell of."""
    with a_house() as house:
        house.ready(house.worker())
        terminate_child(house.tree.root, "pool")
        assert house.desk.status().state == "stopping"
        with pytest.raises(PoolNotRunning) as caught:
            house.desk.checkout(Lease(None), 10)
        assert caught.value.cause is None


def test_a_kill_from_outside_is_made_good_at_once_however_often() -> None:
    """It says nothing about whether workers can start."""
    with a_house() as house:
        for _ in range(GATE_OPENS_AT + MAX_PROBES):
            house.end(house.worker(), Verdict.KILLED_FROM_OUTSIDE)
        assert not house.started.empty()
        assert house.desk.status().deaths == GATE_OPENS_AT + MAX_PROBES
