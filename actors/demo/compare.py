"""Give the same work to ``concurrent.futures.ProcessPoolExecutor`` and tell what became of it.

It runs as a program of its own (``rival``) in a session of its own, so that whatever becomes of it ends with the deadline
and does not disturb us.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import attrs

from actors.demo.plan import Plan, SessionPlan, Task, spread
from actors.demo.poison import POISONS
from bridge.lifeline import Lifeline

__all__ = ["Comparison", "compare"]

_CHUNK: Final = 1 << 16


@final
@attrs.frozen(kw_only=True)
class Comparison:
    """What became of ProcessPoolExecutor."""

    ended: str  #: "done", or one line that says how it broke
    files: int  #: results that had come back
    of: int
    seconds: float
    strikes: int = 0  #: files whose process killed itself, as a stand-in for our kills from outside

    @property
    def files_per_second(self) -> float:
        """Results by second."""
        return self.files / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return it ready for JSON."""
        return {**attrs.asdict(self), "files_per_second": round(self.files_per_second, 1)}


def compare(
    plan: Plan, *, workers: int, memory: int | None, poisons: str | None, deadline: float
) -> Comparison:
    """Run *plan* over a ProcessPoolExecutor and return what became of it. Blocks up to *deadline*.

    Chaos is applied: a file that is struck ends its process by SIGKILL when it is counted, since from outside nobody
    can tell which process is at which file.

    Args:
        plan: The same work, in the same order.
        workers: As many.
        memory: Bytes of address space for each; None: no limit.
        poisons: Where the poisoned files are, if they are part of it.
        deadline: Seconds, from the start; then all its processes are killed.
    """
    tasks = [task for part in spread(plan.sessions, POISONS if poisons is not None else ())
             for task in _tasks(part, plan.root, poisons)]  # fmt: skip
    readable, writable = os.pipe()
    order = {"results": writable, "workers": workers, "memory": memory, "tasks": tasks}
    lifeline = Lifeline()
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "actors.demo.rival"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(writable, lifeline.read_fd),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)},
        start_new_session=True,
    )
    try:
        os.close(writable)
        lifeline.arm(process.pid)
        _send(process, json.dumps(order))
        strikes = sum(name == "fall" for name, *_ in tasks)
        return attrs.evolve(_watch(readable, len(tasks), began, deadline), strikes=strikes)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        lifeline.close()
        os.close(readable)


def _send(process: subprocess.Popen[bytes], order: str) -> None:
    assert process.stdin is not None
    # A broken pipe means that it died; _watch finds that out.
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(order.encode() + b"\n")


def _tasks(task: Task, root: str, poisons: str | None) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(task, SessionPlan):
        for path in task.files:
            yield "fall" if path in task.strikes else "add_file", task.id, root, path
    else:
        assert poisons is not None
        yield task.path, f"poison#{task.path}", poisons, task.path


def _watch(readable: int, of: int, began: float, deadline: float) -> Comparison:
    """Count the results until the last line, the end of the program or the deadline."""
    files, line = 0, b""
    poll = select.poll()
    poll.register(readable, select.POLLIN)
    while (left := began + deadline - time.monotonic()) > 0:
        if not poll.poll(left * 1000):
            continue
        data = os.read(readable, _CHUNK)
        if not data:
            ended = "its main process died"
            return Comparison(ended=ended, files=files, of=of, seconds=time.monotonic() - began)
        *lines, line = (line + data).split(b"\n")
        files += lines.count(b"")
        for last in filter(None, lines):
            return Comparison(files=files, of=of, **json.loads(last))
    ended = f"hung, and was killed at its deadline of {deadline:g} s"
    return Comparison(ended=ended, files=files, of=of, seconds=time.monotonic() - began)
