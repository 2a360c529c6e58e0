"""The death of the service: killed without warning, nothing of it is left, whatever its interpreters are doing."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import alive_after

from bridge.lifeline import Lifeline

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
elif sys.argv[2] == "multiprocessing":
    import multiprocessing

    begun = multiprocessing.get_context("fork").Event()


    def live_on():
        begun.set()
        while True:
            signal.pause()


    multiprocessing.get_context("fork").Process(target=live_on).start()
    begun.wait()
print(*(life.interpreter.pid for life in lives), flush=True)
signal.pause()
"""


@pytest.fixture(params=["alone", "fork", "multiprocessing"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A service with an interpreter that is idle, one that holds the GIL with a family, and one that is stopped.

    In the other cases a copy of the service was forked meanwhile, and lives on. Yields pidfds of all but these two.
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


@pytest.mark.promise("no-orphans")
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


def exit_code_of(copy: int) -> int:
    """Return the exit code of a forked copy of this process, which is killed if it does not end."""
    pidfd = os.pidfd_open(copy)
    try:
        alive_after([pidfd], 5.0)
    finally:
        os.kill(copy, signal.SIGKILL)
        _, status = os.waitpid(copy, 0)
        os.close(pidfd)
    return os.waitstatus_to_exitcode(status)


def make_and_close() -> None:
    """Make a lifeline, which takes the lock that forks take."""
    Lifeline().close()


def succeeds_in_another_thread(action: Callable[[], None]) -> bool:
    """Return whether *action* comes to its end."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(2.0)
    return not thread.is_alive()


def test_a_fork_waits_for_a_lifeline_that_is_being_made(
    no_leaks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of the pipe and its entry among what copies close, no copy is made: it would hold the pipe."""
    make_pipe = os.pipe2
    between, forked = threading.Event(), threading.Event()
    pipes: list[tuple[int, int]] = []

    def make_pipe_and_dawdle(flags: int) -> tuple[int, int]:
        pipes.append(make_pipe(flags))
        between.set()
        # Never, since the fork waits for us; so this is as long as it is given to be wrong.
        forked.wait(0.3)
        return pipes[0]

    monkeypatch.setattr(os, "pipe2", make_pipe_and_dawdle)
    made: list[Lifeline] = []
    maker = threading.Thread(target=lambda: made.append(Lifeline()))
    maker.start()
    assert between.wait(5)
    copy = os.fork()
    if copy == 0:
        try:
            os.fstat(pipes[0][1])
            os._exit(1)
        except OSError:
            os._exit(0)
        finally:
            os._exit(2)
    forked.set()
    maker.join(5)
    made[0].close()

    assert exit_code_of(copy) == 0


def test_a_fork_gives_the_lock_back(no_leaks: None) -> None:
    """Afterwards lifelines are made in the service as before, and in the copy, too: by any of their threads."""
    copy = os.fork()
    if copy == 0:
        try:
            os._exit(not succeeds_in_another_thread(make_and_close))
        finally:
            os._exit(2)

    assert exit_code_of(copy) == 0
    assert succeeds_in_another_thread(make_and_close)
