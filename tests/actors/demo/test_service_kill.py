"""The service is killed with SIGKILL: the short form; fifty moments are in the soak."""

from __future__ import annotations

import pytest
from service_kill import HOLDS_THE_GIL, IDLE, WORKING, killing_house


@pytest.mark.timeout(120)
def test_nothing_survives_the_service(no_leaks: None) -> None:
    """Workers idle, working, in a regular expression with the GIL, each of them stopped or not: a second later none is.

    What it leaves on disk, the files of the poison too, is gone after the next run.
    """
    with killing_house() as house:
        runs = [
            house.kill(seed, stop=state, within=1.0)
            for seed, state in enumerate((IDLE, WORKING, HOLDS_THE_GIL))
        ]
        run_directories = [path.name for path in house.debris.iterdir()]
        house.sweep()

        assert [run.left for run in runs] == [0, 0, 0]
        # That the kills struck what they should:
        assert [run.stopped for run in runs] == [IDLE, WORKING, HOLDS_THE_GIL]
        assert all(run.states[HOLDS_THE_GIL] == 1 for run in runs)
        assert all(sum(run.states[state] for run in runs) > 0 for state in (IDLE, WORKING))
        # The last run's, and of no earlier one; the sweep had something to do.
        assert len(run_directories) == 2, run_directories
        assert list(house.debris.iterdir()) == []


def test_nothing_survives_a_service_that_only_starts(no_leaks: None) -> None:
    """Within its first second there may be processes that have no name yet in the run directory, or none at all."""
    with killing_house() as house:
        assert [house.kill_early(seed).left for seed in range(3)] == [0, 0, 0]
