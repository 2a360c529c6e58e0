"""Real deaths, one of each kind, and the text of the certificate that each leaves, compared with tests/data.

After a change of the renderer: ``GOLDEN=write pytest tests/bridge/test_golden_certificates.py``, and read the difference.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import bridge_functions as there
import deadly
import golden
import pytest
from bridge_house import PATIENCE, House, Life
from memory_groups import memory_group
from processes import alive_after

from bridge.certificate import Certificate, OutOfMemory, Verdict
from bridge.channel import Progress
from bridge.errors import CallCancelled, CallDeadline, ProtocolError, WorkerDied
from bridge.run_dir import RunDirectory
from supervision.clock import MonotonicClock, VirtualClock

#: Bytes; a worker is up with a tenth of it.
LIMIT = 400 * 1024 * 1024


def death_of(life: Life, function: Callable[..., object], *args: object) -> Certificate:
    """Return the certificate that the caller of a deadly call gets, which is the interpreter's."""
    with pytest.raises(WorkerDied) as caught:
        life.call(function, *args)
    assert life.death() == caught.value.certificate
    return caught.value.certificate


@pytest.fixture
def site(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Make an environment in which each Python runs a program first."""

    def environment(program: str) -> dict[str, str]:
        (tmp_path / "sitecustomize.py").write_text(program)
        return {"PYTHONPATH": str(tmp_path)}

    return environment


def test_exit_code(life: Life) -> None:
    """os._exit in a call: the code, the call, and the last words of both streams."""
    golden.check("exit-code", death_of(life, there.leave, 3))


@pytest.mark.parametrize(
    ("function", "number"),
    [
        (deadly.segfault, signal.SIGSEGV),
        (deadly.abort, signal.SIGABRT),
        (deadly.bus_error, signal.SIGBUS),
        (deadly.divide, signal.SIGFPE),
        (deadly.illegal, signal.SIGILL),
    ],
)
def test_crash_signal(life: Life, function: Callable[[], None], number: signal.Signals) -> None:
    """Each is a crash, with the stacks that faulthandler wrote, and none of them in the output."""
    certificate = death_of(life, function)

    assert (certificate.verdict, certificate.signal) == (Verdict.CRASH_SIGNAL, number.name)
    golden.check(f"crash-{number.name}", certificate)


def test_killed_from_outside(life: Life) -> None:
    """A SIGKILL that is nobody's whom we know. A memory cgroup without a kill, where there is one, clears the kernel."""
    life.interpreter._inquest.evidence._memory_group = None  # as on a machine without memory cgroups
    os.kill(life.interpreter.pid, signal.SIGKILL)

    golden.check("killed-from-outside", life.death())


def test_out_of_memory_by_its_own_limit(house: House) -> None:
    """The limit that we set: it says so itself before it ends, and its peak is about as high."""
    certificate = death_of(house.ready(memory=LIMIT), there.eat_memory)

    assert certificate.out_of_memory is OutOfMemory.LIMIT
    golden.check("out-of-memory-limit", certificate)


def test_out_of_memory_by_the_kernel(house: House, site: Callable[[str], dict[str, str]]) -> None:
    """A SIGKILL from outside is the kernel's if the count of its memory cgroup rose; its peak is about the limit."""
    with memory_group(LIMIT // 2) as group:
        env = site(f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))")
        life = house.ready(env=env)
        certificate = death_of(life, there.eat_memory)
        assert life.interpreter.bury(PATIENCE)

    assert (certificate.signal, certificate.out_of_memory) == ("SIGKILL", OutOfMemory.KERNEL)
    assert certificate.peak_memory is not None
    assert certificate.peak_memory.bytes > LIMIT // 4
    golden.check("out-of-memory-kernel", certificate)


def test_killed_from_outside_beside_a_memory_limit(
    house: House, site: Callable[[str], dict[str, str]]
) -> None:
    """The twin: in the same kind of group, a SIGKILL while the count stands still is not the kernel's."""
    with memory_group(LIMIT // 2) as group:
        env = site(f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))")
        life = house.ready(env=env)
        os.kill(life.interpreter.pid, signal.SIGKILL)
        certificate = life.death()
        assert life.interpreter.bury(PATIENCE)

    assert (certificate.verdict, certificate.out_of_memory) == (
        Verdict.KILLED_FROM_OUTSIDE,
        OutOfMemory.NO,
    )


def test_deadline(life: Life) -> None:
    """Killed for its deadline in C code that holds the GIL: the stacks were taken before, and say where."""
    with pytest.raises(CallDeadline) as caught:
        life.call(deadly.spin, timeout=1)

    assert caught.value.certificate is not None
    golden.check("deadline", caught.value.certificate)


def test_cancelled(life: Life) -> None:
    """Cancelled in C code that holds the GIL, so that it had to be killed: we did it, and the certificate says why."""
    cancels: list[threading.Thread] = []

    def cancel(_: Progress) -> None:
        cancels.append(threading.Thread(target=life.interpreter.cancel, args=(1,)))
        cancels[0].start()

    with pytest.raises(CallCancelled) as caught:
        life.call(deadly.spin, on_progress=cancel)
    cancels[0].join(PATIENCE)

    assert caught.value.certificate is not None
    golden.check("cancelled", caught.value.certificate)


def test_silence(house: House) -> None:
    """Stopped in the middle of a call, without a word for its grace: killed, and the stacks say where."""
    life = house.ready(ping_interval=0.05, silence_grace=0.3)
    with pytest.raises(WorkerDied) as caught:
        life.call(deadly.stop)

    assert caught.value.certificate.verdict is Verdict.SILENT
    golden.check("silence", caught.value.certificate)


def test_killed_by_us(life: Life) -> None:
    """A kill that we sent for a reason of our own."""
    life.interpreter.kill("its session was closed")

    golden.check("killed-by-us", life.death())


def test_stopped(life: Life) -> None:
    """An end in good order."""
    certificate = life.interpreter.stop("enough", PATIENCE)

    assert certificate is not None
    golden.check("stopped", certificate)


@pytest.mark.promise("malformed-frames")
def test_protocol_broken(life: Life) -> None:
    """What is no message on the data channel: killed, and the certificate says what was found."""
    with pytest.raises(ProtocolError) as caught:
        life.call(deadly.babble)

    assert caught.value.certificate is not None
    assert caught.value.certificate == life.death()
    golden.check("protocol-broken", caught.value.certificate)


@pytest.mark.promise("failed-start-explained")
@pytest.mark.promise("output-captured")
def test_an_exception_at_import(house: House, tmp_path: Path) -> None:
    """What the interpreter cannot import before its handshake: exit code, phase, and the text of the ImportError."""
    (tmp_path / "zmq.py").write_text("raise ImportError('half a library')")

    golden.check("start-failed-import", house.launch(path=[str(tmp_path)]).death())


@pytest.mark.promise("failed-start-explained")
def test_an_exit_at_the_start(house: House, site: Callable[[str], dict[str, str]]) -> None:
    """Exit code and last words of one that ends before its handshake."""
    env = site("import os; print('no licence', flush=True); os._exit(7)")

    golden.check("start-failed-exit", house.launch(env=env).death())


@pytest.mark.promise("failed-start-explained")
def test_a_crash_at_the_start(house: House, site: Callable[[str], dict[str, str]]) -> None:
    """The signal of one that crashes before its handshake."""
    env = site("import os, signal; print('no licence', flush=True); os.kill(os.getpid(), signal.SIGABRT)")

    golden.check("start-failed-signal", house.launch(env=env).death())


@pytest.mark.promise("failed-start-explained")
def test_a_start_that_takes_too_long(no_leaks: None, tmp_path: Path) -> None:
    """Killed at its start deadline while an import hangs: where it hangs is in the stacks."""
    clock = VirtualClock()
    house = House(clock=clock)
    (tmp_path / "zmq.py").write_text(
        # The signal that has the stacks written wakes it up.
        "import signal\nprint('waiting for a licence', flush=True)\nwhile True: signal.pause()\n"
    )
    life = house.launch(path=[str(tmp_path)], start_timeout=4)
    life.line("waiting for a licence")
    clock.advance(4)

    certificate = life.death()
    house.close()
    golden.check("start-timeout", certificate)


SERVICE = """
from bridge_house import House
life = House().ready()
print(life.interpreter.pid, flush=True)
life.told.get()
"""


def test_its_service_is_gone(no_leaks: None, tmp_path: Path) -> None:
    """Killed with its service, by the kernel: the next start finds its entry, and says what is not known."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_RUNTIME_DIR": str(tmp_path)}
    service = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, env=env)
    assert service.stdout is not None
    pid = int(service.stdout.readline())
    service.kill()
    service.communicate(timeout=PATIENCE)
    found: list[Certificate] = []

    RunDirectory.create(MonotonicClock(), [tmp_path], unseen=found.append).remove()

    (certificate,) = found
    assert certificate.pid == pid
    assert certificate.verdict is Verdict.SERVICE_GONE
    golden.check("service-gone", certificate)
    again: list[Certificate] = []
    RunDirectory.create(MonotonicClock(), [tmp_path], unseen=again.append).remove()
    assert again == []


def test_a_stolen_status(life: Life, house: House) -> None:
    """Another thread of the service waits for any child (waitpid -1) and is faster: unknown, and never exit code 0."""
    held, stolen = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert stolen.wait(PATIENCE)

    hub = threading.Thread(target=house.hub.run_there, args=(hold, PATIENCE))
    hub.start()
    assert held.wait(PATIENCE)
    pidfd = os.pidfd_open(life.interpreter.pid)
    os.kill(life.interpreter.pid, signal.SIGTERM)
    assert alive_after([pidfd], PATIENCE) == 0
    os.close(pidfd)
    taken = os.waitpid(-1, 0)
    stolen.set()
    hub.join(PATIENCE)

    assert taken == (life.interpreter.pid, signal.SIGTERM)
    certificate = life.death()
    assert (certificate.exit_code, certificate.signal) == (None, None)
    golden.check("stolen-status", certificate)
