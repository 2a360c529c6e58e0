"""Log records of a running call reach the service, bounded in size and rate, and never hold the call up."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

import bridge_adapters as there
import pytest
from bridge_house import PATIENCE, House, Life

from bridge.errors import RemoteError
from bridge.events import LogRecord
from bridge.interpreter.logs import BURST, RATE, Forwarder
from bridge.options import InterpreterOptions
from bridge.wire.frames import HEADER_SIZE, LIMITS, Kind
from bridge.wire.redaction import Redactor


def records(life: Life) -> list[LogRecord]:
    """Return what was told so far: all of it, when a call has ended."""
    told: list[LogRecord] = []
    while True:
        try:
            event = life.told.get_nowait()
        except queue.Empty:
            return told
        if isinstance(event, LogRecord):
            told.append(event)


def test_records_become_events(house: House) -> None:
    """With level, logger, text, traceback, and whose they are; in order, in the caller's thread, before the answer."""
    threads: set[int] = set()
    life = house.ready(log_level="INFO")
    put = life.told.put
    life.interpreter._listener = lambda event: (threads.add(threading.get_ident()), put(event))  # type: ignore[assignment,func-returns-value]

    life.call(there.log_levels)

    told = records(life)
    assert [(r.name, r.severity(), r.text) for r in told] == [
        ("INFO", "INFO", "at 20"),
        ("WARNING", "WARNING", "at 30"),
        ("ERROR", "ERROR", "at 40"),
        ("Level 35", "WARNING", "at 35"),
        ("ERROR", "ERROR", "it failed"),
    ]
    last = told[-1]
    assert (last.logger, last.worker, last.pid, last.call_id, last.dropped) == (
        "app",
        "house/worker",
        life.interpreter.pid,
        1,
        0,
    )
    assert "in log_levels" in last.exception
    assert last.exception.endswith("LookupError: as asked")
    assert "app: it failed\nTraceback" in last.describe()
    assert threads == {threading.get_ident()}


def test_the_level_is_the_options(house: House) -> None:
    """From the level on that was asked for; it is one of logging's."""
    life = house.ready(log_level="ERROR")
    life.call(there.log_levels)

    assert [r.text for r in records(life)] == ["at 40", "it failed"]
    with pytest.raises(ValueError, match="log_level='LOUD'"):
        InterpreterOptions(log_level="LOUD")


def test_nothing_is_logged_unless_asked(house: House) -> None:
    """The twin: no event, no handler, and ``logging`` is not even imported for it."""
    life = house.ready()
    import sys

    assert "logging" not in life.call(eval, "[*__import__('sys').modules]")
    life.call(there.log_levels)
    assert records(life) == []
    assert life.call(there.loggers_handlers) == (True, 0)
    assert "logging" in sys.modules


def test_a_flood_is_dropped_and_counted(house: House) -> None:
    """Every record is either told or counted, the last ones at the latest when the call ends; the call gets its answer."""
    life = house.ready(log_level="INFO")
    count = 20 * BURST

    assert life.call(there.log, count) == count

    told = records(life)
    own = [r for r in told if r.logger == "app.part"]
    assert len(own) < count
    # The last is the library's own, unless the last of the call's just made it.
    assert len(own) + sum(r.dropped for r in told) == count
    # As many as a queue of ZeroMQ's holds, however slowly the service reads on a busy machine.
    fit = min(BURST, 500)
    assert [r.text for r in own[:fit]] == [f"record {n}" for n in range(fit)]


class Scripted:
    """A channel that takes what the test says."""

    def __init__(self) -> None:
        self.room = True
        self.now = 0.0
        self.taken: list[dict[str, Any]] = []
        self.waited = 0
        self.forwarder = Forwarder(self.offer, self.insist, Redactor(), lambda: self.now, lambda: self)

    def offer(self, body: bytes) -> bool:
        if self.room:
            self.taken.append(json.loads(body))
        return self.room

    def insist(self, body: bytes) -> bool:
        self.waited += not self.room
        self.taken.append(json.loads(body))
        return True

    def log(self, count: int) -> int:
        """Log; return how many were taken."""
        before = len(self.taken)
        for _ in range(count):
            self.forwarder.handle(logging.LogRecord("app", 20, "", 0, "text", (), None))
        return len(self.taken) - before


