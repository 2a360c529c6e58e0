"""The I/O thread: one interpreter's trouble is its own, and nothing is left when it ends."""

from __future__ import annotations

import itertools
import math
import os
import resource
import signal
import threading
from pathlib import Path

import bridge_functions as there
import pytest
import zmq
from bridge_house import PATIENCE, House, Life

from bridge.certificate import Verdict
from bridge.channel import Progress
from bridge.errors import HubClosed, LaunchFailed, NoPong, WorkerDied
from bridge.events import InterpreterReady
from bridge.hub import Hub
from supervision.clock import MonotonicClock, VirtualClock
from supervision.events import Event


def test_a_listener_that_raises_harms_its_own_interpreter(house: House) -> None:
    """It is killed, with the exception in its certificate; a neighbour is served on."""

    def refuse(event: Event) -> None:
        match event:
            case InterpreterReady():
                raise LookupError("a bug of the listener")

    broken, good = house.launch(refuse), house.ready()

    certificate = broken.interpreter.certificate(PATIENCE)
    assert certificate is not None
    assert certificate.verdict is Verdict.KILLED_BY_US
    assert "LookupError: a bug of the listener" in certificate.headline()
    assert good.call(there.add, 1, 2) == 3


def test_a_hub_that_closes_buries(house: House) -> None:
    """Whatever is left is killed, idle, starting or in a call; a caller inside is told."""
    idle, busy, starting = house.ready(), house.ready(), house.launch()
    begun = threading.Event()
    told: list[BaseException] = []

    def call() -> None:
        try:
            busy.call(there.wait_for_ever, on_progress=lambda _: begun.set())
        except WorkerDied as error:
            told.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(PATIENCE)

    assert house.hub.close(PATIENCE)
    thread.join(PATIENCE)
    assert [life.death().sent_by_us for life in (idle, busy, starting)] == ["hub house closed"] * 3
    assert isinstance(told[0], WorkerDied)
    assert not Path(house.hub.run.path).exists()


def test_a_hub_does_not_close_over_a_call(house: House) -> None:
    """While a caller's thread is inside a call (here: in its own function) the context is left to it, within the time."""
    life = house.ready()
    closed: list[bool] = []

    with pytest.raises(WorkerDied):
        life.call(there.wait_for_ever, on_progress=lambda _: closed.append(house.hub.close(0.3)))
    assert closed == [False]
    assert house.hub.close(PATIENCE)


def test_nothing_is_launched_on_a_closed_hub(house: House) -> None:
    """Nor on one that was not started."""
    house.hub.close(PATIENCE)
    with pytest.raises(HubClosed, match="house"):
        house.launch()
    with pytest.raises(HubClosed, match="new"):
        _ = Hub("new", clock=VirtualClock()).run


def test_closing_is_idempotent(no_leaks: None) -> None:
    """A hub that was never started, or is closed, has nothing to close."""
    hub = Hub("hub", clock=MonotonicClock())
    assert hub.close(1)
    hub.start()
    assert hub.close(PATIENCE)
    assert hub.close(PATIENCE)


def test_two_hubs_share_nothing(no_leaks: None) -> None:
    """Each has its own run; closing one leaves the other at work."""
    first, second = House(), House()
    life = second.ready()
    assert first.hub.run.path != second.hub.run.path
    first.close()

    assert life.call(there.add, 1, 2) == 3
    second.close()


def test_a_hub_whose_thread_fails_says_so(no_leaks: None) -> None:
    """Its owner is told, its interpreters are killed and their ends told, callers are not left waiting."""
    house = House()
    told: list[BaseException] = []
    heard = threading.Event()

    def note(error: BaseException) -> None:
        told.append(error)
        heard.set()

    def fail() -> None:
        raise OSError("the poll is broken")

    def break_poll(_: Progress) -> None:
        # Run by the hub itself, on behalf of no interpreter that could be blamed.
        house.hub.run_there(fail, 0)

    house.hub.on_failure = note
    life = house.ready()
    with pytest.raises(WorkerDied) as caught:
        life.call(there.wait_for_ever, on_progress=break_poll)

    assert heard.wait(PATIENCE)
    assert str(told[0]) == "the poll is broken"
    assert "the poll is broken" in str(caught.value.certificate.sent_by_us)
    assert life.death() == caught.value.certificate
    with pytest.raises(HubClosed):
        house.launch()
    house.close()


