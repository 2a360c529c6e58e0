"""When an end of a channel stays awake, and when it sleeps at once; in time that the test makes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
from bridge_house import House

from bridge.errors import CallDeadline
from bridge.interpreter import sockets
from bridge.interpreter.interruption import Window
from bridge.interpreter.lane import Lane
from bridge.payload import encode_call
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import Kind
from bridge.wire.spinning import AdaptiveSpin

LIMIT = 0.0002


class Socket:
    """One whose next message comes when the test says, and a clock that each look at it moves on."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.time = 100.0
        self.comes_at = math.inf
        self.looks = self.pauses = 0
        self.spin = AdaptiveSpin(self.get, limit, now=lambda: self.time, pause=self.pause)

    def get(self, option: int) -> int:
        assert option == 15, "zmq.EVENTS"
        self.looks += 1
        return 1 if self.time >= self.comes_at else 2  # 2: it can be written to

    def pause(self) -> None:
        self.pauses += 1
        self.time += 0.00001

    def wait(self, seconds: float, *, then: float = 0.0, is_coming: Callable[[], bool] | None = None) -> bool:
        """Wait for a message that comes in so long, and do something for *then* seconds; return whether it stayed awake."""
        self.comes_at = self.time + seconds
        awake = self.spin.wait(is_coming)
        self.time = max(self.time, self.comes_at)
        self.spin.came()
        self.time += then
        return awake


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def test_after_a_short_wait_the_next_one_stays_awake_until_the_message_is_there() -> None:
    """And lets others have the processor between two looks. Of the first nothing is known yet."""
    socket = Socket()
    assert not socket.wait(0.0001)
    assert socket.looks == 0

    assert socket.wait(0.0001)
    assert socket.pauses == pytest.approx(10, abs=1)
    assert socket.looks == socket.pauses


def test_nobody_looks_at_the_socket_before_the_message_is_on_its_way() -> None:
    """If something tells, which costs less; and what never comes is not waited for longer than the limit."""
    socket = Socket()
    socket.wait(0.0001)
    assert socket.wait(0.0001, is_coming=lambda: socket.time >= socket.comes_at - 0.00002)
    assert 1 <= socket.looks <= 3
    assert socket.pauses == pytest.approx(10, abs=1)

    assert not socket.wait(1.0, is_coming=lambda: False)
    assert socket.looks <= 3
    assert socket.pauses == pytest.approx(30, abs=2)


def test_after_a_long_wait_the_next_one_sleeps_at_once() -> None:
    """The long one was awake as long as the limit says, and no longer; one short wait makes good for it."""
    socket = Socket()
    socket.wait(0.0001)
    assert not socket.wait(1.0)
    assert socket.looks == pytest.approx(LIMIT / 0.00001, abs=2)

    looks = socket.looks
    assert not socket.wait(0.0001)
    assert socket.looks == looks
    assert socket.wait(0.0001)


@pytest.mark.parametrize(("then", "awake"), [(LIMIT / 2, True), (LIMIT * 2, False)])
def test_what_is_done_between_two_waits_must_be_short_too(then: float, awake: bool) -> None:
    """Who makes a call a second may be answered soon; what it meets is asleep, and should be."""
    socket = Socket()
    socket.wait(0.0001, then=then)
    assert socket.wait(0.0001) is awake


def test_with_a_limit_of_0_nobody_stays_awake() -> None:
    """The option's own word for none."""
    socket = Socket(limit=0.0)
    assert not any(socket.wait(0.0) for _ in range(3))
    assert socket.looks == 0


def test_on_one_processor_nobody_stays_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is waited for needs it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    socket = Socket()
    assert not any(socket.wait(0.0001) for _ in range(3))
    assert socket.looks == 0


#: In the interpreter: its lane's spin, once a wait has begun and ended.
SPIN = "(lambda spin: (spin._limit, spin._began > 0, spin._came > 0))(__import__('bridge.interpreter.current').interpreter.current.lane()._spin)"


