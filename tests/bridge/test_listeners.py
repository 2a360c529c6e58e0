"""A listener that raises, whatever it was told and by whom: its own interpreter ends, and nobody else's."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House

from bridge.certificate import Verdict
from bridge.channel import Progress
from bridge.errors import WorkerDied
from bridge.events import InterpreterDied, OutputLine, PlacementNoticed
from bridge.launchers.fake import FakeLauncher, Starts, Stuck
from bridge.launchers.notices import Pending
from supervision.events import Event


class Refusing:
    """Raises at events of one kind, and keeps the others."""

    def __init__(self, kind: type[Event]) -> None:
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._kind = kind

    def __call__(self, event: Event) -> None:
        if not isinstance(event, self._kind):
            self.told.put(event)
            return
        raise LookupError("a bug of the listener")

    def wait_for(self, kind: type[Event]) -> Any:
        """Return the next event of this kind."""
        while not isinstance(event := self.told.get(timeout=PATIENCE), kind):
            pass
        return event


@pytest.fixture
def fakes(no_leaks: None) -> Iterator[House]:
    """A hub whose first interpreter hangs at its start, which its launcher says at once."""
    house = House(FakeLauncher([Stuck("no room")], then=Starts()))
    yield house
    house.close()


def test_at_a_notice_from_within_the_launch(fakes: House) -> None:
    """The launcher speaks before there is an interpreter that could be blamed; it is, as soon as there is."""
    refusing = Refusing(PlacementNoticed)
    fakes.launch(refusing)

    certificate = refusing.wait_for(InterpreterDied).certificate
    assert certificate.verdict is Verdict.KILLED_BY_US
    assert "LookupError: a bug of the listener" in certificate.headline()
    assert fakes.ready().call(there.add, 1, 2) == 3


def test_at_a_notice_later(fakes: House) -> None:
    """The provider speaks in a thread of its own."""
    fakes.launch()
    refusing = Refusing(PlacementNoticed)
    fakes.launch(refusing)
    launcher = fakes.hub.launcher
    assert isinstance(launcher, FakeLauncher)
    launcher.launched[1].notify(Pending("somebody was faster"))

    assert "a bug of the listener" in refusing.wait_for(InterpreterDied).certificate.headline()
    assert fakes.ready().call(there.add, 1, 2) == 3


def test_at_the_last_words(house: House) -> None:
    """The death is told all the same, though what was read just before it is refused."""
    refusing = Refusing(OutputLine)
    life = house.launch(refusing)
    assert life.interpreter.certificate(0) is None

    def speak_and_die() -> None:
        os.waitid(os.P_PID, life.interpreter.pid, os.WEXITED | os.WNOWAIT)

    (life.interpreter._output).tail.feed("stderr", b"half a line")
    # On the hub's thread, so that its end is seen together with the rest of its output.
    os.kill(life.interpreter.pid, signal.SIGKILL)
    assert house.hub.run_there(speak_and_die, PATIENCE)

    assert refusing.wait_for(InterpreterDied).certificate.pid == life.interpreter.pid
    assert house.ready().call(there.add, 1, 2) == 3


def test_at_a_death_that_is_told_on_request(house: House) -> None:
    """Whoever asks for the certificate before the hub's thread has come to it gets it; the hub lives on."""
    refusing = Refusing(InterpreterDied)
    life = house.launch(refusing)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert go_on.wait(PATIENCE)

    house.hub.run_there(hold, 0)
    assert held.wait(PATIENCE)
    os.kill(life.interpreter.pid, signal.SIGKILL)
    os.waitid(os.P_PID, life.interpreter.pid, os.WEXITED | os.WNOWAIT)
    asking = threading.Thread(target=life.interpreter.certificate, args=(0,))
    asking.start()
    while not house.hub._posted:
        pass
    go_on.set()
    asking.join(PATIENCE)

    assert life.interpreter.certificate(PATIENCE) is not None
    assert house.ready().call(there.add, 1, 2) == 3


def test_at_the_end_of_the_hub_itself(no_leaks: None) -> None:
    """When the I/O thread fails, one listener that raises keeps neither the owner nor another interpreter from hearing."""
    house = House()
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    house.hub.on_failure = failures.put
    house.launch(Refusing(InterpreterDied))
    other = house.ready()

    def fail(_: Progress) -> None:
        house.hub.run_there(broken, 0)

    with pytest.raises(WorkerDied):
        other.call(there.wait_for_ever, on_progress=fail)
    assert str(failures.get(timeout=PATIENCE)) == "the poll is broken"
    assert "the poll is broken" in str(other.death().sent_by_us)
    house.close()


def broken() -> None:
    """Fail on behalf of no interpreter."""
    raise OSError("the poll is broken")
