"""The data channel by itself: a scripted interpreter at its other end, dead or alive as the case needs it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from bridge.certificate import Certificate, Phase, Verdict
from bridge.channel import DataChannel
from bridge.enforcement import Enforcement
from bridge.errors import CallDeadline, ChannelUnavailable, ProtocolError, WorkerDied
from bridge.ladder import Graces
from bridge.payload import encode_call
from bridge.protocol import Conversation, Line, State
from bridge.wire import codec, exchange
from bridge.wire.board import Board
from bridge.wire.frames import Fault, Kind
from supervision.clock import MonotonicClock, VirtualClock
from supervision.events import Event


class Scripted:
    """An interpreter that is what the test says."""

    worker, incarnation, pid = "w", 3, 7

    def __init__(self) -> None:
        self.kills: list[Verdict] = []
        self.steps: list[str] = []
        self.told: list[Event] = []

    def flag(self, call_id: int) -> None:
        self.steps.append(f"flag {call_id}")

    def interrupt(self, call_id: int, why: str, verdict: Verdict) -> None:
        self.steps.append(f"interrupt {call_id}")

    def terminate(self, why: str, verdict: Verdict, call_id: int) -> None:
        self.steps.append("terminate")

    def kill(self, why: str, verdict: Verdict = Verdict.KILLED_BY_US, call_id: int = 0) -> None:
        self.kills.append(verdict)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def account(self, timeout: float) -> Certificate:
        verdict = self.kills[0] if self.kills else Verdict.KILLED_FROM_OUTSIDE
        return Certificate(worker="w", incarnation=3, pid=7, verdict=verdict, phase=Phase.RUNNING)


class Stage:
    """A channel, the child's end of it, a board, and a descriptor that stands for the pidfd."""

    def __init__(self, context: Any, path: Path) -> None:
        self.host, self.child = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        self.host.linger = self.child.linger = 0
        self.host.bind(f"ipc://{path}")
        self.child.connect(f"ipc://{path}")
        # What is sent before the two have met is lost.
        self.child.send(b"")
        self.host.recv()
        self.board_fd, self.pidfd = Board.create_fd(), os.eventfd(0)
        self.board = Board(self.board_fd)
        (self.words,) = self.board.lanes
        self.owner = Scripted()
        self.clock = MonotonicClock()
        self.scripts: list[threading.Thread] = []
        self.channel = self.make(self.clock)

    def make(
        self, clock: MonotonicClock | VirtualClock, state: State = State.OPEN, codec: str = "pickle"
    ) -> DataChannel:
        """Return the host's end, open or as *state* says."""
        conversation = Conversation(line=Line.DATA, incarnation=3, nonce="n", pid=7, state=state)
        enforcement = Enforcement(self.owner, Graces(flag=0.01, interrupt=0.01, terminate=0.01), clock)
        return DataChannel(
            self.owner, self.host, conversation, self.pidfd, self.board, 0, clock, enforcement, codec
        )

    def answer(self, call_id: int, value: object, *, kind: Kind = Kind.RESULT, incarnation: int = 3) -> None:
        """Say what the child would; the channel may be read at the same time, so only by one thread at once."""
        exchange.send(self.child, kind, incarnation, call_id, codec.dumps(value), block=True)

    def on_call(self, *acts: Callable[[], object]) -> None:
        """Have each of *acts* done when the next call has come, one call after the other."""

        def act() -> None:
            for each in acts:
                assert self.child.poll(5000)
                self.words.started = exchange.receive(self.child)[0].call_id
                each()

        self.scripts.append(threading.Thread(target=act))
        self.scripts[-1].start()

    def die(self) -> None:
        """Have the process dead."""
        os.eventfd_write(self.pidfd, 1)

    def call(self, timeout: float = 10.0) -> Any:
        """Call over the channel."""
        return self.channel.call(encode_call(len, ((),), {}), timeout=timeout)


