"""The running services of this user, as another process sees them: found by their run directories, asked by their socket."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import attrs

from bridge.errors import InspectionFailed
from bridge.inspection import LONGEST_ANSWER, SOCKET
from bridge.run_dir import candidates, owner_pid
from supervision.clock import MonotonicClock

__all__ = ["Service", "ask", "running"]


@final
@attrs.frozen
class Service:
    """One run directory whose service lives: that of one pool. A process with several pools has several."""

    path: Path
    pid: int


def running(places: Sequence[Path] | None = None) -> list[Service]:
    """Return those that live, by process and path. What dead ones left is not touched.

    Args:
        places: Where run directories may lie; None: where services make them.
    """
    found = [
        Service(path, pid)
        for place in (candidates() if places is None else places)
        if place.is_dir()
        for path in sorted(place.glob("treewarden-*"))
        if (pid := owner_pid(path)) is not None
    ]
    return sorted(found, key=lambda service: (service.pid, service.path))


def ask(path: Path, question: str, timeout: float) -> Any:
    """Return what the service of the run directory *path* answers. Blocks.

    Args:
        path: Its run directory.
        question: What it is asked: a name that the service knows.
        timeout: Real seconds for all of it.

    Raises:
        InspectionFailed: It does not answer in time, has ended, or has no answer; the error says which.
    """
    deadline = MonotonicClock.now() + timeout
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path / SOCKET))
            # One that is turned away finds its connection closed before it has asked; why is there to be read all the same.
            with contextlib.suppress(BrokenPipeError):
                connection.sendall(json.dumps({"ask": question}).encode() + b"\n")
            # To its end, not to the end of the line: then the service has a place free again for who asks next.
            while len(answer) <= LONGEST_ANSWER + 1:
                connection.settimeout(max(0.001, deadline - MonotonicClock.now()))
                try:
                    part = connection.recv(1 << 16)
                except ConnectionResetError:
                    break
                if not part:
                    break
                answer += part
    except TimeoutError:
        raise InspectionFailed(str(path), f"no answer within {timeout:g} s") from None
    except OSError as error:
        raise InspectionFailed(str(path), f"{SOCKET}: {error.strerror or error}") from None
    try:
        told = json.loads(answer)
    except ValueError:
        raise InspectionFailed(str(path), "it ended before it had answered") from None
    if "answer" not in told:
        raise InspectionFailed(str(path), str(told.get("error")))
    return told["answer"]
