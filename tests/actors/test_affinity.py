"""Sessions and the workers they are bound to, without a pool."""

from __future__ import annotations

import math

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


def test_end_forgets_and_frees_the_worker() -> None:
    """An ended session is not known any more, and its worker carries one less."""
    affinity = Affinity(ttl=math.inf)
    bound(affinity, "a", 1)
    affinity.end("a")
    affinity.end("never known")
    assert (len(affinity), affinity.load(1)) == (0, 0)
