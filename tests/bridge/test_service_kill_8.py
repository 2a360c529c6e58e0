"""SIGKILL of a service with eight workers, in each state that a worker can be in; the soak does it 100 times."""

from __future__ import annotations

import pytest
from eight import STATES, WORKERS, kill_once


@pytest.mark.promise("no-orphans")
@pytest.mark.parametrize("seed", range(2))
def test_nothing_survives_with_eight_workers(seed: int) -> None:
    """Idle, busy, holding the GIL and stopped: with their children they are gone 1 s later.

    What had left its worker's group is gone after the next start; then nothing is on disk or in /dev/shm either.
    """
    struck = kill_once(seed)

    assert set(struck.states) == set(STATES)
    assert struck.processes == WORKERS * 3, "each worker, and one child in its group and one outside"
    assert struck.swept == WORKERS, "the twin: those that left the group lived until then"
    assert (struck.left, struck.remains, struck.debris) == (0, 0, ())
