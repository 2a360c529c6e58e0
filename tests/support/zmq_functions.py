"""What calls do with the zmq of their worker, of which it has imported a part for itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any


def use_zmq(first: str) -> list[bytes]:
    """Return what went through a pair of sockets, with and without a copy, after an import of *first*."""
    importlib.import_module(first)
    import zmq
    import zmq.asyncio

    assert sys.modules["zmq"] is zmq
    assert issubclass(zmq.asyncio.Socket, zmq.Socket)
    assert zmq.__version__ == sys.modules["bridge.interpreter.sockets"].PYZMQ
    compiled: Any = zmq.backend.cython._zmq  # type: ignore[attr-defined]
    assert zmq.backend.Socket is compiled.Socket
    assert issubclass(zmq.Socket, compiled.Socket)
    with zmq.Context() as context, context.socket(zmq.PAIR) as left, context.socket(zmq.PAIR) as right:
        left.bind("inproc://pair")
        right.connect("inproc://pair")
        failure = _failure(lambda: right.recv(zmq.NOBLOCK))
        assert type(failure) is zmq.Again is zmq.error.Again
        assert failure.errno == zmq.EAGAIN
        poller = zmq.Poller()
        poller.register(right, zmq.POLLIN)
        left.send(b"whole")
        left.send(b"kept", copy=False)
        assert poller.poll(10_000) == [(right, zmq.POLLIN)]
        _set_and_get(left)
        return [right.recv(), right.recv(copy=False).bytes]


def _set_and_get(socket: Any) -> None:
    """Options of every type of value, which zmq's compiled part must know, and one that there is not."""
    import zmq

    socket.set(zmq.IDENTITY, b"me")
    assert socket.get(zmq.IDENTITY) == b"me"
    socket.setsockopt(zmq.MAXMSGSIZE, 1 << 40)
    assert socket.getsockopt(zmq.MAXMSGSIZE) == 1 << 40
    assert socket.get(zmq.AFFINITY) == 0
    socket.rcvtimeo = 5
    assert socket.rcvtimeo == 5
    assert socket.get(zmq.FD) > 2
    assert isinstance(_failure(lambda: socket.get(9999)), zmq.ZMQError)
    assert zmq.constants.SocketOption(zmq.IDENTITY) is zmq.SocketOption.IDENTITY


def zmq_errors_without_imports() -> list[str]:
    """Return the errors of a socket like the worker's own, made where nothing can be imported."""
    from bridge.interpreter import sockets

    context = sockets.new_context()
    socket = sockets.connect(context, "ipc:///nowhere/at/all", largest=1, linger=0)
    finders = sys.meta_path[:]
    sys.meta_path.clear()
    try:
        attempts = (lambda: socket.recv(1), lambda: socket.connect("nonsense"))
        return [type(_failure(attempt)).__name__ for attempt in attempts]
    finally:
        sys.meta_path[:] = finders
        socket.close()
        context.term()


def _failure(attempt: Callable[[], object]) -> Exception | None:
    try:
        attempt()
    except Exception as error:  # whatever it is, it is told
        return error
    return None
