"""The handshake over real sockets, and what becomes of an interpreter that breaks the protocol."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bridge_functions as there
import pytest
import zmq
from bridge_house import House, Life

from bridge.certificate import Verdict
from bridge.channel import receive
from bridge.errors import ProtocolError, WorkerDied
from bridge.handshake import Handshake
from bridge.wire import exchange
from bridge.wire.frames import VERSION, Fault, Kind

GOOD = {
    "worker": "w",
    "incarnation": 3,
    "nonce": "n",
    "pid": 7,
    "protocol": VERSION,
    "python": "3.12.1",
    "pyzmq": "27",
    "capabilities": [],
}


CONTROL, LANE, OTHER_LANE = range(3)


class Ends:
    """Both ends of each channel in one process, and the host's handshake on its ends: control, and two lanes."""

    def __init__(self, context: Any, path: Path) -> None:
        self.host, self.child = ([context.socket(zmq.DEALER) for _ in range(3)] for _ in range(2))
        for number, (host, child) in enumerate(zip(self.host, self.child, strict=True)):
            host.linger = child.linger = 0
            host.bind(f"ipc://{path}{number}")
            child.connect(f"ipc://{path}{number}")
        control, *data = self.host
        self.handshake = Handshake(incarnation=3, nonce="n", pid=7, control=control, data=data)

    def hello(self, channel: int, **change: Any) -> None:
        """Say hello on *channel* and have the host take it."""
        hello = json.dumps({**GOOD, **change}).encode()
        exchange.send(self.child[channel], Kind.HELLO, 3, 0, [hello], block=True)
        self.take(channel)

    def take(self, channel: int) -> None:
        """Have the host take the next message."""
        assert self.host[channel].poll(5000)
        self.handshake.take(self.host[channel])


@pytest.fixture
def ends(tmp_path: Path, no_leaks: None) -> Iterator[Ends]:
    """A channel."""
    context: Any = zmq.Context()
    ends = Ends(context, tmp_path / "s")
    yield ends
    for socket in (*ends.host, *ends.child):
        socket.close()
    context.term()


@pytest.mark.promise("ready-means-handshake")
def test_all_channels_must_be_greeted(ends: Ends) -> None:
    """One hello is not enough, nor two of three; after the last one the versions are known."""
    for channel in (LANE, CONTROL):
        ends.hello(channel)
        assert not ends.handshake.complete

    ends.hello(OTHER_LANE)
    assert ends.handshake.complete
    assert ends.handshake.hello is not None
    assert (ends.handshake.hello.python, ends.handshake.hello.pyzmq) == ("3.12.1", "27")


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    ("change", "fault"), [({"nonce": "x"}, Fault.WRONG_NONCE), ({"protocol": VERSION + 1}, Fault.VERSION)]
)
def test_a_wrong_hello_is_refused_and_told(ends: Ends, change: dict[str, Any], fault: Fault) -> None:
    """The peer hears why, on the control channel, and the channel stays closed."""
    with pytest.raises(ProtocolError) as caught:
        ends.hello(CONTROL, **change)

    assert caught.value.fault is fault
    assert ends.child[CONTROL].poll(5000)
    message = receive(ends.child[CONTROL])
    assert message is not None
    assert (message[0].kind, bytes(message[1][0]).decode()) == (Kind.REFUSED, str(caught.value))
    assert not ends.handshake.complete


@pytest.mark.promise("malformed-frames")
def test_a_second_hello_is_refused(ends: Ends) -> None:
    """A channel that is open is taken."""
    ends.hello(LANE)

    with pytest.raises(ProtocolError) as caught:
        ends.hello(LANE)
    assert caught.value.fault is Fault.UNEXPECTED


@pytest.mark.promise("malformed-frames")
def test_garbage_is_classified(ends: Ends) -> None:
    """Bytes that are none of ours are a fault, not an exception from within."""
    ends.child[CONTROL].send_multipart([b"rubbish", b"more"])

    with pytest.raises(ProtocolError) as caught:
        ends.take(CONTROL)
    assert caught.value.fault is Fault.GARBAGE


def test_the_handshake_tells_versions(house: House) -> None:
    """The event that an interpreter is ready says which process, Python and pyzmq it is."""
    import platform

    life = house.launch()

    event = life.ready()
    assert (event.pid, event.python, event.pyzmq) == (
        life.interpreter.pid,
        platform.python_version(),
        zmq.__version__,
    )
    assert event.worker in event.describe()


@pytest.mark.promise("channel-reused")
def test_nobody_can_connect_later(life: Life, house: House) -> None:
    """Once both ends are connected their sockets have no name any more."""
    assert not [path for path in Path(house.hub.run.path).iterdir() if path.is_socket()]
    assert life.call(there.add, 1, 2) == 3


@pytest.mark.promise("malformed-frames")
def test_a_stranger_on_the_control_channel_ends_the_interpreter(house: House, tmp_path: Path) -> None:
    """A hello without the nonce is refused, and the start fails with that reason; nothing of it is unpickled."""
    (tmp_path / "sitecustomize.py").write_text("import signal\nwhile True: signal.pause()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)})
    context: Any = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    (path,) = (path for path in Path(house.hub.run.path).iterdir() if path.name.endswith(".c"))
    stranger.connect(f"ipc://{path}")
    exchange.send(stranger, Kind.HELLO, 1, 0, [json.dumps({**GOOD, "incarnation": 1}).encode()], block=True)

    certificate = life.death()
    assert certificate.verdict is Verdict.PROTOCOL
    assert "wrong nonce" in certificate.detail
    assert stranger.poll(5000)
    stranger.close()
    context.term()


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    ("function", "fault"), [(there.speak_garbage, Fault.GARBAGE), (there.speak_too_early, Fault.WRONG_ID)]
)
def test_a_worker_that_breaks_the_protocol_in_a_call(life: Life, function: Any, fault: Fault) -> None:
    """The caller is told the class of the fault, and the interpreter is killed for it."""
    with pytest.raises(ProtocolError) as caught:
        life.call(function)

    assert caught.value.fault is fault
    assert not life.interpreter.channel.clean
    assert life.death().verdict is Verdict.PROTOCOL
    with pytest.raises(WorkerDied):
        life.call(there.add, 1, 1)


@pytest.mark.promise("binary-payloads")
@pytest.mark.parametrize("channel", [CONTROL, LANE])
@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.ERROR, Kind.CALL, Kind.PROGRESS, Kind.LOG, Kind.HELLO])
def test_nothing_is_unpickled_before_the_handshake(
    ends: Ends, tmp_path: Path, channel: int, kind: Kind
) -> None:
    """A pickle from somebody who has not said who they are is refused unread, whatever it calls itself."""
    file = tmp_path / "exploded"
    exchange.send(ends.child[channel], kind, 3, 0, [pickle.dumps(there.Bomb(str(file)))], block=True)

    with pytest.raises(ProtocolError) as caught:
        ends.take(channel)

    assert caught.value.fault is (Fault.GARBAGE if kind is Kind.HELLO else Fault.UNEXPECTED)
    assert not file.exists()
    # The twin: it is a bomb.
    pickle.loads(pickle.dumps(there.Bomb(str(file))))
    assert file.exists()
