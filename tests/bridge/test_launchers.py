"""Launchers: one interface, and nobody who uses it knows which one is behind it; what a provider may do to us."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House
from processes import alive_after

from bridge.certificate import ExitStatus, Phase, Verdict
from bridge.errors import LaunchFailed, NoPong, WorkerDied
from bridge.events import PlacementNoticed
from bridge.launchers.fake import FakeLauncher, Refuses, Starts, Stuck
from bridge.launchers.launcher import Identity, Launcher, LaunchSpec
from bridge.launchers.notices import Fault, Pending, Preempted, Suspect
from bridge.launchers.process import ProcessLauncher
from bridge.options import InterpreterOptions
from supervision.clock import MonotonicClock


@pytest.fixture(params=[ProcessLauncher, FakeLauncher])
def house(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[House]:
    """A hub with one of the launchers."""
    launcher: Launcher = request.param()
    house = House(launcher)
    yield house
    house.close()


def test_an_interpreter_has_one_life_whoever_launched_it(house: House) -> None:
    """Handshake, a call, an error with the traceback, a ping, the stop, the burial: the same of each launcher."""
    life = house.ready()

    assert life.call(there.add, 1, 2) == 3
    with pytest.raises(ValueError, match="as asked") as caught:
        life.call(there.fail)
    assert "fail" in str(caught.value.__cause__)
    assert life.interpreter.ping(PATIENCE) >= 0
    certificate = life.interpreter.stop("that was it", PATIENCE)
    assert certificate is not None
    assert (certificate.verdict, certificate.exit_code) == (Verdict.STOPPED, 0)
    assert life.interpreter.bury(PATIENCE)


def test_a_kill_ends_it_whoever_launched_it(house: House) -> None:
    """The certificate says which signal, and that it was ours; afterwards it takes no call."""
    life = house.ready()
    life.interpreter.kill("for the test")

    certificate = life.death()
    assert (certificate.verdict, certificate.signal) == (Verdict.KILLED_BY_US, "SIGKILL")
    assert certificate.sent_by_us == "for the test"
    with pytest.raises(WorkerDied):
        life.call(there.add, 1, 2)


def specs(place: Path, options: list[InterpreterOptions]) -> list[LaunchSpec]:
    """Return a gang of which nobody will be listened to."""
    return [
        LaunchSpec(
            options=each,
            identity=Identity(
                worker=f"w{number}",
                incarnation=number,
                nonce="n",
                mark=f"{place.name}.{number}",
                data=f"ipc://{place}/{number}.d",
                control=f"ipc://{place}/{number}.c",
                library=str(place),
            ),
        )
        for number, each in enumerate(options)
    ]


def a_gang_with_a_bad_one(launcher: str) -> tuple[Launcher, list[InterpreterOptions]]:
    """Return a launcher, and options of three of which the last one fails."""
    good = InterpreterOptions()
    if launcher == "process":
        return ProcessLauncher(), [good, good, InterpreterOptions(cwd="/no/such/directory")]
    return FakeLauncher([Starts(), Starts(), Refuses(Fault.QUOTA, "only two")]), [good] * 3


@pytest.mark.parametrize("launcher", ["process", "fake"])
def test_a_gang_is_launched_whole_or_not_at_all(launcher: str, no_leaks: None, tmp_path: Path) -> None:
    """The last of three fails: the first two are gone, with their descriptors; the error names the one that failed."""
    launch, options = a_gang_with_a_bad_one(launcher)

    with pytest.raises(LaunchFailed, match="w2"):
        launch.launch(specs(tmp_path, options))


def test_a_gang_that_can_is_launched(no_leaks: None, tmp_path: Path) -> None:
    """The twin: a placement for each, in order, until it is buried."""
    placements = ProcessLauncher().launch(specs(tmp_path, [InterpreterOptions()] * 2))

    assert len({placement.group.pid for placement in placements}) == 2
    for placement in placements:
        assert placement.group.bury(MonotonicClock(), PATIENCE)
        placement.close()
        for fd in placement.outputs.values():
            os.close(fd)


def test_a_process_is_not_adopted_and_a_placement_of_an_engine_is(no_leaks: None) -> None:
    """Processes die with their service; of a run whose interpreters do not, those that live are found, by its id."""
    fake = FakeLauncher()
    house = House(fake)
    first, second = house.ready(), house.ready()
    run_id = house.hub.run.run_id
    first.interpreter.kill("for the test")
    first.death()

    ((identity, placement),) = fake.adopt(run_id)
    assert (identity.worker, placement.group.pid) == ("house/worker", second.interpreter.pid)
    assert not fake.adopt("another")
    assert not ProcessLauncher().adopt(run_id)
    house.close()


@pytest.fixture
def scripted(no_leaks: None) -> Iterator[Callable[[FakeLauncher], House]]:
    """Make houses with a provider that follows a script; they are closed at the end."""
    houses: list[House] = []

    def make(launcher: FakeLauncher) -> House:
        houses.append(House(launcher))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.CAPACITY, Fault.UNREACHABLE, Fault.REFUSED])
def test_a_provider_that_refuses(fault: Fault, scripted: Callable[[FakeLauncher], House]) -> None:
    """The error says why as a value; nothing is left of the start, and the next one may succeed."""
    house = scripted(FakeLauncher([Refuses(fault, "not today")]))

    with pytest.raises(LaunchFailed, match="not today") as caught:
        house.launch()
    assert caught.value.fault is fault
    assert not [
        path for path in Path(house.hub.run.path).iterdir() if path.name.endswith(("-0", ".c", ".json"))
    ]
    assert house.ready().call(there.add, 1, 2) == 3


def test_a_start_that_is_stuck_ends_at_its_deadline(scripted: Callable[[FakeLauncher], House]) -> None:
    """The provider said that it waits, which was told; the start's deadline is not put off by it."""
    house = scripted(FakeLauncher([Stuck("no room")]))
    life = house.launch(start_timeout=0.1)

    assert life.wait_for(PlacementNoticed).notice == Pending("no room")
    certificate = life.death()
    assert (certificate.verdict, certificate.phase) == (Verdict.START_TIMEOUT, Phase.STARTING)


