"""The demo killed with SIGKILL while its workers are in known states; used by the suite's short form and by the soak.

Nothing here decides what must come of it: it says what each kill struck, and what was left.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from main_job import command, environment
from processes import alive_after, marked

__all__ = ["HOLDS_THE_GIL", "IDLE", "STATES", "WORKING", "House", "Struck", "killing_house", "state_of"]

IDLE = "idle"
WORKING = "working"
HOLDS_THE_GIL = "holds the GIL"  #: inside the regular expression that does not end
STATES = (IDLE, WORKING, HOLDS_THE_GIL)

_MARK = "TREEWARDEN_KILL_TEST"
_READY = re.compile(rb"(\S+#\d+) is ready: pid (\d+)")
_HANGS = re.compile(rb"(\S+#\d+) stdout: poison_hang\.py: .*about to match")
_MOMENT = 0.5  #: seconds
_TICKS = 3  #: of processor time since the last words: it is well inside the expression


@attrs.frozen(kw_only=True)
class Struck:
    """One kill: in which state the workers were in that moment, and what was alive 1 s later."""

    states: dict[str, int]  #: workers that ran, by state
    stopped: str | None  #: the state in which SIGSTOP had met one of them before
    starting: int  #: processes of it, itself apart, that were no workers yet
    left: int  #: processes


@attrs.frozen
class House:
    """A place to kill in: sources that keep one worker at work for seconds, and a TMPDIR that nobody else uses."""

    sources: Path
    debris: Path  #: the TMPDIR

    def kill(self, seed: int, *, stop: str | None = None, within: float = 3.0) -> Struck:
        """Run the demo until one worker holds the GIL; at a random moment stop one with SIGSTOP, and kill the demo.

        Args:
            seed: Decides the moment, and which worker is stopped.
            stop: The state of the one that is stopped; None: *seed* decides.
            within: Seconds, counted from when the GIL is held, in which the moment lies.
        """
        chance = random.Random(seed)
        stop = stop or chance.choice(STATES)
        moment = chance.uniform(0.0, within)
        with self._demo() as demo:
            hanging = demo.wait_for_the_hang()
            demo.listen(moment)
            candidates = demo.wait_for(stop, hanging)
            stopped = [pid for pid in (chance.choice(candidates),) if _stop(pid)] if candidates else []
            # What they are at in the very moment, but for the one that is stopped: that stays what it was.
            states = {**demo.workers(hanging), **dict.fromkeys(stopped, stop)}
            return demo.kill(states, stopped=stop if stopped else None)

    def kill_early(self, seed: int) -> Struck:
        """Kill the demo within the first second of its life."""
        with self._demo() as demo:
            demo.listen(random.Random(seed).uniform(0.05, 1.0))
            return demo.kill({}, stopped=None)

    def sweep(self) -> None:
        """Run the demo over one file, to its end."""
        done = subprocess.run(
            command(str(self.sources / "m00.py"), "--workers", "1"),
            env=self._environment,
            stdout=subprocess.DEVNULL,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0

    @property
    def _environment(self) -> dict[str, str]:
        given = environment(TMPDIR=str(self.debris))
        given.pop("XDG_RUNTIME_DIR", None)
        return given

    @contextmanager
    def _demo(self) -> Iterator[_Demo]:
        token = secrets.token_hex(8)
        arguments = command(str(self.sources), "--poison", "--workers", "4", "--log", "DEBUG")
        process = subprocess.Popen(
            arguments,
            env={**self._environment, _MARK: token},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with process:
            try:
                yield _Demo(process, token)
            finally:
                process.kill()


class _Demo:
    """The demo while it runs, and what it has said on stderr."""

    def __init__(self, process: subprocess.Popen[bytes], token: str) -> None:
        assert process.stderr is not None
        self._process = process
        self._token = token
        self._stderr = process.stderr.fileno()
        self._said = b""

    def listen(self, seconds: float, until: re.Pattern[bytes] | None = None) -> re.Match[bytes] | None:
        """Read what it says for so long, or until it says that; return where it did."""
        poll = select.poll()
        poll.register(self._stderr, select.POLLIN)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                data = os.read(self._stderr, 1 << 16)
                assert data, f"the demo ended by itself: {self._said[-2000:].decode()}"
                self._said += data
            if until is not None and (found := until.search(self._said)):
                return found
        return None

    def wait_for_the_hang(self) -> int:
        """Wait until a worker is inside the regular expression, and return its pid."""
        found = self.listen(40.0, _HANGS)
        assert found, "no worker came to the file that hangs"
        pid = self._ready()[found[1]]
        begun, deadline = _ticks(pid), time.monotonic() + 4.0
        while _ticks(pid) < begun + _TICKS and time.monotonic() < deadline:
            self.listen(0.01)
        return pid

    def wait_for(self, state: str, hanging: int) -> list[int]:
        """Return the workers in *state*; between two files there may be none, for a moment."""
        deadline = time.monotonic() + _MOMENT
        while True:
            found = sorted(pid for pid, its in self.workers(hanging).items() if its == state)
            if found or time.monotonic() > deadline:
                return found
            self.listen(0.001)

    def workers(self, hanging: int) -> dict[int, str]:
        """Return the state of each worker that has shaken hands and lives."""
        states = {}
        for pid in self._ready().values():
            match state_of(pid):
                case "R" if pid == hanging:
                    states[pid] = HOLDS_THE_GIL
                case "R" | "D":
                    states[pid] = WORKING
                case "S":
                    states[pid] = IDLE
        return states

    def kill(self, states: dict[int, str], *, stopped: str | None) -> Struck:
        """Send the SIGKILL; *states* goes into the account."""
        family = marked(_MARK, self._token)
        try:
            self._process.kill()
            deadline = time.monotonic() + 1.0
            left = alive_after(family.values(), 1.0)
            # One that was forked in the very moment may not be among them. It cannot be found while it calls exec, and
            # finds out by itself, once it has begun, that it has no service: so the last look is at the end.
            while (more := deadline - time.monotonic()) > 0:
                select.poll().poll(more * 1000)
            late = marked(_MARK, self._token)
            for pidfd in late.values():
                os.close(pidfd)
            self._process.wait(timeout=10)
            counts = {state: list(states.values()).count(state) for state in STATES}
            starting = len(family.keys() - states.keys() - {self._process.pid})
            return Struck(states=counts, stopped=stopped, starting=starting, left=max(left, len(late)))
        finally:
            for pidfd in family.values():
                os.close(pidfd)

    def _ready(self) -> dict[bytes, int]:
        return {worker: int(pid) for worker, pid in _READY.findall(self._said)}


@contextmanager
def killing_house() -> Iterator[House]:
    """Furnish a House, and take it away again; in a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="kill-") as place:
        house = House(Path(place, "src"), Path(place, "tmp"))
        house.sources.mkdir()
        house.debris.mkdir()
        # One session of 40 files, 0.1 s each: beside the four poisons, which all begin at once, it keeps one worker at
        # work while the hang lasts, and whoever replaces the other three is idle.
        text = "".join(f"def f{number}(a):\n    return a or [a, f{number}]\n" for number in range(3000))
        for number in range(40):
            (house.sources / f"m{number:02}.py").write_text(text)
        yield house


def _stop(pid: int) -> bool:
    """Stop *pid* and wait until it is; return False if it died of something else meanwhile."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    deadline = time.monotonic() + 5.0
    while (state := state_of(pid)) != "T":
        if state in {"", "Z", "X"}:
            return False
        assert time.monotonic() < deadline, f"{pid} does not stop"
    return True


def state_of(pid: int) -> str:
    """Return the kernel's letter for what *pid* does; "" if there is no such process."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def _ticks(pid: int) -> int:
    """Return how much processor time *pid* had in user code."""
    fields = _stat(pid)
    return int(fields[11]) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
