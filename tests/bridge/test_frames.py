"""The header of each message: what is sent comes back, and everything else is classified."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import zmq
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.wire import exchange
from bridge.wire.frames import (
    HEADER_SIZE,
    LIMITS,
    MAX_FRAMES,
    VERSION,
    Fault,
    Header,
    Kind,
    WireError,
    check_body,
    pack,
    unpack,
)

numbers = st.integers(0, 2**64 - 1)


def fault_of(data: bytes) -> Fault:
    """Return the class of the fault in *data*, which must have one."""
    with pytest.raises(WireError) as caught:
        unpack(data)
    assert caught.value.detail in str(caught.value)
    return caught.value.fault


@given(
    kind=st.sampled_from(Kind),
    incarnation=numbers,
    call_id=numbers,
    body=st.lists(st.binary(max_size=100), max_size=5),
)
def test_a_header_comes_back(kind: Kind, incarnation: int, call_id: int, body: list[bytes]) -> None:
    """Kind, ids, number of frames and size survive, and fit the body; its first part follows the header at once."""
    first = pack(kind, incarnation, call_id, body)
    header = unpack(first)
    more = max(0, len(body) - 1)

    assert header == Header(kind, incarnation, call_id, more, sum(map(len, body)))
    assert first[HEADER_SIZE:] == b"".join(body[:1])
    check_body(header, more, sum(map(len, body)))


@pytest.mark.promise("malformed-frames")
@given(data=st.binary(max_size=2 * HEADER_SIZE))
@example(data=b"")
@example(data=b"TWdn" + bytes(HEADER_SIZE - 4))
def test_any_bytes_are_a_header_or_a_classified_fault(data: bytes) -> None:
    """Whatever comes, unpack returns a header or raises a WireError, nothing else."""
    try:
        fault = None
        unpack(data)
    except WireError as error:
        fault = error.fault
    assert fault is None or fault in Fault


@pytest.mark.promise("malformed-frames")
def test_faults_of_a_header() -> None:
    """Rubbish, a piece of a header, another version, another kind."""
    good = pack(Kind.PING, 1, 2)

    assert fault_of(b"GET / HTTP/1.1\r\n" + bytes(HEADER_SIZE)) is Fault.GARBAGE
    assert fault_of(b"") is Fault.GARBAGE
    assert fault_of(good[:-1]) is Fault.TRUNCATED
    assert fault_of(good[:4] + (VERSION + 1).to_bytes(2, "big") + good[6:]) is Fault.VERSION
    assert fault_of(good[:6] + (99).to_bytes(2, "big") + good[8:]) is Fault.GARBAGE


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_its_limit(kind: Kind) -> None:
    """A header that announces more than its kind may have is refused before the body is looked at."""
    good = pack(kind, 1, 2)

    assert unpack(good[:-8] + LIMITS[kind].to_bytes(8, "big")).size == LIMITS[kind]
    assert fault_of(good[:-8] + (LIMITS[kind] + 1).to_bytes(8, "big")) is Fault.OVERSIZED
    assert fault_of(good[:8] + (MAX_FRAMES + 1).to_bytes(4, "big") + good[12:]) is Fault.OVERSIZED


def test_too_much_is_not_even_packed() -> None:
    """The sender is told, not the receiver."""
    with pytest.raises(WireError) as caught:
        pack(Kind.HELLO, 1, 0, [bytes(LIMITS[Kind.HELLO] + 1)])
    assert caught.value.fault is Fault.OVERSIZED


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    ("frames", "size", "fault"),
    [(0, 10, Fault.TRUNCATED), (1, 9, Fault.TRUNCATED), (2, 10, Fault.OVERSIZED), (1, 11, Fault.OVERSIZED)],
)
def test_a_body_must_fit_its_header(frames: int, size: int, fault: Fault) -> None:
    """Less is truncated, more is oversized."""
    header = unpack(pack(Kind.CALL, 1, 1, [b"12345", b"67890"]))

    with pytest.raises(WireError) as caught:
        check_body(header, frames, size)
    assert caught.value.fault is fault


class Script:
    """A socket that has received the given frames."""

    def __init__(self, *frames: bytes) -> None:
        self.frames = list(frames)

    def recv(self, flags: int = 0, copy: bool = True) -> object:
        frame = self.frames.pop(0)
        return frame if copy else SimpleNamespace(buffer=memoryview(frame))

    def get(self, option: int) -> int:
        assert option == zmq.RCVMORE
        return bool(self.frames)

    def send(self, data: bytes, flags: int = 0) -> None:
        self.frames.append(data)


@pytest.mark.parametrize("frames", [[b"rubbish"], [b"rubbish", b"and", b"more"]])
def test_a_message_that_is_refused_is_read_to_its_end(frames: list[bytes]) -> None:
    """What comes next starts where it should."""
    socket = Script(*frames)

    with pytest.raises(WireError):
        exchange.receive(socket)
    assert not socket.frames


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda frames: frames[:-1], Fault.TRUNCATED),
        (lambda frames: [frames[0][:-1], *frames[1:]], Fault.TRUNCATED),
        (lambda frames: [*frames, b""], Fault.OVERSIZED),
        (lambda frames: [frames[0] + b"x", *frames[1:]], Fault.OVERSIZED),
    ],
    ids=["a frame less", "a byte less", "a frame more", "a byte more"],
)
def test_a_message_must_be_whole(change: Callable[[list[bytes]], list[bytes]], fault: Fault) -> None:
    """A frame or a byte too few or too many is seen."""
    socket = Script()
    exchange.send(socket, Kind.RESULT, 1, 2, [b"one", b"two"])
    socket.frames = change(socket.frames)

    with pytest.raises(WireError) as caught:
        exchange.receive(socket)
    assert caught.value.fault is fault


@pytest.mark.promise("malformed-frames")
def test_more_than_was_announced_is_read_and_not_kept() -> None:
    """However many frames follow: none of those beyond the announced ones stays in memory until the last has come."""
    kept: list[weakref.ref[memoryview]] = []
    most = 0

    class Endless(Script):
        def recv(self, flags: int = 0, copy: bool = True) -> object:
            nonlocal most
            most = max(most, sum(each() is not None for each in kept))
            if copy:
                return super().recv(flags, copy)
            buffer = memoryview(self.frames.pop(0))
            kept.append(weakref.ref(buffer))
            return SimpleNamespace(buffer=buffer)

    socket = Endless(pack(Kind.RESULT, 1, 2, [b"one", b"two"]), *[b"two"] * 100)

    with pytest.raises(WireError) as caught:
        exchange.receive(socket)
    assert caught.value.fault is Fault.OVERSIZED
    assert most <= 2


@pytest.mark.parametrize("body", [[b""], [b"one"], [b"one", b"two"], [b"one", b"", b"three"]])
def test_a_message_goes_and_comes(body: list[bytes]) -> None:
    """Small ones in one frame; each further part has a frame of its own."""
    socket = Script()
    exchange.send(socket, Kind.RESULT, 1, 2, body)
    assert len(socket.frames) == len(body)

    header, parts = exchange.receive(socket)
    assert (header.kind, header.incarnation, header.call_id) == (Kind.RESULT, 1, 2)
    assert [bytes(part) for part in parts] == body
