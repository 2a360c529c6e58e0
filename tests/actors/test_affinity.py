"""Sessions and the workers they are bound to, without a pool."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from strikes import Strike, Struck

import actors.affinity
from actors.affinity import Affinity


def bound(affinity: Affinity, session: str, worker: int, now: float = 0.0) -> None:
    affinity.touch(session, now)
    affinity.bind(session, worker)


def test_binding_lasts_until_the_worker_is_gone() -> None:
    """A session stays with its worker; when that is gone it is lost, and only its own sessions are."""
    affinity = Affinity(ttl=math.inf)
    bound(affinity, "a", 1)
    bound(affinity, "b", 2)

    assert affinity.worker_gone(1) == {"a"}

    assert (affinity.touch("a", 0).worker, affinity.touch("a", 0).lost) == (None, 1)
    assert (affinity.touch("b", 0).worker, affinity.touch("b", 0).lost) == (2, None)


def test_rebind_makes_a_lost_session_new_and_counts_a_move() -> None:
    """After rebind the session may be bound anew, and the move is counted."""
    affinity = Affinity(ttl=math.inf)
    bound(affinity, "a", 1)
    affinity.worker_gone(1)

    affinity.rebind("a", now=1.0)

    binding = affinity.touch("a", 1.0)
    assert (binding.lost, binding.worker, binding.moves) == (None, None, 1)


def test_session_expires_after_its_ttl_without_a_sweep() -> None:
    """Not used for longer than the ttl, a session is expired at its next use; used in between, it is not."""
    affinity = Affinity(ttl=10.0)
    bound(affinity, "idle", 1, now=0.0)
    bound(affinity, "used", 1, now=0.0)
    affinity.touch("used", 10.0)

    assert not affinity.touch("used", 20.0).expired
    assert affinity.touch("idle", 10.1).expired
    assert affinity.load(1) == 1


def test_sweep_expires_and_later_forgets() -> None:
    """A sweep marks what is too old, and forgets it after another ttl, so that nothing grows for ever."""
    affinity = Affinity(ttl=10.0)
    bound(affinity, "a", 1, now=0.0)

    assert (affinity.sweep(10.0), affinity.sweep(10.1), affinity.sweep(10.2)) == (0, 1, 0)
    assert affinity.touch("a", 15.0).expired
    affinity.sweep(20.1)
    assert len(affinity) == 0


def test_each_session_may_have_a_time_of_its_own() -> None:
    """Given at its first use or a later one; swept in its own time, whatever the others' is."""
    affinity = Affinity(ttl=math.inf)
    for session, ttl in (("short", 5.0), ("long", 50.0), ("ever", None)):
        affinity.touch(session, 0.0, ttl)
        affinity.bind(session, 1)

    assert (affinity.sweep(5.0), affinity.sweep(5.1), affinity.sweep(10.1)) == (0, 1, 0)
    assert [*affinity.sessions(10.1)] == ["long", "ever"]
    affinity.touch("long", 20.0, 1.0)
    assert (affinity.sweep(21.0), affinity.sweep(21.1)) == (0, 1)
    affinity.rebind("long", 22.0, 2.0)
    assert (affinity.sweep(24.0), affinity.sweep(24.1)) == (0, 1)
    affinity.touch("ever", 30.0, 3.0)
    assert affinity.statistics(33.1) == {"bound": 0, "expired": 1, "lost": 0}


def test_in_use_it_does_not_expire_and_after_that_it_does() -> None:
    """A call that takes longer than the time to live ends it no more than a sweep that comes meanwhile."""
    affinity = Affinity(ttl=10.0)
    binding = affinity.touch("a", 0.0)
    binding.users += 1
    assert affinity.sweep(100.0) == 0
    affinity.release(binding, 100.0)
    assert (affinity.sweep(110.0), affinity.sweep(110.1)) == (0, 1)


def test_what_is_to_be_looked_at_does_not_grow_with_what_was() -> None:
    """Of sessions that begin and end, and of times that are given anew, nothing is kept."""
    affinity = Affinity(ttl=1000.0)
    for number in range(5000):
        affinity.touch(f"{number}", 0.0)
        affinity.touch("same", 0.0, 100.0 + number)
        affinity.end(f"{number}")
    assert len(affinity._agenda) < 200


def test_end_forgets_and_frees_the_worker() -> None:
    """An ended session is not known any more, and its worker carries one less."""
    affinity = Affinity(ttl=math.inf)
    bound(affinity, "a", 1)
    affinity.end("a")
    affinity.end("never known")
    assert (len(affinity), affinity.load(1)) == (0, 0)


#: What is done to session "a" of worker 1, and what may be known of it then: its worker, the lost one, expired.
CUT_OFF: dict[str, tuple[Callable[[Affinity], object], set[tuple[int | None, int | None, bool]]]] = {
    "expire": (lambda affinity: affinity.touch("a", 10.1), {(1, None, False), (None, None, True)}),
    "sweep": (lambda affinity: affinity.sweep(10.1), {(1, None, False), (None, None, True)}),
    "gone": (lambda affinity: affinity.worker_gone(1), {(1, None, False), (None, 1, False)}),
    "rebind": (lambda affinity: affinity.rebind("a", 1.0), {(1, None, False), (None, None, False)}),
}


@pytest.mark.parametrize("case", list(CUT_OFF))
def test_what_was_cut_off_is_mended(case: str) -> None:
    """An exception at any line: after a mend it was done or it was not, and the loads agree with the bindings."""
    act, possible = CUT_OFF[case]
    for number in itertools.count(1):
        affinity = Affinity(ttl=10.0)
        bound(affinity, "a", 1)
        strike = Strike(number, (actors.affinity,))
        try:
            with strike.on():
                act(affinity)
        except Struck:
            pass
        affinity.mend(alive={1})
        binding = affinity.touch("a", 9.0)
        assert (binding.worker, binding.lost, binding.expired) in possible, strike.struck
        assert affinity.load(1) == (binding.worker == 1), strike.struck
        if not strike.struck:
            break
    assert number > 3


def test_a_mend_loses_the_sessions_of_workers_that_are_gone() -> None:
    """A worker that nobody knows any more holds no session."""
    affinity = Affinity(ttl=math.inf)
    bound(affinity, "a", 1)
    bound(affinity, "b", 2)
    affinity.mend(alive={2})
    assert (affinity.lost_worker_of("a"), affinity.worker_of("a")) == (1, None)
    assert (affinity.lost_worker_of("b"), affinity.worker_of("b")) == (None, 2)
