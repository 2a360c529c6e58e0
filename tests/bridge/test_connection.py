"""One connection for a life: what breaks it, doubles it or floods it ends the worker, not the service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bridge_functions as there
import pytest
import zmq
from bridge_house import House, Life

from bridge.certificate import Verdict
from bridge.channel import receive
from bridge.connection import Connection
from bridge.errors import ProtocolError, WorkerDied
from bridge.protocol import Line
from bridge.wire.frames import LARGEST_CONTROL, LARGEST_DATA, QUEUE, Fault

#: A peer of its own, whose memory is not ours: it connects, and does what it is told.
PEER = """
import os, sys, zmq
context = zmq.Context()
socket = context.socket(zmq.DEALER)
socket.linger = 0
socket.sndhwm = 1
socket.reconnect_ivl = -1
socket.connect(sys.argv[1])
part = bytes(int(sys.argv[3]))
sent = 0
if sys.argv[2] == "parts":
    while sent < 4000:
        socket.send(part, zmq.SNDMORE)
        sent += 1
else:
    while socket.poll(500, zmq.POLLOUT) and sent < 4000:
        try:
            socket.send(part, zmq.NOBLOCK)
        except zmq.Again:  # the connection went between the two
            break
        sent += 1
print(sent, flush=True)
sys.stdin.read()
os._exit(0)
"""


class Bound:
    """A host's end, watched, and a process that misbehaves at the other."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], path: Path) -> None:
        self.endpoint = f"ipc://{path}"
        self.socket = context.socket(zmq.DEALER)
        self.connection = Connection(Line.CONTROL, self.socket)
        self.socket.bind(self.endpoint)
        self.peers: list[subprocess.Popen[str]] = []

    def misbehave(self, how: str, size: int) -> int:
        """Let a peer do so, and stay; return how much it could send."""
        peer = subprocess.Popen(
            [sys.executable, "-P", "-c", PEER, self.endpoint, how, str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.peers.append(peer)
        assert peer.stdout is not None
        return int(peer.stdout.readline())

    def close(self) -> None:
        """Leave nothing."""
        for peer in self.peers:
            peer.communicate(timeout=10)
        self.connection.close()
        self.socket.close()


@pytest.fixture
def bound(tmp_path: Path, no_leaks: None) -> Iterator[Bound]:
    """A host's end of a control channel."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    bound = Bound(context, tmp_path / "s")
    yield bound
    bound.close()
    context.term()


def resident() -> int:
    """Return the bytes of memory that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.promise("channel-reused")
def test_a_life_has_one_connection(life: Life) -> None:
    """However many calls and pings there are: one of each channel, and it stays."""
    for number in range(500):
        assert life.call(there.add, number, 1) == number + 1
    assert life.interpreter.ping(20) > 0

    assert [(each.line, each.made) for each in life.interpreter._connections] == [
        (Line.CONTROL, 1),
        (Line.DATA, 1),
    ]


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize("harm", [there.cut_connections, there.scribble_on_connections])
def test_a_connection_that_is_lost_ends_its_worker(life: Life, harm: Callable[[], None]) -> None:
    """The caller does not wait for its deadline: the worker lives and cannot be reached, and the certificate says so."""
    with pytest.raises(WorkerDied, match="connection of its") as caught:
        life.call(harm)

    assert caught.value.certificate.verdict is Verdict.PROTOCOL
    assert life.death() == caught.value.certificate


@pytest.mark.promise("channel-reused")
def test_there_is_no_second_connection(house: House, tmp_path: Path) -> None:
    """Somebody who connects before the worker does, and keeps silent, would get its calls: both are turned away."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "sitecustomize.py").write_text(f"open({str(gate)!r}).read()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)})
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    (path,) = (path for path in Path(house.hub.run.path).iterdir() if path.name.endswith("-0"))
    stranger.connect(f"ipc://{path}")
    gate.write_text("go on")

    certificate = life.death()
    stranger.close()
    context.term()
    assert certificate.verdict is Verdict.PROTOCOL
    assert "connection 2 to the data channel" in certificate.detail


@pytest.mark.promise("malformed-frames")
def test_a_flood_waits_at_its_sender(bound: Bound) -> None:
    """Whoever sends without end has to wait once the queue is full: the service keeps no more than that."""
    sent = bound.misbehave("messages", LARGEST_CONTROL)

    # What the kernel holds for the two ends comes on top.
    assert QUEUE <= sent < QUEUE + 64
    assert bound.connection.take() is None


@pytest.mark.promise("malformed-frames")
def test_a_message_without_an_end_stays_at_its_sender(bound: Bound) -> None:
    """Frame upon frame of one message, 250 MB of them: nothing of it comes here before its last."""
    before = resident()

    assert bound.misbehave("parts", LARGEST_CONTROL) == 4000
    assert not bound.socket.poll(200)
    assert resident() - before < 32 * 1024 * 1024


@pytest.mark.promise("malformed-frames")
def test_a_frame_that_is_too_large_ends_the_connection(bound: Bound) -> None:
    """It is refused by its length, before memory is taken for it."""
    bound.misbehave("messages", LARGEST_CONTROL + 1)

    assert bound.connection.monitor.poll(5000)
    told = bound.connection.take()
    while told is None:
        assert bound.connection.monitor.poll(5000)
        told = bound.connection.take()
    assert "control channel was lost" in told
    assert receive(bound.socket) is None


def test_a_second_connection_is_a_fault(bound: Bound) -> None:
    """Counted when it is made, whoever it is."""
    bound.misbehave("messages", 1)
    assert bound.connection.monitor.poll(5000)
    assert bound.connection.take() is None
    bound.misbehave("messages", 1)
    assert bound.connection.monitor.poll(5000)

    with pytest.raises(ProtocolError) as caught:
        bound.connection.take()
    assert caught.value.fault is Fault.CONNECTION


@pytest.mark.promise("malformed-frames")
def test_the_limits_are_those_of_the_channel(bound: Bound) -> None:
    """The host's end of each line has its own."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    connection = Connection(Line.DATA, socket)

    assert (socket.maxmsgsize, socket.rcvhwm) == (LARGEST_DATA, QUEUE)
    assert (bound.socket.maxmsgsize, bound.socket.rcvhwm) == (LARGEST_CONTROL, QUEUE)
    connection.close()
    socket.close()
    context.term()


def test_what_nobody_watches_any_more_holds_nothing_up(bound: Bound) -> None:
    """A connection that is lost after its watch has ended: ZeroMQ's thread, which serves all others, does not wait to tell."""
    bound.misbehave("messages", 1)
    bound.connection.close()
    bound.peers.pop().communicate(timeout=10)
    while bound.socket.poll(200):
        receive_all(bound.socket)

    bound.misbehave("messages", 1)

    assert bound.socket.poll(5000)


def receive_all(socket: zmq.Socket[bytes]) -> None:
    """Take what is there."""
    while socket.poll(0):
        socket.recv_multipart()
