"""SIGKILL of the demo itself, at 50 random moments."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from service_kill import kill_at_a_random_moment

pytestmark = pytest.mark.soak


def test_nothing_survives_the_service_50_times() -> None:
    """Workers busy, holding the GIL in a regular expression, and stopped: 1 s after the SIGKILL none is left."""
    source = Path(sysconfig.get_path("stdlib"))
    runs = [kill_at_a_random_moment(source, seed) for seed in range(50)]
    assert [left for _, left in runs] == [0] * 50
    assert sum(workers for workers, _ in runs) >= 50  # the fault found something to strike
