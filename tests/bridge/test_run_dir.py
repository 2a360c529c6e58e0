"""The run directory: private, short enough, removed at the end, and swept after a service that could not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from bridge_house import House
from processes import alive_after

from bridge import run_dir
from bridge.errors import RunDirectoryUnusable
from bridge.hub import Hub
from bridge.proc import MARK, start_time
from bridge.run_dir import RunDirectory, candidates, of_this_process
from bridge.wire.numbers import LANES
from supervision.clock import MonotonicClock, VirtualClock

#: A service that tells its run directory and a process that left its worker's group, and dies without warning.
SERVICE = """
import os, pathlib, signal, sys, threading
import bridge_functions as there
from bridge_house import House

house = House()
life = house.ready()


def tell(_):
    print(house.hub.run.path, pathlib.Path(sys.argv[1]).read_text().split()[1], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


life.call(there.start_family, sys.argv[1], on_progress=tell)
"""


@pytest.fixture
def clock() -> MonotonicClock:
    """A clock without timers."""
    return MonotonicClock()


def test_it_is_private_and_goes(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """Mode 0700, an owner, a lock; removed with everything in it, and a second removal finds nothing to do."""
    run = RunDirectory.create(clock, [tmp_path])

    assert stat.S_IMODE(Path(run.path).stat().st_mode) == 0o700
    assert {path.name for path in Path(run.path).iterdir()} == {"lib", "lock", "owner"}
    run.remove()
    run.remove()
    assert not [*tmp_path.iterdir()]


def test_it_knows_its_workers(house: House) -> None:
    """An entry for each live worker, gone with its burial."""
    life = house.ready()
    (entry,) = Path(house.hub.run.path).glob("*.json")
    assert str(life.interpreter.pid) in entry.read_text()

    assert life.interpreter.bury(20)
    assert not entry.exists()


def test_runs_of_this_process_are_known(house: House) -> None:
    """A leak check can ask which run directories this process has."""
    assert house.hub.run.path in map(str, of_this_process())


def test_the_order_of_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_RUNTIME_DIR, the temporary directory, /tmp."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/12345")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert candidates() == [Path("/run/user/12345"), tmp_path, Path("/tmp")]
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert candidates() == [tmp_path, Path("/tmp")]


def test_a_long_path_falls_back(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """A directory whose sockets would have more than 107 bytes is passed over, though everything else is right."""
    long = tmp_path / ("x" * 90)
    long.mkdir()

    run = RunDirectory.create(clock, [long, Path("/tmp")])

    assert run.path.startswith("/tmp/treewarden-")
    run.remove()
    assert not [*long.iterdir()]


def test_a_hub_runs_with_a_long_tmpdir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole path works there: without XDG_RUNTIME_DIR, with a TMPDIR that is too long for a socket."""
    import bridge_functions as there

    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    house = House()

    assert house.ready().call(there.add, 1, 2) == 3
    house.close()


def test_the_longest_path_that_fits_is_taken(no_leaks: None, clock: MonotonicClock) -> None:
    """The check is exact: one byte less than too long works, with a real socket in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        # base / fill / treewarden-12345678 / 12345678-0
        fill = 107 - len(base) - len("//treewarden-12345678/12345678-0")
        short, long = Path(base, "x" * fill), Path(base, "x" * (fill + 1))
        short.mkdir()
        long.mkdir()
        run = RunDirectory.create(clock, [short])
        hub = Hub("hub", clock=clock)
        hub.start()
        hub.bind(run.socket(12345678, LANES - 1), lambda _: None)[0].close()
        assert hub.close(5)
        run.remove()

        with pytest.raises(RunDirectoryUnusable):
            RunDirectory.create(clock, [long])


def test_no_place_at_all(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """The error says what was tried, what was wrong with each, and what to set."""
    long = tmp_path / ("x" * 90)
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryUnusable) as caught:
        RunDirectory.create(clock, [long, tmp_path / "missing", tmp_path / "file"])

    assert [place for place, _ in caught.value.tried] == [
        str(long),
        str(tmp_path / "missing"),
        str(tmp_path / "file"),
    ]
    for part in ("107", "No such file", "Not a directory", "TMPDIR"):
        assert part in str(caught.value)


@pytest.mark.promise("no-orphans")
def test_what_a_dead_service_left_is_swept(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """The next start kills the process that had left its worker's group, and removes the directory."""
    service = subprocess.run(
        [sys.executable, "-P", "-c", SERVICE, str(tmp_path / "family")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_RUNTIME_DIR": str(tmp_path)},
        timeout=50,
        check=False,
    )
    assert service.returncode == -signal.SIGKILL
    path, pid = service.stdout.split()
    pidfd = os.pidfd_open(int(pid))
    assert Path(path).is_dir()
    assert alive_after([pidfd], 0.1) == 1, "it left the group, so the lifeline did not reach it"

    RunDirectory.create(clock, [tmp_path]).remove()

    assert alive_after([pidfd], 1.0) == 0
    assert not Path(path).exists()
    os.close(pidfd)


@pytest.mark.promise("no-orphans")
def test_a_live_service_is_not_swept(house: House, tmp_path: Path, clock: MonotonicClock) -> None:
    """The twin: while its lock is held, a start beside it touches nothing of it."""
    import bridge_functions as there

    life = house.ready()

    RunDirectory.create(clock, [Path(house.hub.run.path).parent]).remove()

    assert life.call(there.add, 1, 2) == 3
    assert Path(house.hub.run.path).is_dir()


@pytest.mark.promise("process-registry-pid-safe")
def test_a_sweep_leaves_strangers_alone(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """A process of another run, and a damaged directory, are not touched."""
    damaged = tmp_path / "treewarden-damaged"
    damaged.mkdir()
    (damaged / "lock").touch()
    (damaged / "owner").write_text("{")
    stranger = subprocess.Popen(
        [sys.executable, "-S", "-c", "import signal; signal.pause()"],
        env={**os.environ, MARK: "another-run.1"},
    )
    try:
        RunDirectory.create(clock, [tmp_path]).remove()

        assert stranger.poll() is None
        assert damaged.is_dir()
    finally:
        stranger.kill()
        stranger.wait()


def test_what_is_another_users_is_left_alone(
    no_leaks: None, tmp_path: Path, clock: MonotonicClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary directories are shared: debris of somebody else is not ours to remove, nor are its processes to kill."""
    debris = tmp_path / "treewarden-00000000"
    debris.mkdir()
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)

    RunDirectory.create(clock, [tmp_path]).remove()
    assert debris.is_dir()

    monkeypatch.undo()
    RunDirectory.create(clock, [tmp_path]).remove()
    assert not debris.exists(), "the twin: as ourselves"


def test_a_link_is_not_followed(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """In a directory where everybody may write, a link with our name could lead to a directory of ours."""
    valuable = tmp_path / "valuable"
    valuable.mkdir()
    (valuable / "lock").touch()
    (valuable / "letter").touch()
    place = tmp_path / "place"
    place.mkdir()
    (place / "treewarden-00000000").symlink_to(valuable)

    RunDirectory.create(clock, [place]).remove()

    assert (valuable / "letter").exists()


def test_debris_of_a_start_is_removed(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """A directory whose maker died before it could lock it holds nothing."""
    (tmp_path / "treewarden-00000000").mkdir()

    RunDirectory.create(clock, [tmp_path]).remove()

    assert not [*tmp_path.iterdir()]


def test_debris_of_an_interrupted_removal_is_removed(
    no_leaks: None, tmp_path: Path, clock: MonotonicClock
) -> None:
    """Who removes a directory takes the lock last; killed before that, it leaves what the next start knows for debris."""
    half = tmp_path / "treewarden-half"
    (half / "lib").mkdir(parents=True)
    (half / "lock").touch()
    (half / "7.json").touch()

    RunDirectory.create(clock, [tmp_path]).remove()

    assert [*tmp_path.iterdir()] == []


def test_sockets_do_not_need_a_big_shared_memory(house: House) -> None:
    """Board and boot spec are memfds: nothing of ours lies in /dev/shm, however small that is."""
    house.ready()

    assert not [path for path in Path("/dev/shm").iterdir() if "treewarden" in path.name]


def test_services_that_start_together(
    no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds its new directory swept away by another start, before it could lock it, makes another one."""
    mkdir = Path.mkdir
    swept: list[Path] = []

    def mkdir_and_be_swept(path: Path, mode: int = 0o777, **options: bool) -> None:
        mkdir(path, mode, **options)
        if len(swept) < 3:
            swept.append(path)
            RunDirectory.create(MonotonicClock(), [tmp_path]).remove()

    monkeypatch.setattr(Path, "mkdir", mkdir_and_be_swept)

    run = RunDirectory.create(MonotonicClock(), [tmp_path])
    assert len(swept) == 3
    assert run.path not in map(str, swept)
    run.remove()
    assert not [*tmp_path.iterdir()]


#: A service that C code forks, so that no hook of ours runs, and that dies without warning.
FORKED = """
import ctypes, os, signal, sys
from bridge_house import House
from bridge.wire.boot_spec import BootSpec

house = House()
house.ready()
endpoint = f"ipc://{house.hub.run.path}/9.d"
boot_fd = BootSpec(**{**dict.fromkeys(BootSpec._fields, 0), "data": endpoint}).create_fd()
copy = ctypes.PyDLL(None).fork()
if copy == 0:
    if sys.argv[1] == "unborn":
        # As far as subprocess comes before it calls exec.
        os.set_inheritable(boot_fd, True)
        os.setsid()
    os.kill(os.getpid(), signal.SIGSTOP)
os.waitid(os.P_PID, copy, os.WSTOPPED)
print(house.hub.run.path, copy, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("what", ["unborn", "copy"])
@pytest.mark.promise("no-orphans")
def test_what_was_forked_and_never_called_exec(
    what: str, no_leaks: None, tmp_path: Path, clock: MonotonicClock
) -> None:
    """A worker stopped between fork and exec, with neither pipe nor mark, is killed at the next start; a copy is not.

    Both hold the lock of the dead service, and neither holds up the removal of its directory.
    """
    with subprocess.Popen(
        [sys.executable, "-P", "-c", FORKED, what],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_RUNTIME_DIR": str(tmp_path)},
    ) as service:
        assert service.stdout is not None
        # Not to its end: the other one holds it open.
        path, pid = service.stdout.readline().split()
    pidfd = os.pidfd_open(int(pid))
    try:
        assert Path(path).is_dir()

        RunDirectory.create(clock, [tmp_path]).remove()

        assert alive_after([pidfd], 5.0 if what == "unborn" else 0.2) == (what == "copy")
        assert not [*tmp_path.iterdir()]
    finally:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)


def pause(mark: str) -> subprocess.Popen[bytes]:
    """Start a process that carries *mark* and waits for its end."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", "import signal; signal.pause()"], env={**os.environ, MARK: mark}
    )


def a_dead_run(place: Path, owner: str | None = None) -> Path:
    """Furnish what a dead service left; its run id is 0123456789abcdef."""
    run = place / "treewarden-01234567"
    run.mkdir()
    (run / "lock").touch()
    (run / "owner").write_text(
        json.dumps({"pid": 2**22, "started": 1, "run_id": "0123456789abcdef"}) if owner is None else owner
    )
    return run


@pytest.mark.parametrize(
    "owner", ["", "{", "[1]", '{"pid": "x"}', '{"pid": 1, "started": 1, "run_id": ""}', "\0"]
)
@pytest.mark.promise("process-registry-pid-safe")
def test_a_damaged_directory_is_rebuilt(
    owner: str, no_leaks: None, tmp_path: Path, clock: MonotonicClock
) -> None:
    """Who owned it cannot be read; its name and what the processes carry say whose they are, and a stranger is none."""
    run = a_dead_run(tmp_path, owner)
    left, stranger = pause("0123456789abcdef.1"), pause("f123456789abcdef.1")
    shorter = pause("01234567.1")
    try:
        RunDirectory.create(clock, [tmp_path]).remove()

        assert left.wait(5) == -signal.SIGKILL
        assert not run.exists()
        assert (stranger.poll(), shorter.poll()) == (None, None)
    finally:
        for process in (left, stranger, shorter):
            process.kill()
            process.wait()


@pytest.mark.promise("process-registry-pid-safe")
def test_a_reused_pid_is_not_killed(no_leaks: None, tmp_path: Path, clock: MonotonicClock) -> None:
    """Whatever an entry says: of the right start time and without the mark, or with none, it is a stranger's number."""
    run = a_dead_run(tmp_path)
    stranger = pause("")
    for number, started in enumerate((start_time(stranger.pid), 1)):
        entry = {"worker": "w", "incarnation": 1, "pid": stranger.pid, "started": started}
        (run / f"{number}.json").write_text(json.dumps(entry))
    (run / "2.json").write_text("{")
    (run / "3.json").mkdir()
    left = pause("0123456789abcdef.3")
    try:
        RunDirectory.create(clock, [tmp_path]).remove()

        assert left.wait(5) == -signal.SIGKILL, "the twin: what carries the mark, though its entry is damaged"
        assert stranger.poll() is None
        assert not run.exists()
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


@pytest.mark.promise("no-orphans")
def test_a_lock_that_was_tidied_away(
    house: House, no_leaks: None, tmp_path: Path, clock: MonotonicClock
) -> None:
    """Temporary directories are cleaned of old files: a live service keeps its processes, a dead one's are swept."""
    import bridge_functions as there

    life = house.ready()
    place = Path(house.hub.run.path).parent
    (Path(house.hub.run.path) / "lock").unlink()
    run = a_dead_run(tmp_path)
    (run / "lock").unlink()
    owner = {"pid": 2**22, "started": 1, "run_id": "0123456789abcdef", "world": a_world(house)}
    (run / "owner").write_text(json.dumps(owner))
    left = pause("0123456789abcdef.1")
    try:
        RunDirectory.create(clock, [tmp_path, place]).remove()

        assert left.wait(5) == -signal.SIGKILL
        assert not run.exists()
        assert life.call(there.add, 1, 2) == 3
    finally:
        left.kill()
        left.wait()


def a_world(house: House) -> str:
    """Return what the service of *house* wrote down of where its pid is valid."""
    owner = json.loads((Path(house.hub.run.path) / "owner").read_text())
    assert owner["world"]
    return str(owner["world"])


@pytest.mark.promise("no-orphans")
def test_a_service_in_another_container_is_left_alone(
    no_leaks: None, tmp_path: Path, clock: MonotonicClock
) -> None:
    """Its pid is not seen here, or is another's; while its lock is held, it lives."""
    run = a_dead_run(tmp_path)
    owner = {"pid": 2**22, "started": 1, "run_id": "0123456789abcdef", "world": "another boot pid:[1]"}
    (run / "owner").write_text(json.dumps(owner))
    with (run / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        RunDirectory.create(clock, [tmp_path]).remove()
        assert run.exists()

    RunDirectory.create(clock, [tmp_path]).remove()
    assert not run.exists(), "the twin: with the lock it is dead"


def test_all_sweeps_together_are_bounded(
    no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many services left what does not die: each is killed, and the start waits for all no longer than for three."""
    clock = VirtualClock()
    waits: list[float] = []

    def hang(_: object, its_clock: object, timeout: float) -> bool:
        assert its_clock is clock
        waits.append(timeout)
        clock.advance(timeout)
        return False

    monkeypatch.setattr(run_dir, "kill_all", hang)
    for number in range(20):
        run = tmp_path / f"treewarden-{number:08}"
        run.mkdir()
        (run / "lock").touch()
        (run / "owner").write_text(json.dumps({"pid": 2**22, "started": 1, "run_id": f"{number:016}"}))
    RunDirectory.create(clock, [tmp_path]).remove()

    assert len(waits) == 20
    assert waits[0] == waits[1] > 0
    assert sum(waits) <= 3 * waits[0]
    assert len([*tmp_path.iterdir()]) == 20, "what is not dead is the next start's"


def test_a_sweep_that_cannot_look_does_not_fail_the_start(
    no_leaks: None, tmp_path: Path, clock: MonotonicClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is left to the next start."""
    run = a_dead_run(tmp_path)

    def refuse(*_: object) -> bool:
        raise OSError(errno.EMFILE, "no descriptors")

    monkeypatch.setattr(run_dir, "kill_all", refuse)
    RunDirectory.create(clock, [tmp_path]).remove()

    assert run.exists()