@pytest.fixture
def stage(tmp_path: Path, no_leaks: None) -> Iterator[Stage]:
    """Everything set up, and closed at the end."""
    context: Any = zmq.Context()
    stage = Stage(context, tmp_path / "s")
    yield stage
    for script in stage.scripts:
        script.join()
    stage.clock.close()
    assert stage.channel.close(1)
    stage.child.close()
    context.term()
    stage.board.close()
    os.close(stage.board_fd)
    os.close(stage.pidfd)


def test_an_answer_outlives_its_worker(stage: Stage) -> None:
    """The child had handed its answer to ZeroMQ and died; the answer is on its way, so it is waited for."""
    stage.words.started = stage.words.finished = 1
    stage.die()
    stage.clock.call_at(stage.clock.now() + 0.05, lambda: stage.answer(1, "late"))

    assert stage.call() == "late"
    assert stage.channel.clean


def test_an_answer_that_is_there_counts(stage: Stage) -> None:
    """Dead and answered in the same moment: the answer wins."""

    def die(_: object) -> None:
        assert stage.host.poll(5000)
        stage.die()

    def act() -> None:
        exchange.send(stage.child, Kind.PROGRESS, 3, 1, [b'[1, null, ""]'], block=True)
        stage.answer(1, "in time")

    stage.on_call(act)

    assert stage.channel.call(encode_call(len, ((),), {}), timeout=10, on_progress=die) == "in time"


@pytest.mark.parametrize(("on_board", "started"), [(0, False), (1, True)])
def test_a_death_without_an_answer(stage: Stage, on_board: int, started: bool) -> None:
    """The board says whether the call had begun; nothing is waited for."""
    stage.words.started = on_board
    stage.die()

    with pytest.raises(WorkerDied) as caught:
        stage.call()
    assert caught.value.started is started
    assert not stage.channel.clean


def test_an_answer_that_was_promised_and_does_not_come(stage: Stage) -> None:
    """It died while its answer was still in its own memory: the wait for it is short."""
    stage.words.started = stage.words.finished = 1
    stage.die()

    with pytest.raises(WorkerDied) as caught:
        stage.call()
    assert caught.value.started


@pytest.mark.parametrize("number", range(1, 25))
def test_a_call_that_is_interrupted_before_it_is_sent(stage: Stage, number: int) -> None:
    """Ctrl-C at any line until then: the channel takes the next call if nothing is in it; else it says that it is not clean."""
    channel = stage.make(stage.clock)
    request = encode_call(len, ((),), {})
    watched = {DataChannel.call.__code__, DataChannel._begin.__code__, DataChannel._leave.__code__}
    lines = 0

    def strike(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        if event == "line" and lines == number:
            raise KeyboardInterrupt
        return strike

    def trace(frame: Any, _: str, __: Any) -> Any:
        return strike if frame.f_code in watched else None

    assert channel.clean
    # Its answer is there when it gets so far.
    exchange.send(stage.child, Kind.RESULT, 3, 1, codec.dumps("mine"), block=True)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            channel.call(request, timeout=10.0)
    finally:
        sys.settrace(before)

    sent = stage.child.poll(100) > 0
    assert not (channel.clean and sent and stage.host.poll(0))
    if channel.clean and not sent:
        assert channel.call(request, timeout=10.0) == "mine"
    assert channel.close(0.0)


@pytest.mark.promise("late-reply-isolated")
@pytest.mark.promise("malformed-frames")
def test_a_second_answer_reaches_nobody(stage: Stage) -> None:
    """The next call finds it, and is told that nothing of it was begun; the worker is killed."""

    def answer_twice() -> None:
        stage.answer(1, "first")
        stage.answer(1, "first, again")

    stage.on_call(answer_twice)
    assert stage.call() == "first"
    assert stage.host.poll(5000)

    with pytest.raises(WorkerDied) as caught:
        stage.call()
    assert not caught.value.started
    assert stage.owner.kills == [Verdict.PROTOCOL]


@pytest.mark.promise("late-reply-isolated")
@pytest.mark.promise("malformed-frames")
def test_a_late_answer_is_not_the_next_calls(stage: Stage) -> None:
    """An answer to a call that is over, which comes while another one runs, is a fault and not that one's answer."""
    stage.on_call(lambda: stage.answer(1, "first"), lambda: stage.answer(1, "first, again"))
    assert stage.call() == "first"

    with pytest.raises(ProtocolError) as caught:
        stage.call()
    assert caught.value.fault is Fault.DUPLICATE
    assert stage.owner.kills == [Verdict.PROTOCOL]


@pytest.mark.promise("malformed-frames")
def test_garbage_before_a_call_is_not_that_calls_fault(stage: Stage) -> None:
    """Bytes that are no message, said by an idle worker: killed, and nothing of the next call has been begun."""
    stage.child.send(b"rubbish")
    assert stage.host.poll(5000)

    with pytest.raises(WorkerDied) as caught:
        stage.call()
    assert not caught.value.started
    assert stage.owner.kills == [Verdict.PROTOCOL]


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    ("kind", "incarnation", "call_id"), [(Kind.RESULT, 2, 1), (Kind.RESULT, 3, 2), (Kind.HELLO, 3, 1)]
)
def test_what_may_not_come_kills(stage: Stage, kind: Kind, incarnation: int, call_id: int) -> None:
    """Another incarnation, a call that was never sent, another kind."""
    stage.on_call(lambda: stage.answer(call_id, "x", kind=kind, incarnation=incarnation))

    with pytest.raises(ProtocolError):
        stage.call()
    assert stage.owner.kills == [Verdict.PROTOCOL]


