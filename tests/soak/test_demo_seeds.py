"""The whole census under chaos, over 20 seeds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.soak

COMMAND = [sys.executable, "-P", "-m", "actors.demo", "--chaos", "0.05", "--verify", "--json", "--seed"]


@pytest.mark.parametrize("seed", range(20))
def test_census_survives_chaos_and_is_right(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Every planned kill struck, nothing lost, and the result equals the serial census."""
    done = subprocess.run([*COMMAND, str(seed)], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["verified"] is True
    assert told["lost"] == []
    assert told["planned_kills"] == len(told["kills"]) > 0
    with capsys.disabled():  # the figures, for docs/decisions.md
        print(
            f"\nseed {seed}:",
            *(f"{name} {told[name]}" for name in ("files", "planned_kills", "moves", "replays", "seconds")),
        )
