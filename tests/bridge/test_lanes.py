"""Interpreters that run several calls at a time: what they share, and what each call has for itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import lane_functions as there
import pytest
from bridge_house import PATIENCE, House, Life

from bridge.cancel import CancelOutcome
from bridge.certificate import Verdict
from bridge.channel import Progress
from bridge.errors import CallCancelled, CallDeadline, WorkerDied
from bridge.events import LogRecord
from bridge.ladder import Graces
from bridge.payload import EncodedCall, encode_call, encode_method

LANES = 4


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    """A thread for each call."""
    with ThreadPoolExecutor(LANES) as executor:
        yield executor


class Calls:
    """Calls in the lanes of one interpreter, each from a thread of its own; their reports come together here."""

    def __init__(self, life: Life, callers: ThreadPoolExecutor) -> None:
        self.life = life
        self._callers = callers
        self.reports: queue.SimpleQueue[tuple[int, float]] = (
            queue.SimpleQueue()
        )  #: lane, and what was reported

    def run(self, lane: int, request: EncodedCall, timeout: float = PATIENCE) -> Future[Any]:
        """Begin a call in *lane*."""
        return self._callers.submit(
            self.life.interpreter.channels[lane].call,
            request,
            timeout=timeout,
            on_progress=lambda progress: self.reports.put((lane, progress.n)),
        )

    def begin(self, lane: int, function: Any, *args: Any, timeout: float = PATIENCE) -> Future[Any]:
        """Begin a call that reports first, and return once it has."""
        call = self.run(lane, encode_call(function, args, {}), timeout)
        assert self.reports.get(timeout=PATIENCE) == (lane, 1)
        return call

    def everywhere(self, function: Any, *args: Any) -> list[Any]:
        """Return what all lanes say to the same call at the same time."""
        calls = [self.run(lane, encode_call(function, args, {})) for lane in range(LANES)]
        return [call.result(PATIENCE) for call in calls]


@pytest.fixture
def calls(house: House, callers: ThreadPoolExecutor) -> Calls:
    """Of an interpreter whose calls are ended at once when they are to end."""
    graces = Graces(flag=0.0, interrupt=PATIENCE, terminate=PATIENCE)
    return Calls(house.ready(threads=LANES, graces=graces, log_level="WARNING"), callers)


@pytest.mark.promise("thread-workers")
def test_as_many_calls_run_at_a_time_as_it_has_threads(calls: Calls) -> None:
    """Each waits for the others: one after the other they would never end. All in one process, each in its own thread."""
    met = calls.everywhere(there.meet, "all", LANES)

    assert {pid for pid, _ in met} == {calls.life.interpreter.pid}
    assert len({thread for _, thread in met}) == LANES


@pytest.mark.promise("thread-workers")
def test_numeric_libraries_still_start_one_thread(calls: Calls) -> None:
    """Else there would be more threads than processors, many times."""
    assert calls.life.call(there.environment, "OMP_NUM_THREADS") == "1"


def test_each_call_reports_and_logs_to_its_own_caller(calls: Calls) -> None:
    """Though all do so at the same time."""
    requests = [encode_call(there.report_and_meet, ("r", LANES, 10 + lane), {}) for lane in range(LANES)]
    results = [
        call.result(PATIENCE) for call in [calls.run(lane, each) for lane, each in enumerate(requests)]
    ]

    assert results == [10, 11, 12, 13]
    reports = [calls.reports.get(timeout=PATIENCE) for _ in range(50 * LANES)]
    assert {(lane, n) for lane, n in reports} == {(lane, 10 + lane) for lane in range(LANES)}
    records = [calls.life.wait_for(LogRecord) for _ in range(LANES)]
    assert {(record.text, record.call_id) for record in records} == {
        (f"of {10 + lane}", lane + 1) for lane in range(LANES)
    }


def test_a_cancelled_call_is_interrupted_and_its_neighbours_go_on(calls: Calls) -> None:
    """Two run; the one that is cancelled gets the exception, the other one its result, and the process stays."""
    waits = calls.begin(2, there.wait_for, "the end")
    for _ in range(2):
        spins = calls.begin(1, there.spin)
        (record,) = [each for each in calls.life.interpreter.running() if "spin" in each.label]

        assert calls.life.interpreter.cancel(record.id) is CancelOutcome.INTERRUPTED
        with pytest.raises(CallCancelled) as caught:
            spins.result(PATIENCE)
        assert caught.value.certificate is None
        assert calls.reports.get(timeout=PATIENCE) == (1, 2)  # it was raised in its own code
    assert not waits.done()
    calls.life.call(there.go_on, "the end")
    assert waits.result(PATIENCE) == "the end"
    assert calls.everywhere(there.meet, "still", LANES)[0][0] == calls.life.interpreter.pid


def test_a_call_can_ask_whether_it_is_to_end(house: House, callers: ThreadPoolExecutor) -> None:
    """It is told of its own end and of nobody else's."""
    graces = Graces(flag=PATIENCE, interrupt=PATIENCE, terminate=PATIENCE)
    calls = Calls(house.ready(threads=LANES, graces=graces), callers)
    first, second = calls.begin(0, there.asked), calls.begin(3, there.asked, timeout=2.0)

    with pytest.raises(CallDeadline):
        second.result(PATIENCE)
    assert not first.done()
    (record,) = calls.life.interpreter.running()
    assert calls.life.interpreter.cancel(record.id) is CancelOutcome.TOO_LATE
    assert first.result(PATIENCE) == "asked"


