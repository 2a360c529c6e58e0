"""SIGKILL of the demo itself, at 50 random moments."""

from __future__ import annotations

from collections import Counter

import pytest
from service_kill import STATES, killing_house

pytestmark = pytest.mark.soak


def test_nothing_survives_the_service_50_times(capsys: pytest.CaptureFixture[str]) -> None:
    """Workers idle, working, in a regular expression with the GIL, and stopped in each of these: 1 s later none is left.

    And nothing on disk after the next run.
    """
    with killing_house() as house:
        runs = [house.kill(seed) for seed in range(50)]
        house.sweep()
        debris = list(house.debris.iterdir())
    struck = {state: sum(run.states[state] for run in runs) for state in STATES}
    stopped = Counter(run.stopped for run in runs)
    with capsys.disabled():  # the figures, for docs/decisions.md
        print(f"\n50 kills, seeds 0 to 49: struck {struck}; of them stopped {dict(stopped)}")

    assert [run.left for run in runs] == [0] * 50
    assert debris == []
    assert all(struck[state] > 0 for state in STATES), struck
    assert all(stopped[state] > 0 for state in STATES), stopped


def test_nothing_survives_a_service_that_only_starts_25_times() -> None:
    """Before there is a worker, while the interpreters boot, and when the first calls run."""
    with killing_house() as house:
        runs = [house.kill_early(seed) for seed in range(25)]
    assert [run.left for run in runs] == [0] * 25
    assert sum(run.starting for run in runs) > 0
