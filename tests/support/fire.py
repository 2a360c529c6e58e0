"""A pool under fire: callers in many threads, somebody who kills its workers, and what became of every call."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter, deque
from pathlib import Path

import attrs
import pool_functions as work

from actors import Pool
from bridge.channel import Progress
from bridge.errors import BridgeError, WorkerDied
from bridge.platform import require_supported

__all__ = ["Fire", "Outcome", "Quantities", "children"]

#: Seconds of the longest call.
LONGEST = 0.02
#: How many of the kills are aimed at a worker whose call has said that it runs, if there is one; the rest at any.
AIMED = 0.9


@attrs.frozen
class Quantities:
    """What must be the same at the end as at the start."""

    descriptors: int
    threads: int
    processes: int

    @classmethod
    def now(cls, others: frozenset[str]) -> Quantities:
        """Count what this process has, without those of its *children* that are others' affair."""
        return cls(
            sum(1 for _ in Path("/proc/self/fd").iterdir()),
            threading.active_count(),
            len(children() - others),
        )


def children() -> frozenset[str]:
    """Return the pids of all that this process has started and not reaped."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update((task / "children").read_text().split())
    return frozenset(found)


@attrs.define
class Outcome:
    """Of all calls."""

    ends: Counter[str] = attrs.field(factory=Counter)  #: by the class of the result or the error
    struck: int = 0  #: calls that had begun when their worker died
    not_begun: int = 0  #: calls whose worker died before they had begun
    kills: int = 0  #: signals sent
    wrong: list[str] = attrs.field(factory=list)  #: what no call may end in
    seconds: float = 0.0


class Fire:
    """Calls and kills, by seed.

    Args:
        pool: Running.
        calls: How many in all.
        callers: Threads.
        every: Seconds between two kills, on average.
        seed: Of the lengths and the kills.
    """

    def __init__(self, pool: Pool, *, calls: int, callers: int, every: float, seed: int) -> None:
        require_supported()
        self._pool = pool
        self._shares = [calls // callers + (number < calls % callers) for number in range(callers)]
        self._every = every
        self._seed = seed
        self._lock = threading.Lock()
        self._outcome = Outcome()
        self._over = threading.Event()
        self._at: dict[int, int] = {}  #: the worker that runs the call of each caller, by its own report

    def run(self) -> Outcome:
        """Do it all; blocks until every call has ended."""
        begun = time.monotonic()
        callers = [
            threading.Thread(target=self._call, args=(number, share))
            for number, share in enumerate(self._shares)
        ]
        killer = threading.Thread(target=self._kill)
        for thread in [*callers, killer]:
            thread.start()
        for thread in callers:
            thread.join()
        self._over.set()
        killer.join()
        self._outcome.seconds = time.monotonic() - begun
        return self._outcome

    def _call(self, caller: int, share: int) -> None:
        rng = random.Random(f"{self._seed}/{caller}")
        ends: Counter[str] = Counter()
        struck = not_begun = 0
        wrong = []

        def runs(progress: Progress) -> None:
            self._at[caller] = progress.pid

        for number in range(share):
            # One in ten does nothing at all.
            length = max(0.0, rng.uniform(-0.1, 1.0)) * LONGEST
            try:
                result = self._pool.call(work.after, length, (caller, number), timeout=60.0, on_progress=runs)
            except WorkerDied as error:
                ends["WorkerDied"] += 1
                struck += error.started
                not_begun += not error.started
                if error.certificate.signal != "SIGKILL" or error.certificate.sent_by_us is not None:
                    wrong.append(f"a death that was none of the kills: {error}")
            except BridgeError as error:
                ends[type(error).__name__] += 1
                wrong.append(repr(error))
            except BaseException as error:  # kept for the one who runs this: a thread cannot fail a test
                ends[type(error).__name__] += 1
                wrong.append(repr(error))
            else:
                ends["result"] += 1
                if result != (caller, number):
                    wrong.append(f"{result} for {(caller, number)}")
            finally:
                self._at.pop(caller, None)
        with self._lock:
            self._outcome.ends += ends
            self._outcome.struck += struck
            self._outcome.not_begun += not_begun
            self._outcome.wrong += wrong

    def _kill(self) -> None:
        rng = random.Random(f"{self._seed}/kills")
        due = time.monotonic()
        struck: deque[int | None] = deque(maxlen=100)
        while True:
            due += rng.expovariate(1 / self._every)
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            workers = [each for each in self._pool.status().workers if each.state in {"ready", "busy"}]
            # One that was struck already may not have ended yet.
            pids = [each.pid for each in workers if each.pid not in struck]
            if rng.random() < AIMED:
                at_work = {*self._at.copy().values()}
                pids = [pid for pid in pids if pid in at_work] or pids
            if pids and _kill_own(pid := rng.choice(pids)):
                struck.append(pid)
                self._outcome.kills += 1


def _kill_own(pid: int | None) -> bool:
    """Kill *pid* if it is a child of this process: the number may be another's by now. Return whether it was."""
    if pid is None:
        return False
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        if parent != os.getpid():
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return False
    finally:
        os.close(pidfd)
    return True
