"""The window in which a call's code may be interrupted, line by line; in this process, with its own SIGINT."""

from __future__ import annotations

import _thread
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge.interpreter import current, interruption
from bridge.interpreter.interruption import Achieved, CallInterrupted, Window
from bridge.interpreter.thread_window import ThreadWindow
from bridge.wire.board import Board, Words


class Lane:
    """What ``current`` is asked for."""

    def __init__(self, window: Window) -> None:
        self.window = window


@pytest.fixture
def words() -> Iterator[Words]:
    """What is said of a lane's calls."""
    fd = Board.create_fd()
    board = Board(fd)
    os.close(fd)
    yield board.lanes[0]
    board.close()


@pytest.fixture
def window(words: Words) -> Iterator[Window]:
    """The window of this thread, which SIGINT looks at; everything is put back at the end."""
    before = signal.getsignal(signal.SIGINT)
    window = Window(words)
    interruption.install([window])
    yield window
    signal.signal(signal.SIGINT, before)


def interrupt_me() -> str:
    """Get the signal in the middle."""
    signal.raise_signal(signal.SIGINT)
    return "went on"


def test_only_the_call_that_is_named_is_interrupted(window: Window, words: Words) -> None:
    """And only within its window, and once."""
    assert interrupt_me() == "went on"
    window.begin(5)
    words.cancelled = 4
    assert window.run(interrupt_me, (), {}) == "went on"
    window.begin(6)

    def cancelled_in_the_middle() -> str:
        words.cancelled = 6
        return interrupt_me()

    with pytest.raises(CallInterrupted):
        window.run(cancelled_in_the_middle, (), {})
    assert window.struck == 6
    assert interrupt_me() == "went on"


def test_a_call_that_was_named_before_it_began_does_not_begin(window: Window, words: Words) -> None:
    """Its signal may have come while nothing could be interrupted; its name is there."""
    words.cancelled = 5

    with pytest.raises(CallInterrupted):
        window.begin(5)
    assert window.open == 0


class CancelledAfterOneLook:
    """A board on which the call 5 is cancelled as soon as it has been seen that it is not."""

    looks = 0

    @property
    def cancelled(self) -> int:
        self.looks += 1
        return 5 if self.looks > 1 else 0


def test_nothing_is_interrupted_before_the_call_s_own_code(window: Window, words: Words) -> None:
    """What its arguments need is imported in one go: half an import may stay for ever. It is interrupted right after that."""
    window.begin(5)
    words.cancelled = 5
    assert interrupt_me() == "went on"

    done: list[int] = []
    with pytest.raises(CallInterrupted):
        window.run(done.append, (1,), {})
    assert done == []


