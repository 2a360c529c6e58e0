"""One session on its way through deaths, by real workers: what counts as a kill, as a failure, as a replay."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pool_functions as there
import pytest
from service_kill import state_of

from actors.demo import poison, table
from actors.demo.outcome import SessionOutcome
from actors.demo.plan import SessionPlan
from actors.demo.session_run import ATTEMPTS, MOVES, SessionRun
from actors.errors import CallExpired, SessionLost
from actors.pool import Pool
from actors.session import Session
from bridge.channel import Progress

pytestmark = pytest.mark.usefixtures("no_leaks")

FILES = ("m0.py", "m1.py", "m2.py")


class Meddled:
    """A real session with somebody between it and its user, who may act before a call and change what it does."""

    def __init__(self, session: Session, meddle: Callable[..., Any]) -> None:
        self.id = session.id
        self.end = session.end
        self.rebind = session.rebind
        self._session = session
        self._meddle = meddle
        self.calls: list[str] = []

    def call(self, function: Callable[..., Any], /, *args: object, **how: Any) -> Any:
        self.calls.append(function.__name__)
        return self._session.call(self._meddle(function, args, how), *args, **how)


@pytest.fixture
def pool() -> Iterator[Pool]:
    """One worker, so that it is known who has what."""
    with Pool(workers=1, name="census") as pool:
        yield pool


Run = Callable[..., SessionOutcome]


@pytest.fixture
def run(pool: Pool, tmp_path: Path) -> Run:
    """Carry a session of three files through, with *meddle* in between."""
    for name in FILES:
        (tmp_path / name).write_text("x = 1\n")

    def run(
        meddle: Callable[..., Any],
        strikes: frozenset[str] = frozenset(),
        stopping: Callable[[], bool] = lambda: False,
    ) -> SessionOutcome:
        session = Meddled(pool.session("s"), meddle)
        plan = SessionPlan("s", ".", FILES, strikes=strikes)
        return SessionRun(cast("Session", session), plan, str(tmp_path), stopping=stopping).run()

    return run


def killed_by_somebody(progress: Progress) -> None:
    """Take this as ``on_progress``: the worker is struck from outside, and not by the run."""
    os.kill(progress.pid, signal.SIGKILL)


def test_an_undisturbed_session_has_all(run: Run) -> None:
    """The twin of those below: nothing is moved, replayed or given up."""
    found = run(lambda function, _args, _how: function)

    assert set(found.table.reports) == found.acknowledged == set(FILES)
    assert (found.moves, found.replays, found.given_up, found.deaths, found.kills) == (0, 0, (), (), ())


def test_a_death_after_the_table_was_read_costs_nothing(pool: Pool, run: Run) -> None:
    """The worker dies before it is told to forget: the table is here, so there is nothing to replay."""

    def meddle(function: Callable[..., Any], _args: Any, _how: Any) -> Callable[..., Any]:
        if function is table.forget:
            os.kill(pool.session("s").call(there.pid), signal.SIGKILL)
        return function

    found = run(meddle)

    assert (set(found.table.reports), found.lost) == (set(FILES), ())
    assert (found.moves, found.replays) == (0, 0)
    assert [death.certificate.signal for death in found.deaths] == ["SIGKILL"]


def test_a_death_before_the_table_was_read_costs_a_replay(pool: Pool, run: Run) -> None:
    """The twin: then it went with the worker, and another one has to do all of it again."""
    struck: list[int] = []

    def meddle(function: Callable[..., Any], _args: Any, _how: Any) -> Callable[..., Any]:
        if function is table.read and not struck:
            struck.append(pool.session("s").call(there.pid))
            os.kill(struck[0], signal.SIGKILL)
        return function

    found = run(meddle)

    assert (set(found.table.reports), found.lost) == (set(FILES), ())
    assert (found.moves, found.replays) == (1, 3)


class Occupied:
    """Has the only worker busy while a table is to be read, until *times* reads have expired."""

    def __init__(self, pool: Pool, fifo: Path, times: int) -> None:
        os.mkfifo(fifo)
        self._pool = pool
        self._fifo = fifo
        self._left = times
        self._busy = threading.Event()
        self._thread = threading.Thread(target=self._occupy)
        self.reads = 0

    def __call__(self, function: Callable[..., Any], _args: Any, how: dict[str, Any]) -> Callable[..., Any]:
        if function is table.read:
            self.reads += 1
            if self.reads == 1:
                self._thread.start()
                assert self._busy.wait(20.0)
            if self.reads <= self._left:
                how["timeout"] = 0.1
            else:
                self.release()
        return function

    def release(self) -> None:
        self._fifo.write_bytes(b"go")
        self._thread.join()

    def _occupy(self) -> None:
        self._pool.call(there.wait_for_file, str(self._fifo), on_progress=lambda _: self._busy.set())


def test_a_table_whose_worker_is_busy_is_read_later(pool: Pool, run: Run, tmp_path: Path) -> None:
    """The wait for it expired, and nothing was lost by that: neither the table nor the whole run."""
    occupied = Occupied(pool, tmp_path / "fifo", ATTEMPTS - 1)

    found = run(occupied)

    assert occupied.reads == ATTEMPTS
    assert (set(found.table.reports), found.lost) == (set(FILES), ())
    assert (found.moves, found.replays) == (0, 0)


def test_a_worker_that_is_always_busy_is_waited_for_with_an_end(pool: Pool, run: Run, tmp_path: Path) -> None:
    """No wait is without bound: after as many times the one who runs is told."""
    occupied = Occupied(pool, tmp_path / "fifo", ATTEMPTS)
    try:
        with pytest.raises(CallExpired):
            run(occupied)
    finally:
        occupied.release()
    assert occupied.reads == ATTEMPTS


def test_a_file_is_not_to_blame_for_kills_from_outside(run: Run) -> None:
    """However often its worker is killed by somebody while it is at it: it is tried again, and done."""
    times = ATTEMPTS + 1

    def meddle(
        function: Callable[..., Any], args: tuple[Any, ...], how: dict[str, Any]
    ) -> Callable[..., Any]:
        nonlocal times
        if function is table.add_file and args[2] == "m1.py" and times:
            times -= 1
            how["on_progress"] = killed_by_somebody
            return table.held
        return function

    found = run(meddle)

    assert found.given_up == ()
    assert found.acknowledged == set(FILES)
    # Each time the one file before it is done again, and once: what a lost worker had is not the next one's, too.
    assert (found.moves, found.replays) == (ATTEMPTS + 1, ATTEMPTS + 1)
    assert found.kills == ()  # none was planned


def test_a_file_that_ends_its_worker_each_time_is_given_up(run: Run) -> None:
    """The twin: a death that comes from within is its fault; it is an error, and the others are done."""

    def meddle(function: Callable[..., Any], args: tuple[Any, ...], _how: Any) -> Callable[..., Any]:
        return poison.leave if function is table.add_file and args[2] == "m1.py" else function

    found = run(meddle)

    assert [(error.path, error.reason.partition(":")[0]) for error in found.given_up] == [
        ("m1.py", f"given up after {ATTEMPTS} attempts")
    ]
    assert "exit code 3" in found.given_up[0].reason
    assert set(found.table.reports) == {"m0.py", "m2.py"}


def test_a_planned_kill_is_counted_once(run: Run) -> None:
    """The twin of the two below: planned, struck, and done by another worker."""
    found = run(lambda function, _args, _how: function, frozenset({"m1.py"}))

    assert [(kill.path, kill.signal) for kill in found.kills] == [("m1.py", "SIGKILL")]
    assert (found.strikes, found.moves, found.replays) == (1, 1, 1)
    assert found.acknowledged == set(FILES)


def test_a_strike_in_a_run_that_is_interrupted_was_one_that_was_planned(run: Run) -> None:
    """Its file is not come to again. It counts as come to, or there would be more kills than strikes."""
    struck: list[str] = []

    def meddle(function: Callable[..., Any], args: tuple[Any, ...], _how: Any) -> Callable[..., Any]:
        if function is table.held:
            struck.append(args[2])
        return function

    found = run(meddle, frozenset({"m1.py", "m2.py"}), stopping=lambda: bool(struck))

    assert struck == [kill.path for kill in found.kills] == ["m1.py"]
    assert found.acknowledged == {"m0.py"}
    assert (found.strikes, found.lost) == (1, ())


class Doomed:
    """A session whose every worker is gone before it answers."""

    id = "s"

    def __init__(self) -> None:
        self.calls = 0
        self.moves = 0

    def call(self, function: Callable[..., Any], /, *args: object, **how: Any) -> Any:
        self.calls += 1
        assert self.calls < 10 * MOVES, "this has no end"
        raise SessionLost(self.id, None)

    def rebind(self) -> None:
        self.moves += 1


def test_a_session_is_not_moved_without_end(tmp_path: Path) -> None:
    """Where somebody kills faster than anything can be done, the one who runs is told."""
    session = Doomed()
    run = SessionRun(cast("Session", session), SessionPlan("s", ".", FILES), str(tmp_path))

    with pytest.raises(SessionLost):
        run.run()

    assert (session.moves, session.calls) == (MOVES, MOVES + 1)


def test_a_death_that_was_not_aimed_at_is_no_kill_of_ours(run: Run) -> None:
    """Somebody is faster: the worker dies of SIGKILL at a file that is planned, and we had sent none. We still owe it."""
    pids: list[int] = []

    def meddle(function: Callable[..., Any], _args: Any, _how: Any) -> Callable[..., Any]:
        if function is table.held and not pids:
            pids.append(0)
            return table.fall  # ends by SIGKILL without a report, so that nobody can aim
        return function

    found = run(meddle, frozenset({"m1.py"}))

    deaths = [death.certificate for death in found.deaths]
    assert [death.signal for death in deaths] == ["SIGKILL", "SIGKILL"]
    assert [kill.pid for kill in found.kills] == [deaths[1].pid]
    assert (found.strikes, found.moves) == (1, 2)


@pytest.mark.parametrize(("number", "until"), [(signal.SIGKILL, {""}), (signal.SIGTERM, {"Z", "X", ""})])
def test_a_kill_that_finds_nobody_is_not_counted(run: Run, number: int, until: set[str]) -> None:
    """The worker has reported and is dead, and in one case buried, before the signal is sent: that struck nothing."""
    gone: list[int] = []

    def meddle(function: Callable[..., Any], _args: Any, how: dict[str, Any]) -> Callable[..., Any]:
        if function is table.held and not gone:
            strike = how["on_progress"]

            def faster(progress: Progress) -> None:
                gone.append(progress.pid)
                os.kill(progress.pid, number)
                while state_of(progress.pid) not in until:
                    pass  # the test's own time limit bounds it
                strike(progress)

            how["on_progress"] = faster
        return function

    found = run(meddle, frozenset({"m1.py"}))

    assert gone[0] not in [kill.pid for kill in found.kills]
    assert (len(found.kills), found.strikes, found.moves) == (1, 1, 2)
    assert found.acknowledged == set(FILES)
