"""The service is killed with SIGKILL: the short form; fifty moments are in the soak."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from service_kill import kill_at_a_random_moment


def test_nothing_survives_the_service(no_leaks: None) -> None:
    """Whatever the workers are at, one of them stopped: a second after the SIGKILL none is left."""
    source = Path(sysconfig.get_path("stdlib"))
    runs = [kill_at_a_random_moment(source, seed) for seed in (1, 2, 3)]
    assert [left for _, left in runs] == [0, 0, 0]
    assert any(workers for workers, _ in runs)  # the fault found something to strike
