"""What the kernel tells of a process's memory and signals, while it lives and when it is dead."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import bridge_functions as there
import pytest
from bridge_house import House
from deadly import eat_and_leave
from processes import alive_after

from bridge.errors import WorkerDied
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


def test_a_peak_that_may_be_the_services_is_a_bound(house: House) -> None:
    """Before its exec a worker has its service's memory, and the kernel does not forget it: then the peak is a bound."""
    big = b"x" * 300 * MB
    small, eater = house.ready(), house.ready()
    del big

    for life, function in ((small, there.leave), (eater, eat_and_leave)):
        with pytest.raises(WorkerDied):
            life.call(function, 3)

    bound, own = small.death().peak_memory, eater.death().peak_memory
    assert bound is not None
    assert own is not None
    assert (bound.exact, bound.bytes > 300 * MB) == (False, True)
    assert (own.exact, own.bytes > 600 * MB) == (True, True)


def test_the_peak_of_one_that_we_kill_is_its_own(house: House) -> None:
    """It was looked at before the kill, so the service's memory is not in it."""
    big = b"x" * 300 * MB
    life = house.ready()
    del big

    life.interpreter.kill("enough")

    peak = life.death().peak_memory
    assert peak is not None
    assert (peak.exact, peak.bytes < 200 * MB) == (True, True)


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
    # Until its exec it shared this process's memory, and the kernel's figure covers that, too.
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 300 * MB < peak < max(400 * MB, ours + 100 * MB)
    assert popen.wait() == 3
    assert peak_of_the_dead(pidfd) is None
    assert vitals(popen.pid) is None