def test_a_kill_takes_the_neighbours_and_names_the_call_that_caused_it(
    house: House, callers: ThreadPoolExecutor
) -> None:
    """A call that sits in C is killed for its deadline; who ran beside it is told which one it was."""
    calls = Calls(house.ready(threads=LANES, graces=Graces(flag=0.0, interrupt=0.0, terminate=0.0)), callers)
    waits = calls.begin(2, there.wait_for, "nothing")
    sits = calls.begin(1, there.sit, timeout=0.05)

    with pytest.raises(CallDeadline) as overran:
        sits.result(PATIENCE)
    with pytest.raises(WorkerDied) as lost:
        waits.result(PATIENCE)

    certificate = lost.value.certificate
    assert certificate == overran.value.certificate
    assert (certificate.verdict, lost.value.started) == (Verdict.DEADLINE, True)
    assert certificate.call is not None
    assert certificate.call.label == "lane_functions.sit"
    assert [other.label for other in certificate.others] == ["lane_functions.wait_for"]
    assert "lane_functions.sit" in str(lost.value)
    assert "and 1 other" in certificate.headline()


def test_of_a_crash_with_several_calls_none_is_accused(calls: Calls) -> None:
    """All that ran are named; which of them it was the stacks may tell."""
    waits = calls.begin(0, there.wait_for, "nothing")
    crashes = calls.run(1, encode_call(there.crash, (), {}))

    ends = [call.exception(PATIENCE) for call in (waits, crashes)]
    assert [type(end) for end in ends] == [WorkerDied] * 2
    assert isinstance(ends[0], WorkerDied)
    certificate = ends[0].certificate
    assert (certificate.verdict, certificate.signal) == (Verdict.CRASH_SIGNAL, "SIGSEGV")
    assert certificate.call is None
    assert {other.label for other in certificate.others} == {
        "lane_functions.wait_for",
        "lane_functions.crash",
    }
    assert "while running 2 calls (" in certificate.headline()


def test_an_adapter_is_set_up_once_for_all(calls: Calls) -> None:
    """Though as many calls come for it at the same time."""
    request = encode_method(there.Counter, "meet", (LANES,), {})
    together = [calls.run(lane, request) for lane in range(LANES)]
    assert [call.result(PATIENCE) for call in together] == [1] * LANES


