"""The end of an interpreter from outside: a stop keeps to its time, and is never lost."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import zmq
from bridge_house import PATIENCE, House

from bridge.certificate import Verdict
from bridge.signals import Signals
from supervision.clock import VirtualClock


class Deaf:
    """An interpreter that does not end whatever is done to it, and the thread that would ask it; both take all their time."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.done: list[str] = []

    def charge(self, why: str, verdict: Verdict, call_id: int = 0) -> bool:
        return True

    def signal(self, number: int) -> bool:
        self.done.append(f"{signal.Signals(number).name} at {self.clock.now():g}")
        return True

    def wait(self, timeout: float) -> bool:
        self.clock.advance(timeout)
        return False

    def ask(self, timeout: float) -> None:
        self.clock.advance(timeout)


@pytest.mark.parametrize("held_up", [True, False])
def test_a_stop_takes_no_more_than_its_time(held_up: bool) -> None:
    """Also if the thread that asks was held up: SIGTERM and SIGKILL come when they would have come without that."""
    deaf: Any = Deaf()
    signals = Signals(deaf, deaf, deaf, deaf, deaf.clock)

    signals.stop("enough", 10.0, deaf.ask if held_up else lambda _: None)

    assert deaf.done == ["SIGTERM at 6", "SIGKILL at 8"]
    assert deaf.clock.now() == 10.0


def test_a_stop_that_finds_no_room_terminates(house: House) -> None:
    """Its queue is full: it will not hear that it is to end, so a stop that does not wait would be lost."""
    life = house.ready()
    pid = life.interpreter.pid
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)

    def fill() -> None:
        # What the kernel takes over makes room again for a while.
        while life.interpreter._control.socket.poll(300, zmq.POLLOUT):
            life.interpreter._control.feel()

    assert house.hub.run_there(fill, PATIENCE)
    assert life.interpreter.stop("enough", 0) is None
    # On the hub's thread, after what the stop has posted there.
    assert house.hub.run_there(lambda: os.kill(pid, signal.SIGCONT), PATIENCE)

    certificate = life.death()
    assert (certificate.verdict, certificate.signal) == (Verdict.KILLED_BY_US, "SIGTERM")
    assert certificate.sent_by_us == "it could not be asked to stop"
