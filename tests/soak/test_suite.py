"""The suite itself, again and again: whatever the order and however crowded the machine, it passes and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import alive_after, marked

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
MARK = "TREEWARDEN_SOAK"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Yield an empty directory with a short name: the names of sockets in it have a limit."""
    with tempfile.TemporaryDirectory(prefix="tw") as directory:
        yield Path(directory)


def run_suite(seed: int, processes: int, temporary: Path) -> None:
    """Run everything but the soak, in the order of *seed*; fail with its output, or with what it left."""
    mark = uuid.uuid4().hex
    suite = [sys.executable, "-P", "-m", "pytest", "-q", "--maxfail", "5", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*suite, "-n", str(processes), "--randomly-seed", str(seed), "--basetemp", str(temporary / "p")],
        check=False,
        cwd=ROOT,
        env={**os.environ, MARK: mark, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    left = marked(MARK, mark)
    try:
        survivors = alive_after(left.values(), 1.0)
    finally:
        for pidfd in left.values():
            os.close(pidfd)

    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    assert survivors == 0, f"seed {seed} left processes {sorted(left)}"
    debris = [entry.name for entry in temporary.iterdir() if entry.name != "p"]
    assert debris == [], f"seed {seed} left {debris}"


@pytest.mark.parametrize("seed", range(20))
def test_the_suite_passes_in_any_order(seed: int, temporary: Path) -> None:
    """20 orders; one process for each of two processors."""
    run_suite(seed, 2, temporary)


@pytest.mark.parametrize("seed", range(100, 105))
def test_the_suite_passes_on_a_crowded_machine(seed: int, temporary: Path) -> None:
    """5 times with six processes at once."""
    run_suite(seed, 6, temporary)
