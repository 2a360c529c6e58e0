"""A service with eight workers in known states, each with grandchildren, killed with SIGKILL; for the suite and the soak.

Run as a script it is that service. Nothing here decides what must come of a kill: it says what was struck and what was left.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
from bridge_functions import found_family, hold_the_gil
from processes import alive_after, marked

from bridge.interpreter import report
from bridge.run_dir import RunDirectory
from supervision.clock import MonotonicClock

__all__ = ["STATES", "WORKERS", "Struck", "kill_once"]

STATES = ("idle", "busy", "gil", "stopped")
WORKERS = 8
_MARK = "TREEWARDEN_EIGHT"
#: Seconds within which the kill strikes, from when all are in their states.
_WITHIN = 0.05


@attrs.frozen(kw_only=True)
class Struck:
    """One kill: which states it met, and what was left of it."""

    states: tuple[str, ...]  #: of the eight
    processes: int  #: that were alive just before, without the service
    left: int  #: of these 1 s later, those apart that had left their group
    swept: int  #: of those that had left their group: alive when the service was dead
    remains: int  #: processes alive after the next start
    debris: tuple[str, ...]  #: on disk and in /dev/shm after the next start


def work() -> None:
    """Compute for ever, and let other threads run."""
    report(1, 1, "begun")
    number = 0
    while True:
        number = (number * 31 + 7) % 1_000_003


def block() -> None:
    """Hold the GIL for ever."""
    report(1, 1, "begun")
    hold_the_gil()


def kill_once(seed: int) -> Struck:
    """Start the service, kill it, look, and start another one in its place. Blocks for some seconds.

    Args:
        seed: Decides which worker is in which state (each state at least once), and the moment.
    """
    chance = random.Random(seed)
    states = [*STATES, *chance.choices(STATES, k=WORKERS - len(STATES))]
    chance.shuffle(states)
    token = secrets.token_hex(8)
    # Short enough for the sockets, whatever TMPDIR is.
    with (
        tempfile.TemporaryDirectory(prefix="eight-", dir="/tmp") as place,
        _service(place, token, states) as service,
    ):
        outside = _wait(service)
        select.poll().poll(chance.uniform(0.0, _WITHIN) * 1000)
        family = marked(_MARK, token)
        try:
            family_count = len(family) - 1
            inside = [fd for pid, fd in family.items() if pid not in outside]
            gone = [fd for pid, fd in family.items() if pid in outside]
            service.kill()
            left = alive_after(inside, 1.0)
            swept = alive_after(gone, 0.01)
            RunDirectory.create(MonotonicClock(), [Path(place)]).remove()
            remains = alive_after(family.values(), 0.5)
            late = marked(_MARK, token)
            debris = [each.name for each in Path(place).iterdir()]
            # Of others, who may run beside this, it says nothing.
            debris += [each.name for each in Path("/dev/shm").iterdir() if "treewarden" in each.name]
            return Struck(
                states=tuple(states),
                processes=family_count,
                left=left,
                swept=swept,
                remains=remains + len(late),
                debris=tuple(debris),
            )
        finally:
            for pidfd in {**family, **marked(_MARK, token)}.values():
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)


@contextlib.contextmanager
def _service(place: str, token: str, states: list[str]) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        _MARK: token,
        "XDG_RUNTIME_DIR": place,
        "TMPDIR": place,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with subprocess.Popen(
        [sys.executable, "-P", __file__, *states], stdout=subprocess.PIPE, text=True, env=environment
    ) as service:
        try:
            yield service
        finally:
            service.kill()


def _wait(service: subprocess.Popen[str]) -> set[int]:
    """Return, once all workers are in their states, the pids of those grandchildren that left their worker's group."""
    assert service.stdout is not None
    return {int(word) for word in service.stdout.readline().split()}


def serve(states: list[str]) -> None:
    """Be the service: bring a worker into each state, tell, and wait for the end."""
    import eight as there
    from bridge_house import House, Life

    house = House()
    lives = [house.launch() for _ in states]
    outside: list[int] = []
    begun = threading.Semaphore(0)

    def occupy(life: Life, state: str) -> None:
        function = there.block if state == "gil" else there.work
        life.call(function, on_progress=lambda _: begun.release(), timeout=float("inf"))

    for life, state in zip(lives, states, strict=True):
        life.ready()
        outside.append(life.call(found_family)[1])
        if state in {"busy", "gil"}:
            threading.Thread(target=occupy, args=(life, state), daemon=True).start()
            begun.acquire()
        elif state == "stopped":
            os.kill(life.interpreter.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, life.interpreter.pid, os.WSTOPPED | os.WNOWAIT)
    print(*outside, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve(sys.argv[1:])