def test_a_preemption_is_told_before_the_end(scripted: Callable[[FakeLauncher], House]) -> None:
    """The notice says how long is left; its end is a kill from outside, and none of ours."""
    fake = FakeLauncher()
    life = scripted(fake).ready()
    fake.launched[0].preempt(30.0, "a better payer")

    told = life.wait_for(PlacementNoticed)
    assert told.notice == Preempted(30.0, "a better payer")
    assert told.severity() == "WARNING"
    assert "preempted, with 30 s of grace: a better payer" in told.describe()
    assert life.death().verdict is Verdict.KILLED_FROM_OUTSIDE


def test_a_suspicion_ends_nothing(scripted: Callable[[FakeLauncher], House]) -> None:
    """A place that does not answer may answer again; only an end is an end."""
    fake = FakeLauncher()
    life = scripted(fake).ready()
    fake.launched[0].notify(Suspect("no word from n2"))

    assert life.wait_for(PlacementNoticed).notice == Suspect("no word from n2")
    assert life.call(there.add, 1, 2) == 3


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (ExitStatus(code=3), Verdict.EXITED),
        (ExitStatus(signal="SIGSEGV"), Verdict.CRASH_SIGNAL),
        (ExitStatus(signal="SIGKILL"), Verdict.KILLED_FROM_OUTSIDE),
        (ExitStatus(), Verdict.UNKNOWN),
    ],
)
def test_an_end_is_what_the_launcher_says(
    status: ExitStatus, verdict: Verdict, scripted: Callable[[FakeLauncher], House]
) -> None:
    """Exit code, signal, or that nobody knows: the certificate has no other source."""
    fake = FakeLauncher()
    life = scripted(fake).ready()
    fake.launched[0].end(status)

    certificate = life.death()
    assert (certificate.verdict, certificate.exit_code, certificate.signal) == (
        verdict,
        status.code,
        status.signal,
    )
    with pytest.raises(NoPong):
        life.interpreter.ping(0.05)


def test_a_fake_starts_no_process(scripted: Callable[[FakeLauncher], House]) -> None:
    """Its calls run here, in a thread of its own; its pid is no process's."""
    house = scripted(FakeLauncher())
    life = house.ready()

    assert life.call(os.getpid) == os.getpid()
    assert life.call(threading.get_ident) != threading.get_ident()
    assert not Path("/proc", str(life.interpreter.pid)).exists()
    assert life.interpreter.pid > int(Path("/proc/sys/kernel/pid_max").read_text())


@pytest.mark.promise("group-kill")
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_end_leaves_no_grandchild(end: str, no_leaks: None) -> None:
    """Neither the one in its group nor the one that left it, however the worker ends."""
    house = House()
    life = house.ready()
    pidfds = [os.pidfd_open(pid) for pid in life.call(there.found_family)]
    assert alive_after(pidfds, 0.01) == 2, "the twin: they live as long as it does"
    if end == "stop":
        life.interpreter.stop("for the test", PATIENCE)
    else:
        life.interpreter.kill("for the test")
        life.death()

    assert life.interpreter.bury(PATIENCE)
    assert alive_after(pidfds, PATIENCE) == 0
    for pidfd in pidfds:
        os.close(pidfd)
    house.close()


#: Hooks of a fork run in a forked copy; whatever subprocess does by vfork runs none.
_forks: list[str] = []
os.register_at_fork(before=lambda: _forks.append("fork"))


def test_the_service_is_never_forked(no_leaks: None) -> None:
    """Launch, call, kill, replace: no hook of a fork runs, and the child's limits and session need none."""
    house = House()
    before = len(_forks)
    first = house.ready(memory=512 * 1024 * 1024, limits={"core": 0}, cwd="/", env={"A": "b"})
    first.call(there.add, 1, 2)
    first.interpreter.kill("for the test")
    first.death()
    house.ready()
    assert len(_forks) == before
    house.close()

    copy = os.fork()
    if copy == 0:
        os._exit(0)
    os.waitpid(copy, 0)
    assert len(_forks) == before + 1, "the twin: a fork is counted"


@pytest.mark.promise("no-orphans")
def test_no_secret_where_others_can_read_it(no_leaks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nonce is neither on a worker's command line nor in its environment, nor in a file of the run directory."""
    import secrets

    made: list[str] = []
    make = secrets.token_hex

    def make_and_note(size: int) -> str:
        made.append(make(size))
        return made[-1]

    house = House()
    monkeypatch.setattr(secrets, "token_hex", make_and_note)
    life = house.ready()
    (nonce,) = [token for token in made if len(token) == 32]
    place = Path("/proc", str(life.interpreter.pid))
    readable = [(place / "cmdline").read_bytes(), (place / "environ").read_bytes()]
    run = Path(house.hub.run.path)
    readable += [path.read_bytes() for path in run.iterdir() if path.is_file()]

    assert all(nonce.encode() not in text for text in readable)
    assert house.hub.run.run_id.encode() in readable[1], "the twin: what is there is found"
    assert "nonce" not in repr(life.interpreter._identity)
    house.close()
