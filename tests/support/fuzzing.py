"""Messages that are right, nearly right, and rubbish, from a source of randomness; and ends to feed them to."""

from __future__ import annotations

import json
import random
import struct
from types import SimpleNamespace
from typing import Any

import zmq

from bridge.errors import ProtocolError
from bridge.handshake import Handshake
from bridge.interpreter.hearing import Hearing
from bridge.payload import encode_call
from bridge.protocol import Line
from bridge.wire import exchange
from bridge.wire.frames import VERSION, Fault, Kind, WireError

__all__ = ["INCARNATION", "Script", "compare_ways", "feed_child", "feed_host", "message", "spoilt"]

INCARNATION = 3
_NONCE, _PID = "n", 7


class Script:
    """A socket that has received the given messages, and keeps what is sent."""

    def __init__(self) -> None:
        self.waiting: list[list[bytes]] = []
        self.sent: list[bytes] = []
        self._rest: list[bytes] = []

    @property
    def has_more(self) -> bool:
        """Whether anything is left to be read."""
        return bool(self.waiting or self._rest)

    def recv(self, flags: int = 0, copy: bool = True) -> object:
        if not self._rest:
            if not self.waiting:
                raise zmq.Again
            self._rest = self.waiting.pop(0)
        frame = self._rest.pop(0)
        return frame if copy else SimpleNamespace(buffer=memoryview(frame))

    def get(self, option: int) -> int:
        return bool(self._rest)

    def send(self, data: bytes, flags: int = 0) -> None:
        self.sent.append(data)


def message(
    rng: random.Random, incarnation: int = INCARNATION, kind: Kind | None = None, last: int = 5
) -> list[bytes]:
    """Return the frames of a message that is well formed, and may be wrong in its ids or its place."""
    kind = kind or rng.choice(list(Kind))
    body: list[bytes | memoryview] = []
    if kind is Kind.HELLO:
        told = {
            "worker": "w", "incarnation": incarnation, "nonce": _NONCE, "pid": _PID, "protocol": VERSION,
            "python": "3", "pyzmq": "27", "capabilities": ["progress"],
        }  # fmt: skip
        if rng.random() < 0.2:
            told[rng.choice(list(told))] = rng.choice([None, "", 0, [], {}, -1, "x"])
        body = [json.dumps(told).encode()]
    elif kind is Kind.CALL:
        body = list(encode_call(len, ((),), {}).frames)
    elif rng.random() < 0.7:
        body = [rng.randbytes(rng.randrange(40)) for _ in range(rng.randrange(4))]
    script = Script()
    number = rng.choice([last, last, last + 1, max(last - 1, 0), 0, last + 1000])
    if rng.random() < 0.1:
        incarnation = rng.choice([0, incarnation + 1, incarnation - 1, 2**64 - 1])
    exchange.send(script, kind, incarnation, number, body)
    return script.sent


def spoilt(rng: random.Random, frames: list[bytes]) -> list[bytes]:
    """Return *frames* with something done to them that breaks them, or hardly ever does not."""
    frames = list(frames)
    at = rng.randrange(len(frames))
    match rng.randrange(8):
        case 0:
            frames[at] = frames[at][: rng.randrange(len(frames[at]) + 1)]
        case 1:
            frames[at] += rng.randbytes(rng.randrange(1, 50))
        case 2:
            frames.insert(at, rng.randbytes(rng.randrange(50)))
        case 3:
            frames.append(frames[at])
        case 4:
            del frames[at]
        case 5:
            rng.shuffle(frames)
            frames = frames * rng.randrange(1, 4)
        case 6 if frames[at]:
            damaged = bytearray(frames[at])
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            frames[at] = bytes(damaged)
        case _ if len(frames[0]) >= 24:
            # A header that promises anything.
            header = struct.pack(
                "!IQQ", rng.getrandbits(32) >> rng.randrange(32), INCARNATION, rng.getrandbits(64)
            )
            frames[0] = frames[0][:8] + header + frames[0][8 + len(header) :]
        case _:
            frames[at] = b"rubbish"
    return frames or [b""]


def feed_host(rng: random.Random, count: int) -> list[Fault]:
    """Let a host's handshake, then its open channels, take *count* messages; return the faults found.

    Raises:
        Exception: What is no classified fault.
    """
    sockets: dict[Line, Any] = {line: Script() for line in Line}
    handshake = Handshake(
        incarnation=INCARNATION,
        nonce=_NONCE,
        pid=_PID,
        control=sockets[Line.CONTROL],
        data=[sockets[Line.DATA]],
    )
    faults: list[Fault] = []
    for number in range(count):
        line = rng.choice(list(Line))
        # What a right peer says first, most times, so that the rest is reached.
        frames = message(rng, kind=Kind.HELLO if number < 2 and rng.random() < 0.8 else None)
        sockets[line].waiting.append(spoilt(rng, frames) if rng.random() < 0.5 else frames)
        # What follows a whole message is the next one, also if it came as a part of it.
        while sockets[line].has_more:
            before = handshake.conversation(sockets[line])
            try:
                taken = handshake.take(sockets[line])
                assert taken is not None
            except ProtocolError as error:
                faults.append(error.fault)
                # A fault opens nothing.
                assert handshake.conversation(sockets[line]) == before
    return faults


def feed_child(rng: random.Random, count: int) -> list[Fault]:
    """Let the child's ears take *count* messages; return the faults. What is accepted is what may be run.

    Raises:
        Exception: What is no classified fault.
    """
    socket, heard, last = Script(), Hearing(INCARNATION, {Kind.CALL, Kind.PING}), 0
    faults: list[Fault] = []
    for _ in range(count):
        frames = message(rng, last=last + 1)
        socket.waiting.append(spoilt(rng, frames) if rng.random() < 0.5 else frames)
        while socket.has_more:
            try:
                header, body = heard.take(socket)
            except WireError as error:
                faults.append(error.fault)
                continue
            assert header.incarnation == INCARNATION
            assert header.kind in {Kind.CALL, Kind.PING}
            assert header.size == sum(part.nbytes for part in body)
            if header.kind is Kind.CALL:
                assert header.call_id > last
                last = header.call_id
    return faults


def compare_ways(rng: random.Random, count: int) -> int:
    """Have *count* messages heard as a lane hears its calls, the short way and the long one; return how many were taken.

    Raises:
        AssertionError: The two do not hear the same.
    """
    ways = [(Script(), Hearing(INCARNATION, {Kind.CALL})) for _ in range(2)]
    (short, short_ears), (long, long_ears) = ways
    taken = last = 0
    for _ in range(count):
        frames = message(rng, kind=Kind.CALL if rng.random() < 0.7 else None, last=last + 1)
        frames = spoilt(rng, frames) if rng.random() < 0.5 else frames
        for script, _ in ways:
            script.waiting.append([*frames])
        while long.has_more:
            heard: Any
            expected: Any
            try:
                header, body = long_ears.take(long)
                last, taken = header.call_id, taken + 1
                expected = header.call_id, [bytes(part) for part in body]
            except WireError as error:
                expected = str(error)
            try:
                call_id, parts = short_ears.take_call(short)
                heard = call_id, [bytes(part) for part in parts]
            except WireError as error:
                heard = str(error)
            assert heard == expected
        assert not short.has_more
    return taken
