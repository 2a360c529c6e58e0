"""An exception at every line of a call: nobody keeps a worker, nothing is counted twice, nobody who waits is forgotten."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pool_functions as work
import pytest
from desk_house import FakeInterpreter, Parked, ScriptedClock, a_certificate, a_desk, do_not_wait
from strikes import Strike, Struck, unstruck

from actors import Pool, PoolError
from actors.desk import Desk
from actors.errors import CallExpired, PoolCannotStart, PoolGaveUp, SessionLost
from actors.lease import Lease
from bridge.errors import WorkerDied


class House:
    """A pool of one worker that has no process; its desk is fed by hand. Of several threads, all but one are taken."""

    def __init__(self, *, session: str, threads: int = 1) -> None:
        self.pool = Pool(workers=1, threads=threads)
        self.threads = threads
        self.desk = self.pool.desk
        self.clock = ScriptedClock()
        self.desk.open(self.clock)
        self.keys = itertools.count(1)
        self.worker = FakeInterpreter()
        self.call: Callable[..., Any] = self.pool.call if session == "none" else self.pool.session("s").call
        self.others = 0  #: requests besides the one that is struck
        self.start()
        if session == "bound":
            self.call(work.pid)
            self.others += 1
        self.neighbours = [self.hold() for _ in range(threads - 1)]

    def let_go(self) -> None:
        """Let those beside the one that is struck come to their end."""
        for lease in self.neighbours:
            self.desk.give_back(lease)

    def start(self) -> None:
        """Bring a worker up."""
        self.key = next(self.keys)
        self.worker = FakeInterpreter(self.key, self.threads)
        self.desk.expect(self.key, "w")
        self.desk.ready(self.key, self.worker.real)

    def bury(self) -> None:
        """Do for a worker that was killed what its actor and the pool's do."""
        self.desk.gone(self.key, a_certificate(key=self.key))
        self.start()

    def hold(self) -> Lease:
        """Let another caller have the worker."""
        lease = Lease(None)
        with unstruck():
            self.desk.checkout(lease, 10)
        self.others += 1
        return lease


def answers(house: House) -> None:
    """A free worker answers."""
    assert house.call(work.pid) == "answer"


def raises(house: House) -> None:
    """The function raises."""

    def fail() -> None:
        raise ValueError

    house.worker.channel.behave = fail
    with pytest.raises(ValueError):  # noqa: PT011 it is ours
        house.call(work.pid)


def dies(house: House) -> None:
    """The worker dies under the call."""

    def die() -> None:
        house.worker.channel.clean = False
        raise WorkerDied(a_certificate(), started=True)

    house.worker.channel.behave = die
    with pytest.raises(WorkerDied):
        house.call(work.pid)


def is_granted_late(house: House) -> None:
    """The caller waits, and is granted the worker that another gives back."""
    other = house.hold()

    def give_back(gate: threading.Lock, _: float) -> bool:
        with unstruck():
            house.desk.give_back(other)
        return gate.acquire(blocking=False)

    house.clock.wait = give_back
    try:
        answers(house)
    finally:
        with unstruck():
            house.desk.give_back(other)


def waits_in_vain(house: House) -> None:
    """The caller's time is over before the worker is free."""
    other = house.hold()
    house.clock.wait = do_not_wait
    try:
        with pytest.raises(CallExpired):
            house.call(work.pid)
    finally:
        with unstruck():
            house.desk.give_back(other)


def is_refused(house: House) -> None:
    """The desk is closed."""
    with unstruck():
        house.desk.close("stopping")
    try:
        with pytest.raises(PoolError):
            house.call(work.pid)
    finally:
        with unstruck():
            house.desk.open(house.clock)


