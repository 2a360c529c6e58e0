"""The whole census under chaos, over 20 seeds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(20))
def test_census_survives_chaos_and_is_right(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    """Every planned kill struck, nothing lost, and the result equals the serial census."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "actors.demo",
        "--chaos",
        "0.05",
        "--verify",
        "--json",
        "--seed",
        str(seed),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["verified"] is True
    assert told["planned_kills"] == len(told["kills"]) > 0
    record_property("seed", seed)
    for figure in ("files", "planned_kills", "moves", "replays", "seconds"):
        record_property(figure, told[figure])
