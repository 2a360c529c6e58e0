"""A host that says what it must not, on either channel of a real child: nothing of it is run, and the child says why it ends."""

from __future__ import annotations

import struct
from collections.abc import Callable

import bridge_functions as there
import pytest
import zmq
from bridge_house import PATIENCE, House, Life

from bridge.certificate import Verdict
from bridge.errors import NotPicklable
from bridge.interpreter.hearing import NOT_UNDERSTOOD
from bridge.payload import EncodedCall
from bridge.protocol import Line
from bridge.wire import codec
from bridge.wire.frames import Kind, pack


def of_kind(number: int, incarnation: int) -> bytes:
    """Return a message whose kind is *number*, whether there is one or not."""
    message = pack(Kind.PING, incarnation, 1)
    return message[:6] + struct.pack("!H", number) + message[8:]


#: By what is wrong: the message, of the incarnation that it is for, and what the child says of it.
WRONG: dict[str, tuple[Callable[[int], bytes], str]] = {
    "garbage": (lambda _: b"no message at all, but as long as one", "garbage"),
    "empty": (lambda _: b"", "garbage"),
    "truncated": (lambda incarnation: pack(Kind.PING, incarnation, 1)[:-1], "truncated"),
    "unknown kind": (lambda incarnation: of_kind(99, incarnation), "message kind 99"),
    "a kind of the other direction": (
        lambda incarnation: pack(Kind.PONG, incarnation, 1),
        "unexpected: PONG",
    ),
    "of another incarnation": (lambda incarnation: pack(Kind.PING, incarnation + 1, 1), "wrong id"),
}


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize("line", Line)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_child_that_does_not_understand_ends_and_says_why(house: House, line: Line, wrong: str) -> None:
    """On the control channel also while a call would run: that thread ends the process, not itself."""
    life = house.ready()
    make, said = WRONG[wrong]
    message = make(life.interpreter.incarnation)
    socket = life.interpreter.channel.socket if line is Line.DATA else life.interpreter._control.socket
    assert house.hub.run_there(lambda: socket.send(message, zmq.NOBLOCK), PATIENCE)

    certificate = life.death()
    assert (certificate.verdict, certificate.exit_code) == (Verdict.EXITED, NOT_UNDERSTOOD)
    (text,) = (line for line in certificate.last_output if "the service broke the protocol" in line)
    assert said in text


@pytest.mark.promise("malformed-frames")
def test_json_without_end_is_no_call(house: House) -> None:
    """A child without pickle reads nesting that no stack holds as what it is: a call that cannot be rebuilt; it lives on."""
    life: Life = house.ready(codec=codec.PLAIN, allowed=["bridge_functions:add"])
    for deep in (b"[" * 100_000, b"[" * 5000 + b"]" * 5000, b'{"$dict":' * 400 + b"1" + b"}" * 400):
        with pytest.raises(NotPicklable, match="cannot be rebuilt in the worker"):
            life.run(EncodedCall("deep", [deep], codec.PLAIN))

    assert life.interpreter.ping(PATIENCE) > 0
    assert there.add(1, 2) == 3