def hands_over(house: House) -> None:
    """Another caller waits for the worker, and is granted it by the end of the call, before anybody asks the desk."""
    other = Lease(None)

    def queue() -> str:
        with unstruck(), pytest.raises(Parked):
            house.desk.checkout(other, 10)
        house.others += 1
        return "answer"

    house.worker.channel.behave = queue
    try:
        house.call(work.pid)
    finally:
        with unstruck():
            if other.ticket.number:
                assert other.gate.acquire(blocking=False), "who waits is forgotten"
                assert other.interpreter is house.worker.real
            house.desk.give_back(other)


SCENES = [answers, raises, dies, is_granted_late, waits_in_vain, is_refused, hands_over]


def at_every_line(
    build: Callable[[], House], scene: Callable[[House], None]
) -> Iterator[tuple[House, Strike]]:
    """Run *scene* struck at its first line, at its second, and so on, until it passes untouched."""
    for number in itertools.count(1):
        house = build()
        strike = Strike(number)
        try:
            with strike.on():
                scene(house)
        except Struck:
            pass
        yield house, strike
        if not strike.struck:
            return


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
@pytest.mark.parametrize("session", ["none", "new", "bound"])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_at_any_line_costs_no_worker_and_no_count(
    scene: Callable[[House], None], session: str, threads: int
) -> None:
    """Wherever it strikes: nobody holds a worker, requests add up, and the next call is answered."""
    strikes = 0
    for house, strike in at_every_line(lambda: House(session=session, threads=threads), scene):
        where = strike.struck
        house.let_go()
        house.clock.wait = do_not_wait
        house.worker.channel.behave = lambda: "answer"
        status = house.desk.status()
        ended = status.ok + status.errors + status.timeouts + status.rejected + status.cancelled
        assert status.requests == ended, where
        assert ended - house.others in ((0, 1) if where else (1,)), where
        assert status.waiting == 0, where
        assert house.desk.drain(0), where
        if not house.worker.channel.clean:
            assert house.worker.killed, where
            house.bury()
        house.pool.session("s").rebind()
        assert [worker.state for worker in house.desk.status().workers] == ["ready"], where
        assert house.call(work.pid) == "answer", where
        assert house.desk.status().requests == ended + 1, where
        strikes += 1
    assert strikes > 20


def test_an_interrupt_at_any_line_of_a_real_call(no_leaks: None) -> None:
    """The same with a real interpreter process: it answers the next call, or another in its place does."""
    with Pool(workers=1) as pool:
        session = pool.session("s")
        first = session.call(work.pid)
        for number in itertools.count(1):
            strike = Strike(number)
            try:
                with strike.on():
                    session.call(work.pid)
            except Struck:
                pass
            assert pool.call(work.pid) == first, strike.struck
            status = pool.status()
            parts = (
                status.ok, status.errors, status.timeouts, status.rejected, status.cancelled
            )  # fmt: skip
            assert status.requests == sum(parts), strike.struck
            assert status.deaths == 0
            if not strike.struck:
                break
    assert number > 20


def test_another_end_before_the_struck_one_is_finished_counts_both() -> None:
    """Between an interrupted end of a call and its repetition the desk serves others, whose calls end alike."""
    for number in itertools.count(1):
        desk, leases = a_busy_desk()
        strike = Strike(number)
        try:
            with strike.on():
                desk.give_back(leases[0])
        except Struck:
            pass
        desk.give_back(leases[2])
        desk.give_back(leases[0])
        status = desk.status()
        assert (status.cancelled, status.requests) == (2, 3), strike.struck
        if not strike.struck:
            break
    assert number > 10


def test_a_session_whose_first_call_was_struck_does_not_wait_for_a_worker_that_is_gone() -> None:
    """However far it was bound: when that worker is gone, it is lost, or free for any other; it is not kept waiting."""
    lost = 0
    for number in itertools.count(1):
        desk = a_desk()
        desk.open(ScriptedClock())
        desk.expect(1, "w")
        desk.ready(1, FakeInterpreter(1).real)
        lease, strike = Lease("s"), Strike(number)
        try:
            with strike.on():
                desk.checkout(lease, 10)
        except Struck:
            pass
        desk.give_back(lease)
        desk.gone(1, a_certificate())
        desk.expect(2, "w")
        desk.ready(2, FakeInterpreter(2).real)
        try:
            desk.checkout(Lease("s"), 10)
        except SessionLost:
            lost += 1
        except Parked:
            pytest.fail(f"it waits for ever: {strike.struck}")
        if not strike.struck:
            break
    assert 0 < lost < number


