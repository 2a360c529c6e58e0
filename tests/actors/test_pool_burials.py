"""What could not be buried in time is told, kept and tried again: nothing is forgotten."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from actors import Pool, hub_actor, worker
from actors.events import BridgeNotClosed
from bridge.errors import WorkerDied
from bridge.events import InterpreterUnburied
from bridge.hub import Hub
from bridge.launchers.fake import FakeLauncher
from supervision import Tree
from supervision.events import Event
from supervision.supervisor import terminate_child


class Stubborn:
    """A pool with one fake worker that cannot be buried before it may: its call waits at a gate."""

    def __init__(self, gate: Path) -> None:
        os.mkfifo(gate)
        self.gate = gate
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.launcher = FakeLauncher()
        self.pool = Pool(workers=1, name="parse", launcher=self.launcher)
        self.tree = Tree("service", [self.pool.child_spec()])
        self.tree.events.subscribe(self.told.put)
        self.died: list[WorkerDied] = []
        self.caller = threading.Thread(target=self._call)

    def hold(self) -> None:
        """Return when the worker is inside its call."""
        self.caller.start()
        while not any(each.board.lanes[0].started for each in self.launcher.launched):
            pass

    def release(self) -> None:
        """Let the call end."""
        self.gate.write_text("go on")
        self.caller.join()

    def wait_for(self, kind: type[Event]) -> Any:
        """Return the next event of this kind."""
        while not isinstance(event := self.told.get(timeout=20), kind):
            pass
        return event

    def _call(self) -> None:
        try:
            self.pool.call(Path.read_text, self.gate)
        except WorkerDied as error:
            self.died.append(error)


@pytest.fixture
def stubborn(no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stubborn:
    """One, with little patience for its end."""
    monkeypatch.setattr(worker, "_GRACE", 0.1)
    monkeypatch.setattr(worker, "_BURIAL", 0.1)
    return Stubborn(tmp_path / "gate")


def test_a_worker_that_cannot_be_buried_is_told_and_buried_later(stubborn: Stubborn) -> None:
    """An event names it; its successor serves; when it has ended, the pool's end buries it, and nothing is left."""
    with stubborn.tree as tree:
        stubborn.hold()
        workers = tree.registry.whereis("service/parse/workers")
        assert workers is not None
        terminate_child(workers, "1")

        told = stubborn.wait_for(InterpreterUnburied)
        assert told.worker == "service/parse/workers/1"
        assert "is not buried" in told.describe()
        assert stubborn.pool.call(abs, -1) == 1
        stubborn.release()
        assert len(stubborn.died) == 1


def test_a_bridge_that_cannot_be_closed_says_so(stubborn: Stubborn, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it could not bury is counted, and it can be closed later all the same."""
    hubs: list[Hub] = []

    def make(*args: Any, **kwargs: Any) -> Hub:
        hubs.append(Hub(*args, **kwargs))
        return hubs[-1]

    monkeypatch.setattr(hub_actor, "Hub", make)
    monkeypatch.setattr(hub_actor, "_CLOSING", 0.1)
    with stubborn.tree:
        stubborn.hold()

    told = stubborn.wait_for(BridgeNotClosed)
    assert told.unburied == 1
    assert "1 interpreters are not buried" in told.describe()
    stubborn.release()
    assert hubs[0].close(20)
    assert hubs[0].unburied() == 0
