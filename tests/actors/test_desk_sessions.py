"""Sessions at the desk: their modes, the first binding, and the three ways in which one has no worker."""

from __future__ import annotations

import math

import pytest
from desk_house import FakeInterpreter, Parked, ScriptedClock, a_certificate, a_desk

from actors.desk import Desk
from actors.errors import PoolError, SessionBusy, SessionExpired, SessionLost, SessionNotBound
from actors.lease import Lease
from actors.pool import Pool
from actors.session_affinity import SessionAffinity
from actors.ticket import SessionMode
from supervision import ChildSpec, Tree, VirtualClock, sys

HINT, QUEUE, FAIL_FAST = SessionMode.HINT, SessionMode.STRICT_QUEUE, SessionMode.STRICT_FAIL_FAST


def open_desk(*keys: int, affinity: bool = True) -> tuple[Desk, ScriptedClock]:
    """Return a desk with the workers *keys*, whose sessions live 100 s, and its clock."""
    desk, clock = a_desk(target=len(keys), affinity=affinity, ttl=100.0), ScriptedClock()
    desk.open(clock)
    for key in keys:
        desk.expect(key, f"w{key}")
        desk.ready(key, FakeInterpreter(key).real)
    return desk, clock


def take(desk: Desk, session: str | None, mode: SessionMode = QUEUE) -> Lease:
    """Return a lease that holds a worker."""
    lease = Lease(session, mode=mode)
    desk.checkout(lease, 1000)
    return lease


def queue(desk: Desk, session: str | None, mode: SessionMode = QUEUE) -> Lease:
    """Return a lease that waits."""
    lease = Lease(session, mode=mode)
    with pytest.raises(Parked):
        desk.checkout(lease, 1000)
    return lease


def use(desk: Desk, session: str) -> None:
    """Make a call of *session*."""
    desk.give_back(take(desk, session))


@pytest.mark.promise("affinity-modes")
def test_a_hint_goes_elsewhere_when_its_worker_is_busy() -> None:
    """And to its worker when that is free; both are counted."""
    desk, _ = open_desk(1, 2)
    held = take(desk, "s")
    elsewhere = take(desk, "s", HINT)
    assert elsewhere.ticket.key == 2
    for lease in (held, elsewhere):
        desk.give_back(lease)
    back = take(desk, "s", HINT)
    assert back.ticket.key == 1
    desk.give_back(back)
    affinity = desk.status().affinity
    assert (affinity["hits"], affinity["misses"], affinity["bound"]) == (1, 1, 1)


@pytest.mark.promise("affinity-modes")
def test_a_hint_does_without_a_worker_that_died() -> None:
    """It is bound to another, and nobody tells that anything was lost; a strict one is told."""
    desk, _ = open_desk(1, 2)
    use(desk, "s")
    desk.gone(1, a_certificate())
    strict = Lease("s")
    with pytest.raises(SessionLost):
        desk.checkout(strict, 10)
    desk.give_back(take(desk, "s", HINT))
    assert desk.worker_of("s") == 2


@pytest.mark.promise("affinity-modes")
def test_a_strict_session_waits_or_fails_fast() -> None:
    """For its worker, however many others are free; or is told at once."""
    desk, _ = open_desk(1, 2)
    held = take(desk, "s")
    waits = queue(desk, "s")
    with pytest.raises(SessionBusy, match="strict_queue"):
        take(desk, "s", FAIL_FAST)
    desk.give_back(held)
    assert waits.ticket.key == 1


@pytest.mark.promise("first-binding-atomic")
def test_the_first_grant_of_a_session_binds_all_that_wait() -> None:
    """Those that queue wait for that worker, those that would not wait are told, and hints take any."""
    desk, _ = open_desk(1, 2)
    first, second = take(desk, None), take(desk, None)
    binds, strict, fast, hint = (
        queue(desk, "s"), queue(desk, "s"), queue(desk, "s", FAIL_FAST), queue(desk, "s", HINT),
    )  # fmt: skip
    desk.give_back(first)
    assert binds.ticket.key == 1
    assert isinstance(fast.refusal, SessionBusy)
    assert not fast.gate.locked()
    desk.give_back(second)
    assert (strict.ticket.key, hint.ticket.key) == (None, 2)
    desk.give_back(binds)
    assert strict.ticket.key == 1


def test_a_new_session_goes_where_the_fewest_live() -> None:
    """Although another worker has been free for longer; a session that ended does not count."""
    desk, _ = open_desk(1, 2, 3)
    use(desk, "a")
    for _ in range(2):
        desk.give_back(take(desk, None))
    use(desk, "b")
    assert (desk.worker_of("a"), desk.worker_of("b")) == (1, 2)
    desk.end_session("a")
    for _ in range(2):
        desk.give_back(take(desk, None))
    use(desk, "c")
    use(desk, "d")
    assert {desk.worker_of("c"), desk.worker_of("d")} == {1, 3}


def why_unbound(desk: Desk, session: str) -> type[PoolError]:
    """Return the error that says why *session* has no worker."""
    with pytest.raises(PoolError) as caught:
        desk.worker_of(session)
    return type(caught.value)


