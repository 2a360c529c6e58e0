"""The demo killed with SIGKILL at a random moment; used by the suite's short form and by the soak."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from processes import alive_after, marked

__all__ = ["kill_at_a_random_moment"]

_MARK = "TREEWARDEN_KILL_TEST"


def kill_at_a_random_moment(source: Path, seed: int) -> tuple[int, int]:
    """Run the demo over *source* with poison, stop one of its workers, SIGKILL the demo.

    Args:
        source: What it takes the census of.
        seed: Decides the moment and the worker.

    Returns:
        How many workers there were at that moment, and how many processes of it were alive 1 s later.
    """
    chance = random.Random(seed)
    token = secrets.token_hex(8)
    command = [sys.executable, "-P", "-m", "actors.demo", str(source), "--poison", "--workers", "3"]
    demo = subprocess.Popen(
        command,
        env={**os.environ, _MARK: token},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=source,
    )
    try:
        demo.wait(timeout=chance.uniform(0.2, 3.0))
    except subprocess.TimeoutExpired:
        pass
    else:
        raise AssertionError(f"the demo ended by itself, with {demo.returncode}: give it more to do")
    running = marked(_MARK, token, "boot.py")
    starting = marked(_MARK, token)
    try:
        if running:
            signal.pidfd_send_signal(running[chance.choice(sorted(running))], signal.SIGSTOP)
        demo.kill()
        demo.wait(timeout=10)
        left = alive_after([*running.values(), *starting.values()], 1.0)
        late = marked(_MARK, token)  # one that was forked in the very moment
        for pidfd in late.values():
            os.close(pidfd)
        return len(running), max(left, len(late))
    finally:
        for pidfd in (*running.values(), *starting.values()):
            os.close(pidfd)
