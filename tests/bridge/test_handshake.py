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
from bridge.protocol import Line
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


class Ends:
    """Both ends of a channel in one process, and the host's handshake on its end."""

    def __init__(self, context: Any, path: Path) -> None:
        self.host = context.socket(zmq.DEALER)
        self.child = context.socket(zmq.DEALER)
        self.host.linger = self.child.linger = 0
        self.host.bind(f"ipc://{path}")
        self.child.connect(f"ipc://{path}")
        self.handshake = Handshake(incarnation=3, nonce="n", pid=7, control=self.host)

    def hello(self, line: Line, **change: Any) -> None:
        """Say hello on *line* and have the host take it."""
        exchange.send(self.child, Kind.HELLO, 3, 0, [json.dumps({**GOOD, **change}).encode()], block=True)
        self.take(line)

    def take(self, line: Line) -> None:
        """Have the host take the next message."""
        assert self.host.poll(5000)
        self.handshake.take(line, self.host)


@pytest.fixture
def ends(tmp_path: Path, no_leaks: None) -> Iterator[Ends]:
    """A channel."""
    context: Any = zmq.Context()
    ends = Ends(context, tmp_path / "s")
    yield ends
    ends.host.close()
    ends.child.close()
    context.term()


@pytest.mark.promise("ready-means-handshake")
def test_both_channels_must_be_greeted(ends: Ends) -> None:
    """One hello is not enough; after both the versions are known."""
    ends.hello(Line.DATA)
    assert not ends.handshake.complete

    ends.hello(Line.CONTROL)
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
        ends.hello(Line.CONTROL, **change)

    assert caught.value.fault is fault
    assert ends.child.poll(5000)
    message = receive(ends.child)
    assert message is not None
    assert (message[0].kind, bytes(message[1][0]).decode()) == (Kind.REFUSED, str(caught.value))
    assert not ends.handshake.complete


@pytest.mark.promise("malformed-frames")
def test_a_second_hello_is_refused(ends: Ends) -> None:
    """A channel that is open is taken."""
    ends.hello(Line.DATA)

    with pytest.raises(ProtocolError) as caught:
        ends.hello(Line.DATA)
    assert caught.value.fault is Fault.UNEXPECTED


@pytest.mark.promise("malformed-frames")
def test_garbage_is_classified(ends: Ends) -> None:
    """Bytes that are none of ours are a fault, not an exception from within."""
    ends.child.send_multipart([b"rubbish", b"more"])

    with pytest.raises(ProtocolError) as caught:
        ends.take(Line.CONTROL)
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
@pytest.mark.parametrize("line", Line)
@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.ERROR, Kind.CALL, Kind.PROGRESS, Kind.LOG, Kind.HELLO])
def test_nothing_is_unpickled_before_the_handshake(
    ends: Ends, tmp_path: Path, line: Line, kind: Kind
) -> None:
    """A pickle from somebody who has not said who they are is refused unread, whatever it calls itself."""
    file = tmp_path / "exploded"
    exchange.send(ends.child, kind, 3, 0, [pickle.dumps(there.Bomb(str(file)))], block=True)

    with pytest.raises(ProtocolError) as caught:
        ends.take(line)

    assert caught.value.fault is (Fault.GARBAGE if kind is Kind.HELLO else Fault.UNEXPECTED)
    assert not file.exists()
    # The twin: it is a bomb.
    pickle.loads(pickle.dumps(there.Bomb(str(file))))
    assert file.exists()