@pytest.mark.promise("deterministic-clock")
@pytest.mark.promise("expired-unbound-lost-differ")
@pytest.mark.promise("expiry-told-apart")
@pytest.mark.parametrize("swept", [True, False], ids=["swept", "not swept"])
def test_expired_never_bound_and_lost_are_three_errors(swept: bool) -> None:
    """Before a sweep and after it; what expired is forgotten after as long again."""
    desk, clock = open_desk(1, 2)
    use(desk, "old")
    clock.time = 50.0
    use(desk, "lost")
    lost = desk.worker_of("lost")
    desk.gone(lost, a_certificate(key=lost))
    clock.time = 100.1
    if swept:
        desk.sweep()
    assert why_unbound(desk, "old") is SessionExpired
    assert why_unbound(desk, "lost") is SessionLost
    assert why_unbound(desk, "never") is SessionNotBound
    clock.time = 200.1
    if swept:
        desk.sweep()
    assert why_unbound(desk, "old") is SessionNotBound
    assert why_unbound(desk, "lost") is SessionExpired


@pytest.mark.promise("expired-unbound-lost-differ")
def test_a_session_in_use_does_not_expire() -> None:
    """However long its call takes, or waits; its time begins when that ends."""
    desk, clock = open_desk(1)
    lease = take(desk, "s")
    clock.time = 500.0
    assert desk.sweep() == 0
    assert desk.worker_of("s") == 1
    desk.give_back(lease)
    clock.time = 600.0
    assert desk.worker_of("s") == 1
    clock.time = 600.1
    assert why_unbound(desk, "s") is SessionExpired


@pytest.mark.promise("sessions-tracked-unbound")
@pytest.mark.parametrize("affinity", [True, False], ids=["bound", "unbound"])
def test_sessions_are_listed_touched_counted_and_ended(affinity: bool) -> None:
    """Whether or not the pool binds them to workers."""
    desk, clock = open_desk(1, affinity=affinity)
    use(desk, "a")
    use(desk, "b")
    held = take(desk, "a")
    clock.time = 60.0
    desk.touch_session("b")
    found = {each.id: (each.calls, each.running, each.idle, each.age) for each in desk.sessions()}
    assert found == {"a": (2, 1, 0.0, 60.0), "b": (1, 0, 0.0, 60.0)}
    assert {each.state for each in desk.sessions()} == {"bound" if affinity else "unbound"}
    desk.give_back(held)
    desk.end_session("a")
    assert [each.id for each in desk.sessions()] == ["b"]
    clock.time = 160.1
    with pytest.raises(SessionExpired):
        desk.touch_session("b")
    assert desk.sessions()[0].state == "expired"


@pytest.mark.promise("no-affinity-in-basic-pools")
@pytest.mark.promise("affinity-statistics")
def test_affinity_is_counted_where_there_is_any() -> None:
    """For each pool by itself, by its own time to live; nothing at all where sessions are not bound."""
    desk, clock = open_desk(1, 2)
    basic, _ = open_desk(1, affinity=False)
    use(desk, "a")
    use(desk, "b")
    use(desk, "b")
    use(basic, "a")
    desk.gone(desk.worker_of("a"), a_certificate())
    assert dict(desk.status().affinity) == {"bound": 1, "expired": 0, "lost": 1, "hits": 1, "misses": 0}
    clock.time = 100.1
    before = dict(desk.status().affinity)
    desk.sweep()
    assert dict(desk.status().affinity) == before
    assert (before["bound"], before["expired"], before["lost"]) == (0, 2, 0)
    assert basic.status().affinity == {}


@pytest.mark.promise("expiry-told-apart")
def test_a_handle_gives_its_session_a_time_to_live() -> None:
    """From its next use on, by a call or a touch; without one, a session keeps what it has, or has the pool's."""
    pool, clock = Pool(workers=1, session_ttl=100.0), ScriptedClock()
    pool.desk.open(clock)
    pool.desk.expect(1, "w1")
    pool.desk.ready(1, FakeInterpreter(1).real)
    short, same = pool.session("s", ttl=5.0), pool.session("s")

    assert short.call(abs, -1) == "answer"
    clock.time = 4.0
    assert same.call(abs, -1) == "answer"
    clock.time = 9.1
    with pytest.raises(SessionExpired) as caught:
        same.call(abs, -1)
    assert caught.value.ttl == 5.0
    assert "5 s" in str(caught.value)

    pool.session("s", ttl=50.0).rebind()
    assert same.call(abs, -1) == "answer"
    clock.time = 59.0
    pool.session("s", ttl=1.0).touch()
    clock.time = 60.1
    with pytest.raises(SessionExpired):
        same.worker()
    for other in ("t", "u"):
        pool.session(other).touch()
    clock.time = 160.2
    with pytest.raises(SessionExpired):
        pool.session("t").touch()


@pytest.mark.promise("options-validated")
@pytest.mark.parametrize("ttl", [0, -1, True, "5", float("nan")])
def test_a_time_to_live_is_above_0(ttl: float) -> None:
    """What is none is refused where it is given."""
    with pytest.raises(ValueError, match=r"ttl .*: expected seconds > 0"):
        Pool(workers=1).session("s", ttl=ttl)


def test_what_has_expired_is_forgotten_though_the_pools_sessions_never_do(tree: Tree) -> None:
    """A session of its own time is swept within a minute after it is to be forgotten, without anybody asking."""
    clock = tree.clock
    assert isinstance(clock, VirtualClock)
    desk = a_desk(ttl=math.inf)
    desk.open(clock)
    desk.touch_session("s", 5.0)
    ref = tree.start_child(ChildSpec(id="sessions", start=SessionAffinity, args=(desk, math.inf)))
    assert ref is not None
    known = desk._books.sessions.affinity  # without a look at it, which sweeps, too

    clock.advance(59.0)
    sys.get_state(ref)
    assert len(known) == 1
    clock.advance(1.0)
    sys.get_state(ref)
    assert len(known) == 0