def test_the_poll_does_not_wait_for_one(house: House) -> None:
    """While one interpreter floods and another starts, a third one's ping is answered."""
    noisy, quiet = house.ready(), house.ready()
    rounds: list[float] = []
    noisy.call(there.reports, 1, on_progress=lambda _: rounds.append(quiet.interpreter.ping(PATIENCE)))
    noisy.call(there.flood, 300_000)

    assert rounds[0] > 0
    assert quiet.interpreter.ping(PATIENCE) > 0


def test_a_process_that_is_stopped_does_not_answer(life: Life) -> None:
    """A ping says so within its time."""
    told: list[BaseException] = []

    def ping(_: Progress) -> None:
        os.kill(life.interpreter.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, life.interpreter.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            life.interpreter.ping(0.2)
        except NoPong as error:
            told.append(error)
        os.kill(life.interpreter.pid, signal.SIGKILL)

    with pytest.raises(WorkerDied):
        life.call(there.wait_for_ever, on_progress=ping)
    assert "0.2 s" in str(told[0])


def test_many_at_once(house: House) -> None:
    """Launches from several threads do not disturb each other; each gets its own process and sockets."""
    lives: list[Life] = []
    lock = threading.Lock()

    def launch() -> None:
        life = house.ready()
        with lock:
            lives.append(life)

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert len({life.call(os.getpid) for life in lives}) == 4


def is_free(number: int) -> bool:
    """Return whether no descriptor of this process has this number."""
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def test_no_descriptors_left(house: House) -> None:
    """A launch that could run out of descriptors raises LaunchFailed and leaves nothing; the next one works.

    ZeroMQ would abort the whole service.
    """
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is one of numbers, and those that other tests gave back lie anywhere.
    free = [*itertools.islice(filter(is_free, itertools.count()), 32)]
    for room in range(1, 32, 5):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free[room], before[1]))
        try:
            with pytest.raises(LaunchFailed, match="descriptors"):
                house.launch()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert house.ready().call(there.add, 1, 2) == 3


def test_closing_from_several_threads(no_leaks: None) -> None:
    """One closes, the others wait for it; nothing is closed twice, as long as it may take."""
    for _ in range(5):
        house = House()
        house.launch()
        house.launch()
        together = threading.Barrier(4)
        told: list[bool] = []

        def close(house: House, together: threading.Barrier, told: list[bool]) -> None:
            together.wait(PATIENCE)
            told.append(house.hub.close(math.inf))

        threads = [threading.Thread(target=close, args=(house, together, told)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert told == [True] * 4
        house.close()


def test_a_thread_that_closes_is_not_disturbed(no_leaks: None) -> None:
    """While one closes, here held up by an interpreter's burial, another one's close touches nothing."""
    house = House()
    life = house.ready()
    inside, go_on = threading.Event(), threading.Event()
    bury = life.interpreter.bury

    def held_up(timeout: float) -> bool:
        inside.set()
        assert go_on.wait(PATIENCE)
        return bury(timeout)

    life.interpreter.bury = held_up  # type: ignore[method-assign]
    first = threading.Thread(target=house.hub.close, args=(PATIENCE,))
    first.start()
    assert inside.wait(PATIENCE)

    assert not house.hub.close(0)

    go_on.set()
    first.join(PATIENCE)
    house.close()


def test_nothing_is_posted_to_a_closed_hub(no_leaks: None) -> None:
    """Its descriptor may be somebody else's by then."""
    house = House()
    thread = house.hub._thread
    house.close()
    house.hub._thread = threading.current_thread()  # as somebody saw it who looked before the end

    def ask() -> None:
        told.append(house.hub.run_there(lambda: None, 0))

    told: list[bool] = []
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(PATIENCE)
    assert told == [False]
    house.hub._thread = thread


def test_room_is_asked_for_all_lanes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """ZeroMQ aborts the service when it gets no descriptor: one that runs several calls at a time takes some for each."""
    taken: list[int] = []
    real = os.dup

    def dup(fd: int) -> int:
        taken.append(fd)
        return real(fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "dup", dup)
        house.hub.admit()
        one = len(taken)
        house.hub.admit(11)
    assert len(taken) - 2 * one >= 10 * 5
    # Three for each channel, and as many channels as descriptors allow: ZeroMQ's own limit would be reached first.
    context = house.hub._context
    assert context is not None
    assert context.get(zmq.MAX_SOCKETS) >= 3 * 10_000