@pytest.mark.promise("malformed-frames")
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"n": 1}', b"[1, 2]", b'["x", null, ""]', b"[1, null, 2]", b"\xff", b"[" * 60_000],
)
@pytest.mark.parametrize("kind", [Kind.PROGRESS, Kind.ERROR, Kind.LOG])
def test_a_body_that_cannot_be_read(stage: Stage, kind: Kind, body: bytes) -> None:
    """Progress and errors are JSON of a known form; anything else is a fault of the protocol."""
    stage.on_call(lambda: exchange.send(stage.child, kind, 3, 1, [body], block=True))

    with pytest.raises(ProtocolError):
        stage.channel.call(encode_call(len, ((),), {}), timeout=10, on_progress=lambda _: None)
    assert stage.owner.kills == [Verdict.PROTOCOL]


def test_the_deadline_counts_from_the_call(stage: Stage) -> None:
    """Nothing comes: each step is taken once, in order, and the last is a kill with the verdict deadline."""
    with pytest.raises(CallDeadline, match=r"0\.05 s"):
        stage.call(timeout=0.05)
    assert stage.owner.steps == ["flag 1", "interrupt 1", "terminate"]
    assert stage.owner.kills == [Verdict.DEADLINE]


def test_who_was_found_late_is_not_waited_for_again(stage: Stage) -> None:
    """A thread that looks after many calls has seen that the deadline has come: what is left is to end the call."""
    turn = stage.channel.begin(encode_call(len, ((),), {}), timeout=1000.0)
    turn.late = True

    with pytest.raises(CallDeadline):
        stage.channel.complete(turn)
    assert stage.owner.kills == [Verdict.DEADLINE]


def test_a_virtual_clock_does_not_hang_a_call(stage: Stage) -> None:
    """On a clock that stands still, what the poll waited counts."""
    channel = stage.make(VirtualClock())

    with pytest.raises(CallDeadline):
        channel.call(encode_call(len, ((),), {}), timeout=0.05)


