"""What the kernel tells of a process's memory and signals, while it lives and when it is dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from processes import alive_after

from bridge.vitals import peak_of_the_dead, vitals

MB = 1024 * 1024


@pytest.fixture
def start(no_leaks: None) -> Iterator[Callable[[str], tuple[subprocess.Popen[bytes], int]]]:
    """Start a program and return it with its pidfd."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []

    def start(program: str) -> tuple[subprocess.Popen[bytes], int]:
        popen = subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE)
        started.append((popen, os.pidfd_open(popen.pid)))
        return started[-1]

    yield start
    for popen, pidfd in started:
        popen.kill()
        popen.communicate()
        os.close(pidfd)


EATER = "import os; x = b'x' * {} * 2**20; del x; print('eaten', flush=True); {}"


def test_the_living(start: Callable[[str], tuple[subprocess.Popen[bytes], int]]) -> None:
    """State, the most memory even after it was given back, and the signals that it handles."""
    program = EATER.format(
        300, "import signal; signal.signal(signal.SIGUSR1, print); print(flush=True); signal.pause()"
    )
    popen, _ = start(program)
    assert popen.stdout is not None
    popen.stdout.readline(), popen.stdout.readline()

    found = vitals(popen.pid)

    assert found is not None
    assert found.peak is not None
    assert 300 * MB < found.peak < 400 * MB
    assert found.catches(signal.SIGUSR1)
    assert not found.catches(signal.SIGUSR2)
    assert found.state in "RS"


def test_a_zombie_has_no_memory_left_but_a_peak(
    start: Callable[[str], tuple[subprocess.Popen[bytes], int]],
) -> None:
    """/proc has forgotten it, the unreaped status has not; looking does not reap it."""
    popen, pidfd = start(EATER.format(300, "os._exit(3)"))
    assert peak_of_the_dead(pidfd) is None  # it lives: nothing to be told, and nothing of an earlier one
    assert alive_after([pidfd], 10) == 0

    found, peak = vitals(popen.pid), peak_of_the_dead(pidfd)

    assert found is not None
    assert (found.state, found.peak) == ("Z", None)
    assert peak is not None
    assert 300 * MB < peak < 400 * MB
    assert popen.wait() == 3
    assert peak_of_the_dead(pidfd) is None
    assert vitals(popen.pid) is None
