"""A start: its deadline is its own, whatever is said meanwhile; nothing is asked of who has not shaken hands."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import bridge_functions as there
import pytest
import zmq
from bridge_house import PATIENCE, House, Life

from bridge.certificate import Phase, Verdict
from bridge.errors import ChannelUnavailable
from bridge.events import InterpreterDied, InterpreterReady, OutputLine
from bridge.wire import exchange
from bridge.wire.frames import VERSION, Kind

#: A start that never comes to its handshake, and is never silent.
CHATTER = """
import sys, time
while True:
    print("still loading", flush=True)
    print("no progress", file=sys.stderr, flush=True)
    time.sleep(0.01)
"""


@pytest.mark.promise("failed-start-explained")
def test_output_does_not_extend_the_start_deadline(house: House, tmp_path: Path) -> None:
    """Who prints all the time is not ready either: killed at its deadline, with its last lines in the account."""
    (tmp_path / "sitecustomize.py").write_text(CHATTER)
    life = house.launch(env={"PYTHONPATH": str(tmp_path)}, start_timeout=1)

    lines = 0
    while isinstance(event := life.told.get(timeout=PATIENCE), OutputLine):
        lines += 1

    assert isinstance(event, InterpreterDied)
    certificate = event.certificate
    assert lines > 2
    assert (certificate.verdict, certificate.phase) == (Verdict.START_TIMEOUT, Phase.STARTING)
    assert {"still loading", "no progress"} <= {*certificate.last_output}


def hello(life: Life) -> bytes:
    """Return the hello that the process of *life* would say."""
    identity = life.interpreter._identity
    said = {"worker": identity.worker, "incarnation": identity.incarnation, "nonce": identity.nonce}
    versions = {"protocol": VERSION, "python": "3", "pyzmq": "27", "capabilities": []}
    return json.dumps({**said, "pid": life.interpreter.pid, **versions}).encode()


@pytest.mark.promise("failed-start-explained")
def test_half_a_handshake_does_not_extend_the_start_deadline(house: House, tmp_path: Path) -> None:
    """A good hello on one channel and messages after it, for as long as it lives: not ready, and killed in time."""
    (tmp_path / "sitecustomize.py").write_text("import signal\nwhile True: signal.pause()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)}, start_timeout=1)
    context: Any = zmq.Context()
    peer = context.socket(zmq.DEALER)
    peer.linger = 0
    (path,) = (path for path in Path(house.hub.run.path).iterdir() if path.name.endswith(".c"))
    peer.connect(f"ipc://{path}")
    try:
        exchange.send(peer, Kind.HELLO, 1, 0, [hello(life)], block=True)
        for number in range(500):
            if not life.told.empty():
                break
            exchange.send(peer, Kind.PONG, 1, number)
            peer.poll(20)
        else:
            pytest.fail("it lives although its deadline is long over")
    finally:
        peer.close()
        context.term()

    certificate = life.death()
    assert number > 2
    assert (certificate.verdict, certificate.phase) == (Verdict.START_TIMEOUT, Phase.STARTING)


@pytest.mark.promise("ready-means-handshake")
def test_no_call_is_sent_before_the_handshake(house: House, tmp_path: Path) -> None:
    """Refused in the caller, with nothing sent; once it is ready the first call that it is given is call 1."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "sitecustomize.py").write_text(f"open({str(gate)!r}).read()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)}, start_timeout=math.inf)

    with pytest.raises(ChannelUnavailable, match="awaiting hello"):
        life.call(there.add, 1, 2)
    assert life.told.empty()
    gate.write_text("go on")
    life.wait_for(InterpreterReady)
    assert life.interpreter._placement.board.lanes[0].started == 0
    assert life.call(there.add, 1, 2) == 3
    assert life.interpreter._placement.board.lanes[0].started == 1


@pytest.mark.promise("output-captured")
def test_what_is_printed_stays_out_of_the_services_own_output(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """Quiet by default: lines of a worker, of both streams, are events and the account's, and on no terminal."""
    life = house.ready()

    life.call(there.flood, 10)
    life.call(print, "a line of the worker")

    assert life.line("a line of the worker").stream == "stdout"
    life.interpreter.kill("enough")
    assert any("a line of the worker" in line for line in life.death().last_output)
    assert capfd.readouterr() == ("", "")
