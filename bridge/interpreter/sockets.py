"""ZeroMQ as the child has it: a context, its end of a channel, and a wait. Importing this imports zmq, see `light_zmq`.

The sockets are pyzmq's bare ones: what it wraps around them in Python costs as much as they do.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final

from bridge.interpreter import zmq_options
from bridge.interpreter.light_zmq import import_zmq
from bridge.wire.frames import QUEUE

__all__ = ["CLOSED", "PYZMQ", "READABLE", "Again", "connect", "new_context", "wait"]

_backend, PYZMQ = import_zmq()  # to be done before there are other threads

Again: Final[type[Exception]] = importlib.import_module(
    "zmq.error"
).Again  #: a message could not be sent at once
_DEALER: Final = 5
READABLE: Final = 1  #: to wait for
CLOSED: Final = 4  #: likewise


def new_context() -> Any:
    """Return a context; its ``term`` waits until the sockets' last messages have left."""
    return _backend.Context()


def connect(context: Any, endpoint: str, *, largest: int, linger: int) -> Any:
    """Return a socket that connects to *endpoint*, once. Does not wait.

    Args:
        context: Its context.
        endpoint: Where the service is bound.
        largest: Bytes that one frame may have.
        linger: Milliseconds for its last messages to leave once it is closed.
    """
    # The threshold is of no use here, where all is copied; not given, it would be asked of the zmq that has not run.
    socket = _backend.Socket(context, _DEALER, copy_threshold=0)
    socket.set(zmq_options.LINGER, linger)
    socket.set(zmq_options.RECONNECT_IVL, -1)
    socket.set(zmq_options.MAXMSGSIZE, largest)
    socket.set(zmq_options.RCVHWM, QUEUE)
    socket.connect(endpoint)
    return socket


def wait(watched: Sequence[tuple[Any, int]]) -> Sequence[tuple[Any, int]]:
    """Wait for ever until something of *watched*, sockets and descriptors, is what it is watched for; return what is."""
    ready: Sequence[tuple[Any, int]] = _backend.zmq_poll(watched, -1)
    return ready