@pytest.mark.parametrize(
    ("options", "limit"),
    [({}, 0.0), ({"spin": 0.005}, 0.005), ({"spin": 0.005, "threads": 2}, 0.0)],
    ids=str,
)
def test_the_interpreter_does_as_its_options_say(house: House, options: dict[str, Any], limit: float) -> None:
    """Unless it is asked to, it sleeps at once; of several lanes, which share the GIL, none stays awake."""
    life = house.ready(**options)
    life.call(eval, "1")
    several = life.call(eval, "len(__import__('os').sched_getaffinity(0)) > 1")
    assert tuple(life.call(eval, SPIN)) == (limit if several else 0.0, True, True)
    assert life.interpreter.channel.wires.spin._limit == options.get("spin", 0.0)


def test_the_end_comes_before_a_call_that_is_there(tmp_path: Path, no_leaks: None) -> None:
    """A lane that stays awake from call to call hears that it is to end, and leaves the next one alone."""
    endpoint = f"ipc://{tmp_path}/s"
    stop_fd, board_fd = os.eventfd(1), Board.create_fd()
    board = Board(board_fd)
    fields: dict[str, Any] = dict.fromkeys(BootSpec._fields, 0)
    spec = BootSpec(**fields | {"data": [endpoint], "codec": "pickle", "incarnation": 1})
    side: Any = SimpleNamespace(stopping=False)
    context: Any = zmq.Context()
    with context, context.socket(zmq.DEALER) as host:
        host.bind(endpoint)
        lane: Any = Lane(spec, context, board, 0, Window(board.lanes[0]), side, stop_fd)
        lane.greet(b"hello")

        def always() -> bool:
            # After the first call; the second is there, and no third.
            side.stopping = True
            return lane._spin.asked.count("wait") < 3 and bool(sockets.wait([(lane._data, sockets.READABLE)]))

        lane._spin = Spin(always)
        try:
            assert host.poll(20_000)
            for number in (1, 2):
                exchange.send(host, Kind.CALL, 1, number, encode_call(abs, (-1,), {}).frames, block=True)
            lane.run()
        finally:
            lane._data.close()
        assert lane._spin.asked == ["wait", "came"]
    assert board.lanes[0].finished == 1
    board.close()
    os.close(board_fd)
    os.close(stop_fd)


class Spin:
    """In a caller's place: says that the message is there, or not, and notes what it is asked."""

    def __init__(self, look: Callable[[], bool]) -> None:
        self.look = look
        self.asked: list[str] = []
        self.told: Callable[[], bool] | None = None

    def wait(self, is_coming: Callable[[], bool] | None = None, at_most: float = math.inf) -> bool:
        self.told = is_coming
        self.asked.append("wait")
        return self.look()

    def came(self) -> None:
        self.asked.append("came")


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_a_caller_waits_awake_first_and_says_when_its_answer_came(
    house: House, says: bool, there: bool
) -> None:
    """Whatever it is told, rightly or not, it gets its answer."""
    life = house.ready()
    wires = life.interpreter.channel.wires
    spin: Any = Spin(lambda: (wires.socket.poll(20_000) > 0 if there else True) and says)
    wires.spin = spin
    assert life.call(abs, -1) == 1
    assert spin.asked == ["wait", "came"]
    assert spin.told is not None
    while not spin.told():  # that it is finished the interpreter notes a moment after its answer
        pass


def test_no_longer_than_there_is_time() -> None:
    """A limit beyond the call's deadline gives it no more time."""
    socket = Socket(limit=0.01)
    socket.wait(0.0001)
    socket.comes_at = math.inf
    assert not socket.spin.wait(at_most=0.0005)
    assert socket.pauses == pytest.approx(50, abs=2)


@pytest.mark.parametrize("spin", [0.0, 0.01])
def test_a_deadline_is_kept_by_who_is_awake(house: House, spin: float) -> None:
    """An answer that comes after it, while its caller would still be awake, is not taken."""
    life = house.ready(spin=spin)
    assert [life.call(abs, -1) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(CallDeadline):
        life.call(time.sleep, 0.005, timeout=0.001)
