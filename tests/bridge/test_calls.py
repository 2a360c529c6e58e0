"""Calls over the data channel: what comes back, in which form, and what cannot cross."""

from __future__ import annotations

import math
import os
import pickle
import signal
import threading

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House, Life

from bridge.channel import Progress
from bridge.errors import ChannelUnavailable, NoPong, NotPicklable, RemoteError, RemoteTraceback, WorkerDied
from bridge.payload import encode_call
from bridge.protocol import State
from bridge.wire.codec import OUT_OF_BAND


def test_a_result_comes_back(life: Life) -> None:
    """A call returns what the function returned, keywords included, and leaves the channel clean."""
    assert life.call(there.add, 1, right=2) == 3
    assert life.interpreter.channel.clean


def test_calls_share_a_process(life: Life) -> None:
    """Call after call runs in the one process whose pid the interpreter tells."""
    assert {life.call(os.getpid) for _ in range(3)} == {life.interpreter.pid}


def test_a_remote_exception_is_raised_here(life: Life) -> None:
    """What the function raises is raised in the caller, and its cause is the worker's traceback without our frames."""
    with pytest.raises(ValueError, match="as asked") as caught:
        life.call(there.fail)

    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert "bridge_functions.py" in cause.text
    assert "in fail" in cause.text
    assert "interpreter/calls.py" not in cause.text
    assert life.call(there.add, 1, 1) == 2


def test_sys_exit_does_not_end_the_worker(life: Life) -> None:
    """User code that calls sys.exit has failed a call, no more."""
    with pytest.raises(RemoteError, match="SystemExit"):
        life.call(there.raise_exit)

    assert life.call(there.add, 1, 1) == 2


def test_an_argument_that_cannot_be_rebuilt_there_is_told(life: Life) -> None:
    """The call did not run; the error says why the worker could not rebuild it."""
    with pytest.raises(NotPicklable, match=r"call of .* rebuilt in the worker .*made elsewhere"):
        life.call(there.echo, there.Elsewhere())

    assert life.call(there.add, 1, 1) == 2


def test_a_result_that_cannot_be_rebuilt_here_is_told(life: Life) -> None:
    """It pickled in the worker and does not unpickle here."""
    with pytest.raises(NotPicklable, match=r"result of .*caller's process.*made elsewhere"):
        life.call(there.Elsewhere)

    assert life.interpreter.channel.clean


@pytest.mark.promise("binary-payloads")
@pytest.mark.parametrize("size", [OUT_OF_BAND - 1, OUT_OF_BAND, 5_000_000])
def test_a_big_buffer_travels_out_of_band(size: int) -> None:
    """From a size on, a buffer is a frame of its own that is not copied into the pickle."""
    request = encode_call(there.echo, (there.Buffer(bytearray(size)),), {})

    assert len(request.frames) == (2 if size >= OUT_OF_BAND else 1)
    assert sum(map(len, request.frames)) < size + 500


@pytest.mark.promise("binary-payloads")
@pytest.mark.parametrize("size", [100, OUT_OF_BAND, 5_000_000])
def test_buffers_are_the_receivers_own(life: Life, size: int) -> None:
    """Arguments can be written to in the worker, and results here; the sender's are untouched."""
    mine = bytearray(size)

    back = life.call(there.grown, there.Buffer(mine))

    assert back.data[0] == 7
    back.data[1] = 8
    assert (mine[0], len(back.data)) == (0, size)


def test_a_buffer_that_does_not_lie_in_one_piece_goes_in_band(life: Life) -> None:
    """A slice with a step has no bytes to hand over; pickle refuses it, and so do we, with the reason."""
    with pytest.raises(NotPicklable, match="contiguous"):
        life.call(there.echo, there.Buffer(memoryview(bytearray(1_000_000))[::2]))


def test_progress_reaches_the_caller(life: Life) -> None:
    """Each report is handed to the caller's function, in order and in the caller's own thread."""
    seen: list[tuple[Progress, int]] = []

    life.call(there.reports, 3, on_progress=lambda p: seen.append((p, threading.get_ident())))

    assert [(p.n, p.total, p.note) for p, _ in seen] == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]
    assert {p.pid for p, _ in seen} == {life.interpreter.pid}
    assert {ident for _, ident in seen} == {threading.get_ident()}


def test_more_reports_than_a_queue_holds(life: Life) -> None:
    """A call that reports faster than its caller reads is slowed down, not cut."""
    seen: list[float] = []

    assert life.call(there.reports, 5000, on_progress=lambda p: seen.append(p.n)) == 5000
    assert seen == list(range(5000))


def test_report_outside_of_a_worker_does_nothing() -> None:
    """A function that reports can be called directly."""
    assert there.reports(2) == 2


