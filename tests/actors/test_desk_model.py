"""Random histories of a desk beside a plain model, which says who gets which worker and what is counted."""

from __future__ import annotations

from desk_house import FakeInterpreter, Parked, ScriptedClock, a_certificate, a_desk, stand_in
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scheduler_model import Model, Request, Worker

from actors.errors import PoolError
from actors.lease import Lease
from actors.ledger import AttemptEnd, Outcome
from actors.ticket import SessionMode, WhenFull

#: How calls end that had a worker.
ENDS = [Outcome.OK, Outcome.ERROR, Outcome.TIMEOUT, Outcome.CANCELLED, Outcome.LOST]


class DeskBesideModel(RuleBasedStateMachine):
    """After each step the desk is what the model says: every grant, every refusal, every state and every count."""

    @initialize(max_queue=st.integers(0, 3), when_full=st.sampled_from(WhenFull), lanes=st.integers(1, 3))
    def begin(self, max_queue: int, when_full: WhenFull, lanes: int) -> None:
        self.clock = ScriptedClock()
        self.lanes = lanes
        self.desk = a_desk(target=3, max_queue=max_queue, ttl=1e9, when_full=when_full, threads=lanes)
        self.desk.open(self.clock)
        self.model = Model(max_queue=max_queue, when_full=when_full, lanes=lanes)
        self.pairs: list[tuple[Lease, Request]] = []
        self.keys = 0
        for _ in range(3):
            self.start(overflow=False, ready=True)

    @rule(overflow=st.booleans(), ready=st.booleans())
    def start(self, overflow: bool, ready: bool) -> None:
        self.keys += 1
        self.desk.expect(self.keys, f"w{self.keys}", overflow=overflow)
        self.model.expire()
        worker = self.model.workers[self.keys] = Worker(self.keys, overflow)
        if ready:
            self.shake_hands(worker)

    @rule(data=st.data())
    def shakes_hands_late(self, data: st.DataObject) -> None:
        starting = [each for each in self.model.workers.values() if each.state == "initializing"]
        if starting:
            self.shake_hands(data.draw(st.sampled_from(starting)))

    def shake_hands(self, worker: Worker) -> None:
        self.desk.ready(worker.key, FakeInterpreter(worker.key, self.lanes).real)
        self.model.expire()
        worker.healthy = True
        self.model.free(worker)

    @rule(
        session=st.none() | st.sampled_from("abcd"),
        mode=st.sampled_from(SessionMode),
        priority=st.integers(-1, 1),
        timeout=st.sampled_from([2.0, 5.0, 1000.0]),
    )
    def arrive(self, session: str | None, mode: SessionMode, priority: int, timeout: float) -> None:
        lease = Lease(session, mode=mode, priority=priority)
        request = Request(self.model.requests, session, mode, priority, self.clock.time + timeout)
        self.pairs.append((lease, request))
        self.model.arrive(request)
        try:
            self.desk.checkout(lease, timeout)
            assert request.worker is not None
        except Parked:
            assert request in self.model.waiting
        except PoolError:
            assert request.outcome == "rejected"

    @rule(data=st.data(), end=st.sampled_from(ENDS), sent=st.booleans(), clean=st.booleans())
    def end(self, data: st.DataObject, end: Outcome, sent: bool, clean: bool) -> None:
        if not self.pairs:
            return
        lease, request = self.pairs.pop(data.draw(st.integers(0, len(self.pairs) - 1)))
        # What comes of a call is known only if it was sent.
        end = end if sent and request.worker is not None else Outcome.CANCELLED
        if lease.interpreter is not None:
            stand_in(lease.interpreter).channels[lease.ticket.lane].clean = clean
        if lease.refusal is None:
            lease.outcome = end
        lease.dispatched = request.sent = sent
        self.model.expire()
        outcome = {Outcome.LOST: "lost"}.get(end, end.value)
        self.desk.give_back(lease)
        self.model.end(request, outcome, clean=clean)

    @rule(data=st.data(), what=st.sampled_from(["gone", "retire", "well", "ill", "ill"]))
    def worker_news(self, data: st.DataObject, what: str) -> None:
        if not self.model.workers:
            return
        worker = data.draw(st.sampled_from(sorted(self.model.workers.values(), key=lambda each: each.key)))
        if what == "gone":
            self.desk.gone(worker.key, a_certificate(key=worker.key))
            self.model.gone(worker.key)
        elif what == "retire":
            self.desk.retire(worker.key)
            self.model.expire()
            worker.state = "terminating"
        else:
            self.model.check(worker, healthy=what == "well")
            assert self.desk.checked(worker.key, what == "well") == (
                what == "ill" and worker.failed_checks >= 3
            )

    @rule(seconds=st.sampled_from([1.0, 3.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.clock.time += seconds
        self.model.now = self.clock.time

    @rule(session=st.sampled_from("abcd"))
    def rebind(self, session: str) -> None:
        self.desk.rebind(session)
        self.model.rebind(session)

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        status = self.desk.status()
        self.model.expire()
        for lease, request in self.pairs:
            assert lease.ticket.key == request.worker
            assert (lease.refusal is not None) == (request.outcome is not None)
            if request.outcome is not None:
                assert lease.outcome.value == request.outcome
        held = [(lease.ticket.key, lease.ticket.lane) for lease, _ in self.pairs if lease.ticket.key]
        assert len({*held}) == len(held), "two calls in one lane"
        assert status.waiting == len(self.model.waiting)
        states = {each.incarnation: each.state for each in status.workers}
        assert states == {each.key: each.state for each in self.model.workers.values()}

    @invariant()
    def every_figure_is_the_models(self) -> None:
        status, counts = self.desk.status(), self.model.counts
        assert status.requests == self.model.requests
        assert (status.ok, status.errors, status.lost) == (
            counts["ok"],
            counts["errors"] + counts["lost"],
            counts["lost"],
        )
        assert (status.timeouts, status.rejected, status.cancelled) == (
            counts["timeouts"],
            counts["rejected"],
            counts["cancelled"],
        )
        ended = status.ok + status.errors + status.timeouts + status.rejected + status.cancelled
        assert status.requests == ended + len(self.pairs)

    @invariant()
    def every_attempt_is_counted_once(self) -> None:
        status = self.desk.status()
        held = sum(request.worker is not None for _, request in self.pairs)
        assert status.attempts == self.model.granted == sum(self.model.attempts.values()) + held
        assert status.given_back == self.model.attempts["given_back"]
        for each in status.workers:
            parts = sum(getattr(each, end.value) for end in AttemptEnd)
            assert each.attempts == parts + sum(
                request.worker == each.incarnation for _, request in self.pairs
            )


TestDeskBesideModel = DeskBesideModel.TestCase
TestDeskBesideModel.settings = settings(max_examples=150, stateful_step_count=40)