def test_close_waits_for_the_lease(stage: Stage) -> None:
    """While a thread is inside a call its socket is not closed under it."""
    inside, refused = threading.Event(), []

    def note(_: object) -> None:
        inside.set()
        refused.append(stage.channel.close(0.05))

    def act() -> None:
        exchange.send(stage.child, Kind.PROGRESS, 3, 1, [b'[1, null, ""]'], block=True)
        stage.answer(1, "done")

    stage.on_call(act)
    assert stage.channel.call(encode_call(len, ((),), {}), timeout=10, on_progress=note) == "done"
    assert inside.is_set()
    assert refused == [False]
    assert stage.channel.close(1)
    assert stage.channel.close(0)


@pytest.mark.promise("binary-payloads")
def test_nothing_is_read_before_the_handshake(stage: Stage) -> None:
    """A channel that nobody has greeted takes no call, and leaves unread what is on it."""
    channel = stage.make(stage.clock, State.AWAITING_HELLO)
    stage.answer(1, "from whom?")
    assert stage.host.poll(5000)

    with pytest.raises(ChannelUnavailable, match="awaiting hello"):
        channel.call(encode_call(len, ((),), {}), timeout=10)
    assert stage.host.poll(0)


@pytest.mark.parametrize("kind", [Kind.PROGRESS, Kind.LOG])
def test_a_call_that_reports_without_end_has_its_deadline(stage: Stage, kind: Kind) -> None:
    """Its messages never leave the channel empty: the deadline is looked at after each, too."""
    body = {
        Kind.PROGRESS: [1, None, ""],
        Kind.LOG: {
            "level": "",
            "number": 1,
            "logger": "",
            "text": "",
            "exception": "",
            "time": 1,
            "dropped": 0,
        },
    }[kind]

    def flood() -> None:
        for _ in range(300_000):
            # It is full once nobody reads any more.
            while not stage.child.poll(10, zmq.POLLOUT):
                if stage.owner.kills:
                    return
            exchange.send(stage.child, kind, 3, 1, [json.dumps(body).encode()])
        stage.answer(1, "at last")

    def wait_for_more(_: object) -> None:
        assert stage.host.poll(5000)

    stage.on_call(flood)
    stage.owner.tell = wait_for_more  # type: ignore[assignment]
    with pytest.raises(CallDeadline):
        stage.channel.call(encode_call(len, ((),), {}), timeout=0.05, on_progress=wait_for_more)
    assert stage.owner.steps == ["flag 1", "interrupt 1", "terminate"]


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), None, "1"])
def test_a_timeout_that_is_none_is_refused(stage: Stage, timeout: Any) -> None:
    """In the caller, before anything is sent: ZeroMQ would take a time below 0 for no limit at all."""
    with pytest.raises((TypeError, ValueError), match="timeout"):
        stage.call(timeout=timeout)
    assert not stage.child.poll(0)
    assert stage.channel.clean


def test_no_time_left_is_a_deadline(stage: Stage) -> None:
    """0 seconds: the call is ended at once, and not waited for without end."""
    with pytest.raises(CallDeadline):
        stage.call(timeout=0)
    assert stage.owner.kills == [Verdict.DEADLINE]


def test_the_next_call_is_not_told_of_anothers_deadline(stage: Stage) -> None:
    """The interpreter was killed for a call that overran; whoever calls it then has lost nothing, and is told so."""
    stage.owner.kills.append(Verdict.DEADLINE)
    stage.die()

    with pytest.raises(WorkerDied) as caught:
        stage.call()
    assert not caught.value.started


@pytest.mark.promise("malformed-frames")
def test_an_interpreter_that_is_not_trusted_cancels_nothing(stage: Stage) -> None:
    """CANCELLED, and nobody has cancelled: its caller would be told that nothing was executed."""
    channel = stage.make(stage.clock, codec="json")
    stage.on_call(lambda: exchange.send(stage.child, Kind.CANCELLED, 3, 1, [b""], block=True))

    with pytest.raises(ProtocolError) as caught:
        channel.call(encode_call(len, ("x",), {}, codec="json"), timeout=10)
    assert caught.value.fault is Fault.UNEXPECTED
