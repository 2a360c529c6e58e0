"""The examples run as a person would run them, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sources import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_runs(example: object, no_leaks: None) -> None:
    """It ends by itself with 0, says nothing on stderr, and no worker of it is left."""
    done = subprocess.run(
        [sys.executable, "-P", str(example)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_service_counts_and_shows_its_tree() -> None:
    """The words of three lines come back from the workers, and the tree is the one in the code."""
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / "examples" / "service.py"), "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )

    assert done.stdout.splitlines()[0].split() == ["to", "3"]
    for name in ("service", "tally", "counters", "workers"):
        assert name in done.stdout