def test_adapters_of_several_sessions_are_set_up_at_the_same_time(calls: Calls) -> None:
    """One that takes long holds up its own session only: each of these waits for the other."""
    requests = [encode_method(there.Slow, "ready", (), {}, session=session) for session in "ab"]
    together = [calls.run(lane, request) for lane, request in enumerate(requests)]
    assert [call.result(PATIENCE) for call in together] == [True, True]


def test_what_a_worker_has_not_imported_is_found_by_all_at_once(
    house: House, callers: ThreadPoolExecutor
) -> None:
    """The rest of zmq has run before the first call comes: several that asked for it would each find half of it."""
    calls = Calls(house.ready(threads=LANES), callers)
    unrun = "'__unrun__' in vars(__import__('sys').modules['zmq'])"

    assert calls.life.call(eval, unrun) is False
    assert calls.everywhere(there.other_context) == ["Socket"] * LANES
    # The twin: where one call runs at a time that is left to who needs it.
    assert house.ready().call(eval, unrun) is True


def test_threads_leave_a_limited_memory_to_the_calls(house: House) -> None:
    """Each would reserve a heap of its own in it; without a limit, or without threads, that is nobody's affair."""
    limited = {"memory": 1 << 30}
    arenas = [
        house.ready(**options).call(there.environment, "MALLOC_ARENA_MAX")
        for options in ({**limited, "threads": 2}, limited, {"threads": 2})
    ]
    assert arenas == ["2", None, None]


def test_a_kill_for_a_call_that_was_left_names_that_call(calls: Calls) -> None:
    """Its caller was interrupted by its own report; the neighbour is told whose fault it was."""
    waits = calls.begin(0, there.wait_for, "nothing")

    def leave(_: Progress) -> None:
        raise KeyboardInterrupt

    channel = calls.life.interpreter.channels[1]
    with pytest.raises(KeyboardInterrupt):
        channel.call(encode_call(there.spin, (), {}), timeout=PATIENCE, on_progress=leave)
    assert not channel.clean
    channel.give_up("its caller left")

    with pytest.raises(WorkerDied) as caught:
        waits.result(PATIENCE)
    certificate = caught.value.certificate
    assert certificate.call is not None
    assert (certificate.call.label, certificate.sent_by_us) == ("lane_functions.spin", "its caller left")
    assert [other.label for other in certificate.others] == ["lane_functions.wait_for"]


def test_of_a_crash_the_thread_that_crashed_is_told_first(house: House, callers: ThreadPoolExecutor) -> None:
    """However many others there are, of which only some are told."""
    calls = Calls(house.ready(threads=16), callers)
    with pytest.raises(WorkerDied) as caught:
        calls.run(9, encode_call(there.crash, (), {})).result(PATIENCE)
    assert "in crash" in "\n".join(caught.value.certificate.stacks)


def test_a_neighbour_whose_caller_does_not_listen_holds_up_nobodys_log(calls: Calls) -> None:
    """One has lost records, and waits for room to say so; another logs meanwhile, and comes to its end."""
    stuck = threading.Event()
    released = threading.Event()

    def listen_late(_: Progress) -> None:
        stuck.set()
        assert released.wait(PATIENCE)

    flood = threading.Thread(
        target=calls.life.interpreter.channels[0].call,
        args=(encode_call(there.log_too_much, (), {}),),
        kwargs={"timeout": PATIENCE, "on_progress": listen_late},
    )
    flood.start()
    try:
        assert stuck.wait(PATIENCE)
        assert calls.run(1, encode_call(there.wait_for_the_flood, (), {})).result(PATIENCE) == "logged"
    finally:
        released.set()
        flood.join(PATIENCE)


def test_an_orderly_end_waits_for_all_calls(calls: Calls) -> None:
    """Each has its answer before the process ends; a lane that has none ends at once."""
    waits = [calls.begin(lane, there.wait_for, "the end") for lane in (1, 3)]
    calls.life.call(there.go_on, "the end")

    certificate = calls.life.interpreter.stop("the test is over", PATIENCE)

    assert certificate is not None
    assert certificate.verdict is Verdict.STOPPED
    assert [call.result(PATIENCE) for call in waits] == ["the end"] * 2
