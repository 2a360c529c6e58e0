"""The death of the service: killed without warning, nothing of it is left, whatever its interpreters are doing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import alive_after

#: A service in a process of its own: launches three interpreters, occupies them, and tells their pids.
SERVICE = """
import os, signal, sys, threading
import bridge_functions as there
from bridge_house import House

house = House()
lives = [house.ready() for _ in range(3)]
begun = threading.Semaphore(0)


def occupy(life):
    def note(_):
        begun.release()

    life.call(there.start_family, sys.argv[1], on_progress=note, timeout=float("inf"))


threading.Thread(target=occupy, args=(lives[1],), daemon=True).start()
begun.acquire()
os.kill(lives[2].interpreter.pid, signal.SIGSTOP)
if sys.argv[2] == "fork":
    read_fd, write_fd = os.pipe()
    if os.fork() == 0:
        os.write(write_fd, b"forked")
        while True:
            signal.pause()
    os.read(read_fd, 6)
print(*(life.interpreter.pid for life in lives), flush=True)
signal.pause()
"""


@pytest.fixture(params=["alone", "fork"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A service with an interpreter that is idle, one that holds the GIL with a family, and one that is stopped.

    In the second case a copy of the service was forked meanwhile, and lives on. Yields pidfds of all but these two.
    """
    family = tmp_path / "family"
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", SERVICE, str(family), request.param],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    pidfds: list[int] = []
    try:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 3
        # The child that left its group is the sweep's, at the next start: see test_run_dir.
        inside, _ = family.read_text().split()
        pidfds.extend(os.pidfd_open(pid) for pid in (*pids, int(inside)))
        yield process, pidfds
    finally:
        # The forked copy is in the service's group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        for pid in family.read_text().split() if family.exists() else []:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pidfd in pidfds:
            os.close(pidfd)


def test_nothing_survives_a_sigkill_of_the_service(
    service: tuple[subprocess.Popen[str], list[int]], no_leaks: None
) -> None:
    """Idle, holding the GIL (with a child of its own) or stopped, and though a forked copy of the service lives on."""
    process, pidfds = service
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    assert not poll.poll(0), "they lived until now"

    process.kill()

    assert alive_after(pidfds, 2.0) == 0


def test_a_forked_copy_does_not_bury(no_leaks: None) -> None:
    """A copy that closes the hub, or kills, touches neither the service's interpreters nor its run directory."""
    import bridge_functions as there
    from bridge_house import House

    house = House()
    life = house.ready()
    pid = os.fork()
    if pid == 0:
        try:
            life.interpreter.kill("by the copy")
            house.hub.close(1.0)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    assert life.call(there.add, 1, 2) == 3
    assert Path(house.hub.run.path).is_dir()
    house.close()


def test_a_service_that_forgets_to_close(tmp_path: Path) -> None:
    """It ends by itself, at once and without a word, and its interpreter with it."""
    program = "from bridge_house import House; life = House().ready(); print(life.interpreter.pid, flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert process.stdout is not None
    pidfd = os.pidfd_open(int(process.stdout.readline()))

    _, said = process.communicate("\n", timeout=20)

    assert (process.returncode, said) == (0, "")
    assert alive_after([pidfd], 2.0) == 0
    os.close(pidfd)
