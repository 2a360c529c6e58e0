"""Which message may come when: the state machine by itself, without a socket."""

from __future__ import annotations

import itertools
import json
from typing import Any

import attrs
import pytest

from bridge.errors import ProtocolError
from bridge.protocol import ALLOWED, Conversation, Hello, Line, State
from bridge.wire.frames import VERSION, Fault, Header, Kind

HELLO = Hello(worker="w", incarnation=3, nonce="n", pid=7, protocol=VERSION, python="3.12.1", pyzmq="27")
NEW = {line: Conversation(line=line, incarnation=3, nonce="n", pid=7) for line in Line}


def header(kind: Kind, incarnation: int = 3, call_id: int = 0) -> Header:
    """Return a header."""
    return Header(kind, incarnation, call_id, 0, 0)


def opened(line: Line) -> Conversation:
    """Return a conversation after its hello."""
    return NEW[line].greet(header(Kind.HELLO), HELLO)


def in_state(line: Line, state: State) -> Conversation:
    """Return a conversation in *state*."""
    match state:
        case State.AWAITING_HELLO:
            return NEW[line]
        case State.OPEN:
            return opened(line)
        case State.CLOSED:
            return opened(line).closed()


@pytest.mark.parametrize("line", Line)
def test_a_hello_opens(line: Line) -> None:
    """The right hello opens a channel; the conversation before it stays as it was."""
    assert opened(line).state is State.OPEN
    assert NEW[line].state is State.AWAITING_HELLO


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"nonce": "guessed"}, Fault.WRONG_NONCE),
        ({"pid": 8}, Fault.WRONG_NONCE),
        ({"incarnation": 2}, Fault.WRONG_ID),
        ({"protocol": VERSION + 1}, Fault.VERSION),
    ],
)
def test_a_wrong_hello_is_refused(change: dict[str, Any], fault: Fault) -> None:
    """Only the process that we started, in this incarnation, with our protocol; the text does not give the nonce away."""
    with pytest.raises(ProtocolError) as caught:
        NEW[Line.DATA].greet(header(Kind.HELLO), attrs.evolve(HELLO, **change))

    assert caught.value.fault is fault
    assert "guessed" not in str(caught.value)


def test_a_second_hello_is_refused() -> None:
    """Also if it is right: somebody else would talk on a channel that is taken."""
    with pytest.raises(ProtocolError) as caught:
        opened(Line.CONTROL).greet(header(Kind.HELLO), HELLO)
    assert caught.value.fault is Fault.UNEXPECTED


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(("line", "state", "kind"), [*itertools.product(Line, State, Kind)])
def test_the_table_is_total(line: Line, state: State, kind: Kind) -> None:
    """For each channel, state and kind: accepted if the table says so, else classified as unexpected."""
    conversation = in_state(line, state)

    if kind in ALLOWED[line, state]:
        conversation.check(header(kind))
    else:
        with pytest.raises(ProtocolError) as caught:
            conversation.check(header(kind))
        assert caught.value.fault is Fault.UNEXPECTED
        assert kind.name in str(caught.value)


def test_nothing_may_come_after_the_end() -> None:
    """The closed state accepts no kind at all."""
    assert not ALLOWED[Line.DATA, State.CLOSED] | ALLOWED[Line.CONTROL, State.CLOSED]


def test_another_incarnations_message_is_refused() -> None:
    """A frame with an old id changes nothing."""
    with pytest.raises(ProtocolError) as caught:
        opened(Line.DATA).check(header(Kind.RESULT, incarnation=2))
    assert caught.value.fault is Fault.WRONG_ID


@pytest.mark.promise("malformed-frames")
def test_answers_belong_to_calls() -> None:
    """The current call's is taken; one to a call that is over, or was never sent, is a fault."""
    channel = opened(Line.DATA)

    channel.check_answer(header(Kind.RESULT, call_id=5), 5)
    for call_id, fault in ((4, Fault.DUPLICATE), (6, Fault.WRONG_ID)):
        with pytest.raises(ProtocolError) as caught:
            channel.check_answer(header(Kind.RESULT, call_id=call_id), 5)
        assert caught.value.fault is fault


def test_a_hello_is_json_of_the_right_types() -> None:
    """Nothing is unpickled before the peer is known, and nothing is believed that has the wrong type."""
    good = attrs.asdict(HELLO)
    assert Hello.parse(json.dumps(good).encode()) == HELLO
    assert Hello.parse(json.dumps({**good, "new": 1}).encode()) == HELLO
    told = Hello.parse(json.dumps({**good, "capabilities": ["flight", 1, [], "progress"]}).encode())
    assert told.capabilities == ("progress",)

    bad = [
        json.dumps({**good, "capabilities": "progress"}).encode(),
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        json.dumps({**good, "pid": True}).encode(),
    ]
    for data in [*bad, json.dumps({**good, "nonce": 5}).encode()]:
        with pytest.raises(ProtocolError) as caught:
            Hello.parse(data)
        assert caught.value.fault is Fault.GARBAGE