def test_what_a_progress_function_raises_leaves_the_call(life: Life) -> None:
    """The caller's own error comes out, and the channel is not clean: the answer is still to come."""

    def refuse(_: Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        life.call(there.wait_for_ever, on_progress=refuse)
    assert not life.interpreter.channel.clean


def test_one_call_at_a_time(life: Life) -> None:
    """A second thread that did not lease the channel is refused, and nothing is sent."""
    refused: list[BaseException] = []

    def intrude(_: Progress) -> None:
        try:
            life.call(there.add, 1, 1)
        except ChannelUnavailable as error:
            refused.append(error)

    assert life.call(there.reports, 1, on_progress=intrude) == 1
    assert "another call holds it" in str(refused[0])


@pytest.mark.promise("ready-means-handshake")
def test_a_channel_opens_with_the_handshake(house: House) -> None:
    """Before it there is nobody to talk to."""
    life = house.launch()
    life.interpreter.kill("test")
    life.death()

    with pytest.raises(ChannelUnavailable, match="awaiting hello"):
        life.call(there.add, 1, 1)


def test_a_partial_has_a_name() -> None:
    """A call is labelled by what it runs, also inside a partial or an object that can be called."""
    import functools

    assert encode_call(there.add, (), {}).label == "bridge_functions.add"
    assert encode_call(functools.partial(there.add, 1), (), {}).label == "partial(bridge_functions.add)"


def test_a_request_can_be_sent_again(house: House) -> None:
    """An encoded call belongs to no worker: what had not begun can be sent to another."""
    request = encode_call(there.add, (1, 2), {})
    first, second = house.ready(), house.ready()

    assert first.interpreter.channel.call(request, timeout=10) == 3
    assert second.interpreter.channel.call(request, timeout=10) == 3


def test_ping_is_answered_while_a_call_runs(life: Life) -> None:
    """The control channel has a thread of its own in the child."""
    rounds: list[float] = []

    life.call(there.reports, 1, on_progress=lambda _: rounds.append(life.interpreter.ping(10)))

    assert rounds[0] > 0


def test_an_object_that_is_pickled_twice_is_the_same() -> None:
    """The codec keeps what pickle promises: one object stays one object."""
    from bridge.wire import codec

    shared: list[int] = []
    left, right = codec.loads([memoryview(pickle.dumps((shared, shared)))])

    assert left is right


@pytest.mark.promise("channel-reused")
def test_one_connection_for_a_whole_life(life: Life) -> None:
    """Answers, failures, reports, pings: the process has the same two sockets after them, by the kernel's own names."""
    before = life.call(there.sockets)
    for n in range(100):
        assert life.call(there.add, n, 1) == n + 1
    with pytest.raises(ValueError, match="as asked"):
        life.call(there.fail)
    life.call(there.reports, 10)
    life.interpreter.ping(10)

    assert life.call(there.sockets) == before
    assert len(before) == 2


def test_an_orderly_end_says_goodbye(house: House) -> None:
    """It is the last message: nothing may come on the control channel after it. A killed one says none."""
    orderly, killed = house.ready(), house.ready()
    certificate = orderly.interpreter.stop("enough", 20)
    killed.interpreter.kill("test")
    killed.death()

    assert certificate is not None
    while state_of(orderly) is not State.CLOSED:
        house.hub.run_there(lambda: None, 1)  # what is on its way is read by the hub
    assert state_of(killed) is State.OPEN


def state_of(life: Life) -> State:
    """Return how far the control channel is."""
    return life.interpreter._handshake.conversation(life.interpreter._control.socket).state


SIZE = 50_000_000


@pytest.mark.promise("binary-payloads")
def test_a_large_array_is_not_copied_into_a_pickle(life: Life) -> None:
    """50 MB there and back, intact: what is sent are the array's own bytes, and the pickle beside them is small."""
    mine = bytearray(os.urandom(1000)) * (SIZE // 1000)
    request = encode_call(there.grown, (there.Buffer(mine),), {})
    pickled, sent = request.frames
    assert isinstance(sent, memoryview)
    assert sent.obj is mine
    assert len(pickled) < 500

    back = life.run(request).data

    assert len(back) == SIZE
    mine[0] = 7  # as the call did to its own
    assert back == mine


@pytest.mark.promise("binary-payloads")
def test_a_numpy_array_is_not_copied_into_a_pickle(life: Life) -> None:
    """The same of what people really send."""
    numpy = pytest.importorskip("numpy")
    mine = numpy.arange(SIZE // 8, dtype=numpy.float64).reshape(50, -1)
    request = encode_call(there.echo, (mine,), {})
    assert len(request.frames) == 2
    assert len(request.frames[0]) < 500
    assert numpy.shares_memory(numpy.frombuffer(request.frames[1]), mine)

    back = life.run(request)

    assert (back.shape, back.dtype) == (mine.shape, mine.dtype)
    assert numpy.array_equal(back, mine)
    assert back.flags.writeable


def test_a_ping_that_may_take_for_ever_ends_with_the_answer_or_the_death(life: Life) -> None:
    """However long that may be; a dead one is not waited for."""
    assert life.interpreter.ping(math.inf) > 0

    def ping(_: Progress) -> None:
        os.kill(life.interpreter.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, life.interpreter.pid, os.WSTOPPED | os.WNOWAIT)
        asking.start()
        while not life.interpreter._control._pings:
            pass
        os.kill(life.interpreter.pid, signal.SIGKILL)

    def ask() -> None:
        with pytest.raises(NoPong):
            life.interpreter.ping(math.inf)
        told.append("no pong")

    told: list[str] = []
    asking = threading.Thread(target=ask, daemon=True)
    with pytest.raises(WorkerDied):
        life.call(there.wait_for_ever, on_progress=ping)
    asking.join(PATIENCE)
    assert told == ["no pong"]
    with pytest.raises(NoPong):
        life.interpreter.ping(math.inf)
