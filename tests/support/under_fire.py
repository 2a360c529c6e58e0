"""The rule that the soak and its short form hold: calls under fire all end, once each, and leave nothing behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from fire import Fire, Outcome, Quantities, children

from actors import Pool

__all__ = ["under_fire"]

#: Seconds for the last corpses to be buried and their successors to be ready.
_PATIENCE = 60.0


def under_fire(*, calls: int, workers: int, callers: int, every: float, seed: int, growth: int) -> Outcome:
    """Run *calls* under fire, and check; return what became of them.

    Args:
        calls: How many, after a tenth as many more, which warm the process up.
        workers: Of the pool.
        callers: Threads.
        every: Seconds between two kills, on average.
        seed: Of the lengths and the kills.
        growth: Bytes that this process may grow by.

    Raises:
        AssertionError: If a call ended in a way that no call may, or something is left.
    """
    # Such as the resource tracker of multiprocessing, which an earlier test may have left to this process.
    others = children()
    with Pool(workers=workers, name="fire") as pool:
        warm = Fire(pool, calls=calls // 10, callers=callers, every=every, seed=-seed).run()
        before = _settled(pool, workers, warm.kills, None, others)
        memory = _resident()

        outcome = Fire(pool, calls=calls, callers=callers, every=every, seed=seed).run()

        after = _settled(pool, workers, warm.kills + outcome.kills, before, others)
        status = pool.status()
        assert not outcome.wrong, outcome.wrong[:5]
        assert outcome.ends.total() == calls
        assert set(outcome.ends) == {"result", "WorkerDied"}
        assert status.requests == calls + calls // 10 == status.ok + status.lost
        assert status.deaths == warm.kills + outcome.kills
        assert outcome.struck * 2 >= outcome.kills > 0, outcome
        assert after == before
        assert _resident() - memory < growth
    return outcome


def _settled(
    pool: Pool, workers: int, deaths: int, expected: Quantities | None, others: frozenset[str]
) -> Quantities:
    """Return the quantities once all is over: every kill was a death, all workers are ready, and no corpse is left.

    Then they stand still for a second, or are as *expected*; if they never are, the last ones.
    """
    pause = threading.Event()
    last, still = Quantities.now(others), 0
    for _ in range(int(_PATIENCE / 0.1)):
        pause.wait(0.1)
        now, status = Quantities.now(others), pool.status()
        over = now.processes == workers == status.ready and status.deaths >= deaths
        still = still + 1 if over and now == last else 0
        last = now
        if over and (now == expected or (expected is None and still >= 10)):
            break
    return last


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
