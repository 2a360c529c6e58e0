"""The tests' own watch on processes: who has ended, who has not, and of whom nothing can be said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from processes import alive_after


def test_a_process_is_alive_until_it_has_ended(no_leaks: None) -> None:
    """Only its end counts; it is waited for no longer than was said."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        pidfd = os.pidfd_open(process.pid)
        assert alive_after([pidfd], 0.01) == 1
        process.kill()
        assert alive_after([pidfd], 20.0) == 0
    os.close(pidfd)


def test_a_closed_descriptor_is_no_process_that_has_ended() -> None:
    """A test that closed its pidfd too early would see everybody dead."""
    pidfd = os.pidfd_open(os.getpid())
    os.close(pidfd)
    with pytest.raises(ValueError, match=f"descriptor {pidfd} is closed"):
        alive_after([pidfd], 1.0)