def test_the_rate_is_bounded() -> None:
    """A burst, then so many a second; what was saved up is no more than a burst."""
    channel = Scripted()

    assert channel.log(2 * BURST) == BURST
    channel.now += 0.1
    assert channel.log(2 * BURST) == RATE / 10
    channel.now += 3600
    assert channel.log(2 * BURST) == BURST


def test_where_there_is_no_room_nothing_waits() -> None:
    """What the channel does not take is dropped; the next record that it takes tells how many."""
    channel = Scripted()
    channel.room = False
    assert channel.log(3) == 0
    channel.room = True

    assert channel.log(2) == 2
    assert [each["dropped"] for each in channel.taken] == [3, 0]
    channel.forwarder.tell_dropped()
    assert len(channel.taken) == 2
    assert channel.waited == 0


def test_the_end_of_a_call_tells_what_was_dropped() -> None:
    """With a record of its own, once; it waits for room, as the answer behind it has to."""
    channel = Scripted()
    channel.room = False
    channel.log(3)

    channel.forwarder.tell_dropped()
    channel.forwarder.tell_dropped()

    assert [(each["text"], each["dropped"]) for each in channel.taken] == [("log records were dropped: 3", 3)]
    assert channel.waited == 1


def test_a_service_that_reads_slowly_is_told_what_was_dropped(house: House, tmp_path: Path) -> None:
    """The queue is full when the call ends, so the count waits for room in it: no record is lost unseen."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    told: list[LogRecord] = []

    def read_slowly(event: object) -> None:
        match event:
            case LogRecord():
                if not told:
                    assert gate.read_text() == "all are logged"
                told.append(event)

    life = house.ready(log_level="INFO")
    life.interpreter._listener = read_slowly
    life.call(there.log_without_rate, 5000, str(gate))

    own = [r for r in told if r.logger == "app.part"]
    assert len(own) < 5000
    assert len(own) + sum(r.dropped for r in told) == 5000


def test_a_record_fits_its_frame(house: House) -> None:
    """However long it is, and whatever its characters take."""
    life = house.ready(log_level="INFO")

    life.call(there.log_at_length, 1_000_000)

    (record,) = records(life)
    assert "characters left out" in record.text
    assert "characters left out" in record.exception
    assert LIMITS[Kind.LOG] == 64 * 1024 > HEADER_SIZE


def test_a_record_that_cannot_be_made_harms_nobody(house: House) -> None:
    """Logging complains on stderr, as ever; the call goes on, and the record counts as dropped."""
    life = house.ready(log_level="INFO")

    life.call(there.log_badly)
    assert [(r.logger, r.dropped) for r in records(life)] == [("treewarden", 1)]

    life.call(there.log_badly)
    assert life.line("--- Logging error ---").stream == "stderr"
    assert life.call(there.log, 1) == 1


def test_what_is_logged_between_calls_is_counted(house: House, tmp_path: Path) -> None:
    """A thread that a call left behind has no caller to tell; the next call's record says that something is missing."""
    life = house.ready(log_level="INFO")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    life.call(there.log_after, str(pipe))
    records(life)
    pipe.write_text("go on")
    assert pipe.read_text() == "logged"

    life.call(there.log, 1)
    assert [(r.text, r.dropped) for r in records(life)] == [("record 0", 1)]


@pytest.mark.promise("graceful-serialisation")
def test_a_record_shows_no_secret(house: House) -> None:
    """What was declared secret is in no record; the twin shows it."""
    for secrets, shown in ((["hunter2!"], False), ([], True)):
        life = house.ready(log_level="INFO", secrets=secrets)
        life.call(there.log, 1, text="password hunter2! of %d")
        (record,) = records(life)
        assert ("hunter2!" in record.text) is shown
        assert record.text.endswith(" of 0")


def test_what_a_listener_raises_leaves_the_call(house: House) -> None:
    """As with progress: it is the caller's thread, and the call's answer is still to come."""
    life = house.ready(log_level="INFO")

    def refuse(event: object) -> None:
        match event:
            case LogRecord():
                raise LookupError("a bug of the listener")

    life.interpreter._listener = refuse
    with pytest.raises(LookupError, match="a bug"):
        life.call(there.log, 1, timeout=PATIENCE)
    assert not life.interpreter.channel.clean


def test_logs_of_a_call_that_fails(house: House) -> None:
    """They are told before the error is raised."""
    life = house.ready(log_level="INFO")
    with pytest.raises(RemoteError, match="SystemExit"):
        life.call(eval, "(__import__('logging').error('about to leave'), exit(3))")

    assert [r.text for r in records(life)] == ["about to leave"]