def test_a_signal_in_the_moment_of_the_return_takes_nothing_away(
    window: Window, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function itself has the signal sent, in C, and returns: what it returned is kept."""
    window.begin(5)
    monkeypatch.setattr(window, "_words", CancelledAfterOneLook())

    assert window.run(_thread.interrupt_main, (), {}) is None

    words.finished = 0  # a call: now Python has looked for signals
    assert window.struck != 5


def test_wherever_it_strikes_a_result_is_kept(window: Window, words: Words) -> None:
    """Struck at each line of ``run``: before the function has returned the call is interrupted, afterwards it is not."""
    first = Window.run.__code__.co_firstlineno
    struck_at: dict[int, str] = {}
    for number in range(first + 1, first + 60):
        done: list[int] = []

        def strike(frame: Any, event: str, _: Any, at: int = number) -> Any:
            if event == "line" and frame.f_lineno == at and at not in struck_at:
                struck_at[at] = ""
                raise CallInterrupted
            return strike

        def trace(frame: Any, _: str, __: Any, strike: Any = strike) -> Any:
            return strike if frame.f_code is Window.run.__code__ else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            result = window.run(done.append, (1,), {})
            outcome = f"result {result}"
        except CallInterrupted:
            outcome = "interrupted"
        finally:
            sys.settrace(before)
        if number in struck_at:
            struck_at[number] = f"{outcome}, {len(done)} done"

    assert set(struck_at.values()) >= {"interrupted, 0 done", "result None, 1 done"}
    # Struck in the very last line there is nobody left to keep it; Python itself does not look for signals there.
    last = max(struck_at)
    assert all(
        told in ("interrupted, 0 done", "result None, 1 done") for at, told in struck_at.items() if at != last
    )


def test_what_the_function_raises_begins_with_its_own_code(window: Window, words: Words) -> None:
    """The traceback that its caller reads shows nothing of ours."""
    with pytest.raises(ZeroDivisionError) as caught:
        window.run(divmod, (1, 0), {})
    assert [entry.name for entry in caught.traceback][1:] == []


def test_what_was_achieved_is_known_once_the_call_has_ended(window: Window, words: Words) -> None:
    """Not before; a call of which nothing else is known has ended of itself."""
    window.note(5, Achieved.INTERRUPTED)
    assert window.achieved(5) is None
    words.finished = 5
    assert window.achieved(5) is Achieved.INTERRUPTED
    assert window.achieved(4) is Achieved.TOO_LATE
    assert window.achieved(6) is None


def test_cancelled_is_of_the_running_call(
    window: Window, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another's name says nothing."""
    monkeypatch.setattr(current, "_only", Lane(window))
    window.begin(5)
    assert not interruption.cancelled()
    words.cancelled = 4
    assert not interruption.cancelled()
    words.cancelled = 5
    assert interruption.cancelled()


class CancelledWhileLookedAt:
    """A board on which the call 5 is cancelled, and its signal comes, while a handler looks at it."""

    def __init__(self) -> None:
        self.again: Callable[[], None] | None = None

    @property
    def cancelled(self) -> int:
        again, self.again = self.again, None
        if again is None:
            return 5
        again()
        return 0


def test_a_signal_that_interrupts_its_own_handler_is_not_lost() -> None:
    """In a lane beside others the handler passes it on: what it was too late to see it looks at once more."""
    words: Any = CancelledWhileLookedAt()
    window = ThreadWindow(words)
    window.open = 5
    words.again = window.on_sigint

    with pytest.raises(CallInterrupted):
        window.on_sigint()
    assert window.struck == 5
    window.take_back()


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run it in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


SIGNALLED = """
import ctypes, functools, operator, threading
from types import SimpleNamespace
from bridge.interpreter import interruption, sockets, threads
from bridge.wire.board import Board

board = Board(Board.create_fd())
inside = threading.Event()
real = sockets._backend.zmq_poll

def poll(watched, timeout):
    assert inside.wait(20)
    board.lanes[0].cancelled = 1
    # All in C: Python does not look for signals between the two.
    now = [ctypes.pythonapi.PyErr_SetInterrupt, functools.partial(real, watched, timeout)]
    return list(map(operator.call, now))[-1]

sockets._backend = SimpleNamespace(zmq_poll=poll)

class Lane:
    def __init__(self, number, window):
        self.window = window

    def run(self):
        def spin():
            inside.set()
            while True:
                pass

        try:
            self.window.begin(1)
            self.window.run(spin, (), {})
        except interruption.CallInterrupted:
            self.window.take_back()
            print("interrupted", flush=True)

threads.run(board, Lane, lambda lanes: interruption.install([lane.window for lane in lanes]))
"""


def test_a_signal_in_the_moment_before_the_main_thread_waits_is_not_slept_through() -> None:
    """It has come, in C, and its handler, in Python, has not run yet: the wait returns for it."""
    done = run(SIGNALLED)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


TRACED = """
import sys, threading
from bridge.interpreter.thread_window import ThreadWindow

class Words:
    cancelled = 5

window = ThreadWindow(Words())
window.open = 5
try:
    window.on_sigint()
finally:
    window.take_back()
    sys.settrace(lambda *_: None)
    print("goes on", flush=True)
    (lambda: None)()
"""


def test_code_that_is_traced_goes_on_after_an_interrupt() -> None:
    """Python 3.11 stops for ever in a traced function while it thinks that an exception is on its way to a thread."""
    done = run(TRACED)
    assert (done.stdout, done.returncode) == ("goes on\n", 1)
    assert done.stderr.endswith("CallInterrupted: the call was cancelled, or its deadline has passed\n")


COLLECTED = """
import gc
from bridge.interpreter.thread_window import ThreadWindow

class Words:
    cancelled = 5

def collected(*_):
    for _ in range(2):
        pass

def once():
    window = ThreadWindow(Words())
    window.open = 5
    try:
        try:
            window.on_sigint()
        finally:
            window.open = 0
            window.take_back()
    except BaseException:
        window.take_back()

gc.callbacks.append(collected)
gc.set_threshold(1)
for _ in range(2000):
    once()
print("done")
"""


def test_what_is_taken_back_may_strike_in_what_the_collector_runs() -> None:
    """Which loses any exception; the thread goes on all the same."""
    done = run(COLLECTED)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr[-2000:]


def test_in_a_lane_beside_others_a_result_is_kept_and_the_next_call_can_be_interrupted(words: Words) -> None:
    """The interrupt comes while the call is in C and returns: its result counts, and nothing is left for what comes next."""
    gate = threading.Lock()
    gate.acquire()
    made: queue.SimpleQueue[ThreadWindow] = queue.SimpleQueue()
    spinning = threading.Event()

    def spin() -> None:
        spinning.set()
        while True:
            pass

    def lane() -> list[object]:
        window = ThreadWindow(words)
        window.begin(5)
        made.put(window)
        told: list[object] = [window.run(gate.acquire, (), {})]
        window.take_back()
        window.begin(6)
        try:
            window.run(spin, (), {})
        except CallInterrupted:
            told.append(window.struck)
        window.take_back()
        return told

    with ThreadPoolExecutor(1) as executor:
        told = executor.submit(lane)
        window = made.get(timeout=20)
        while not window.open:
            pass
        words.cancelled = 5
        window.on_sigint()
        gate.release()
        assert spinning.wait(20)
        words.cancelled = 6
        window.on_sigint()
        assert told.result(20) == [True, 6]
