"""SIGKILL of a service with eight workers and their grandchildren, 100 times."""

from __future__ import annotations

from collections import Counter

import pytest
from eight import STATES, WORKERS, kill_once

KILLS = 100
pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.mark.promise("no-orphans")
def test_nothing_survives_100_times(capsys: pytest.CaptureFixture[str]) -> None:
    """1 s later none is left but what left its group, and of that, on disk and in /dev/shm nothing after the next start."""
    runs = [kill_once(seed) for seed in range(KILLS)]
    struck = Counter(state for run in runs for state in run.states)
    processes, outside = sum(run.processes for run in runs), sum(run.swept for run in runs)
    with capsys.disabled():  # the figures, for docs/decisions.md
        print(
            f"\n{KILLS} kills, seeds 0 to {KILLS - 1}: struck {dict(struck)}; {processes} processes, {outside} swept"
        )

    assert [(run.left, run.remains, run.debris) for run in runs] == [(0, 0, ())] * KILLS
    assert sum(struck.values()) == KILLS * WORKERS
    assert all(struck[state] >= KILLS for state in STATES)
    assert (processes, outside) == (KILLS * WORKERS * 3, KILLS * WORKERS)
