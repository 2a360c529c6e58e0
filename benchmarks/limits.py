"""The limit that a call is held against: a message and its answer between two processes, by pyzmq alone."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Final

import zmq

__all__ = ["PATIENCE", "echo", "median_of"]

#: Seconds that nothing here takes, unless it hangs.
PATIENCE: Final = 30.0

#: The other end of the bare ping-pong: it sends back what comes. Its end is that of its standard input.
ECHO: Final = """
import sys, zmq
socket = zmq.Context().socket(zmq.DEALER)
socket.connect(sys.argv[1])
socket.send(b"up")
poller = zmq.Poller()
poller.register(socket, zmq.POLLIN)
poller.register(sys.stdin.fileno(), zmq.POLLIN)
while poller.poll()[0][0] is socket:
    socket.send(socket.recv())
"""


@contextlib.contextmanager
def echo() -> Iterator[tuple[zmq.Socket[bytes], int]]:
    """Yield a socket whose peer, in another process, sends everything back; and that process's id."""
    with tempfile.TemporaryDirectory(prefix="tw") as directory, zmq.Context() as context:
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.rcvtimeo = int(PATIENCE * 1000)
        socket.bind(f"ipc://{directory}/echo")
        process = subprocess.Popen(
            [sys.executable, "-c", ECHO, f"ipc://{directory}/echo"], stdin=subprocess.PIPE
        )
        try:
            socket.recv()
            yield socket, process.pid
        finally:
            process.kill()
            process.communicate()
            socket.close()


def median_of(count: int, once: Callable[[], bool]) -> float:
    """Return the median seconds of *count* round trips; each answer is checked."""
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        right = once()
        took.append(time.perf_counter() - begun)
        if not right:
            raise AssertionError("a wrong answer")
    return statistics.median(took)