#: What the pool's actors tell the desk, and what callers ask besides calls.
NEWS: dict[str, Callable[[Desk], object]] = {
    "expect": lambda desk: desk.expect(3, "w3"),
    "ready": lambda desk: desk.ready(2, FakeInterpreter(2).real),
    "retire": lambda desk: desk.retire(1),
    "gone": lambda desk: desk.gone(1, a_certificate()),
    "stillborn": lambda desk: desk.gone(1, None),
    "close": lambda desk: desk.close("stopping"),
    "gave_up": lambda desk: desk.gave_up(PoolGaveUp("pool", [a_certificate()])),
    "hold_back": lambda desk: desk.hold_back(PoolCannotStart("pool", a_certificate())),
    "rebind": lambda desk: desk.rebind("s"),
    "end_session": lambda desk: desk.end_session("s"),
    "sweep": lambda desk: desk.sweep(),
    "status": lambda desk: desk.status(),
}


def a_picture(desk: Desk, leases: list[Lease]) -> tuple[object, ...]:
    """Return all that can be seen of *desk*, and of the first lease, which holds a worker, and those that wait."""
    status = desk.status()
    told = [not lease.gate.locked() for lease in leases[1:]]
    return (
        attrs.evolve(status, certificates=()),
        len(status.certificates),
        *((lease.ticket.key, type(lease.refusal)) for lease in leases),
        *told,
    )


def a_busy_desk() -> tuple[Desk, list[Lease]]:
    """Return a desk whose one worker is held by a session, for which one more call waits, as does one for anybody."""
    desk, clock = a_desk(target=2), ScriptedClock()
    desk.open(clock)
    desk.expect(1, "w1")
    desk.ready(1, FakeInterpreter(1).real)
    desk.expect(2, "w2")
    leases = [Lease("s"), Lease("s"), Lease(None)]
    desk.checkout(leases[0], 1000)
    for lease in leases[1:]:
        with pytest.raises(Parked):
            desk.checkout(lease, 1000)
    desk.touch_session("nobody uses it")
    clock.time = 200.0
    return desk, leases


@pytest.mark.parametrize("news", list(NEWS))
def test_news_are_applied_whole_or_not_at_all(news: str) -> None:
    """Wherever it strikes, what is seen afterwards is what was before, or what it would have been without the strike."""
    desk, leases = a_busy_desk()
    before = a_picture(desk, leases)
    NEWS[news](desk)
    after = a_picture(desk, leases)
    for number in itertools.count(1):
        desk, leases = a_busy_desk()
        strike = Strike(number)
        try:
            with strike.on():
                NEWS[news](desk)
        except Struck:
            pass
        assert a_picture(desk, leases) in (before, after), strike.struck
        if not strike.struck:
            break
    assert number > 5


def test_who_was_refused_by_a_close_that_was_cut_off_stands_in_no_queue() -> None:
    """Given back after that, they leave the queue of those who came later alone."""
    for number in itertools.count(1):
        desk, leases = a_busy_desk()
        strike = Strike(number)
        try:
            with strike.on():
                desk.close("stopping")
        except Struck:
            pass
        desk.open(ScriptedClock())
        later = Lease()
        with pytest.raises(Parked):
            desk.checkout(later, 1000)
        waiting = sum(lease.refusal is None for lease in leases[1:])
        assert desk.status().waiting == waiting + 1, strike.struck
        for lease in leases[1:]:
            desk.give_back(lease)
        assert desk.status().waiting == 1, strike.struck
        if not strike.struck:
            break
    assert number > 5
