"""Each way to die, and the certificate that it leaves; real processes."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from pathlib import Path

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House, Life
from processes import alive_after

from bridge.certificate import Phase, Verdict
from bridge.channel import Progress
from bridge.errors import CallDeadline, LaunchFailed, WorkerDied
from bridge.events import InterpreterDied
from bridge.ladder import Graces
from supervision.clock import MonotonicClock


def test_exit_code(life: Life) -> None:
    """os._exit(3) in a call: exit code, call, phase and the last lines, also one without a line break."""
    with pytest.raises(WorkerDied) as caught:
        life.call(there.leave, 3)

    certificate = caught.value.certificate
    assert caught.value.started
    assert (certificate.verdict, certificate.exit_code, certificate.signal) == (Verdict.EXITED, 3, None)
    assert certificate.phase is Phase.RUNNING
    assert certificate.call is not None
    assert (certificate.call.id, certificate.call.label) == (1, "bridge_functions.leave")
    assert {"almost done", "last words"} <= {*certificate.last_output}
    assert certificate.sent_by_us is None
    assert certificate.pid == life.interpreter.pid
    assert life.death() == certificate


def test_segmentation_fault(life: Life) -> None:
    """A real SIGSEGV is a crash, and the faulthandler's last lines say where."""
    with pytest.raises(WorkerDied) as caught:
        life.call(there.crash)

    certificate = caught.value.certificate
    assert (certificate.verdict, certificate.signal, certificate.exit_code) == (
        Verdict.CRASH_SIGNAL,
        "SIGSEGV",
        None,
    )
    assert certificate.stacks[0] == "Fatal Python error: Segmentation fault"
    assert any("in crash" in line for line in certificate.stacks)


def test_sigkill_from_outside_under_a_call(life: Life) -> None:
    """Somebody else's SIGKILL is not ours, and the call had begun."""
    with pytest.raises(WorkerDied) as caught:
        life.call(there.wait_for_ever, on_progress=lambda p: os.kill(p.pid, signal.SIGKILL))

    certificate = caught.value.certificate
    assert caught.value.started
    assert (certificate.verdict, certificate.signal) == (Verdict.KILLED_FROM_OUTSIDE, "SIGKILL")
    assert certificate.sent_by_us is None


def test_sigkill_from_outside_while_idle(life: Life) -> None:
    """A worker that waited for work died idle; a call that is sent afterwards had not begun."""
    os.kill(life.interpreter.pid, signal.SIGKILL)
    certificate = life.death()
    assert (certificate.verdict, certificate.phase, certificate.call) == (
        Verdict.KILLED_FROM_OUTSIDE,
        Phase.IDLE,
        None,
    )

    with pytest.raises(WorkerDied) as caught:
        life.call(there.add, 1, 1)
    assert not caught.value.started
    assert life.interpreter.bury(PATIENCE)
    with pytest.raises(WorkerDied) as caught:
        life.call(there.add, 1, 1)
    assert caught.value.certificate == certificate


def test_out_of_memory(house: House) -> None:
    """Memory that ends at a limit of ours ends the worker, with a verdict of its own."""
    life = house.ready(memory=400 * 1024 * 1024)

    with pytest.raises(WorkerDied) as caught:
        life.call(there.eat_memory)

    assert caught.value.certificate.verdict is Verdict.OUT_OF_MEMORY
    assert "memory limit" in str(caught.value)


def test_a_memory_error_without_a_limit_is_an_error_like_others(life: Life) -> None:
    """The twin: user code that raises MemoryError where no limit is set has failed a call, and the worker lives."""
    with pytest.raises(MemoryError):
        life.call(there.fail, MemoryError("as asked"))

    assert life.call(there.add, 1, 1) == 2


@pytest.mark.promise("group-kill")
def test_deadline(life: Life, tmp_path: Path) -> None:
    """A call that overruns is killed although it holds the GIL, and its whole family with it, gone astray or not."""
    told = tmp_path / "pids"
    pidfds: list[int] = []

    def note(_: Progress) -> None:
        pidfds.extend(os.pidfd_open(int(pid)) for pid in told.read_text().split())

    with pytest.raises(CallDeadline) as caught:
        life.call(there.start_family, str(told), timeout=1.5, on_progress=note)

    certificate = caught.value.certificate
    assert certificate is not None
    assert (certificate.verdict, certificate.signal) == (Verdict.DEADLINE, "SIGTERM")
    assert certificate.sent_by_us is not None
    assert "deadline of 1.5 s" in str(caught.value)
    assert isinstance(caught.value, TimeoutError)
    assert len(pidfds) == 2
    assert life.interpreter.bury(PATIENCE)
    assert alive_after(pidfds, 0.1) == 0
    for pidfd in pidfds:
        os.close(pidfd)


def test_a_call_in_time_is_not_killed(life: Life) -> None:
    """The twin: with time enough, or without limit, nothing is killed."""
    assert life.call(there.add, 1, 2, timeout=30) == 3
    assert life.call(there.add, 1, 2, timeout=float("inf")) == 3


def test_killed_by_us_the_first_cause_stays(life: Life) -> None:
    """Of two kills the first one is the reason; a third, after the death, changes nothing."""
    life.interpreter.kill("the first")
    life.interpreter.kill("the second", Verdict.DEADLINE)

    certificate = life.death()
    assert (certificate.verdict, certificate.sent_by_us) == (Verdict.KILLED_BY_US, "the first")
    life.interpreter.kill("the third")
    assert life.interpreter.certificate(0) == certificate


def test_a_kill_after_a_death_from_outside_is_not_ours(life: Life, house: House) -> None:
    """A kill that comes too late does not take the blame, although nobody has noticed the death yet."""
    held, noticed = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert noticed.wait(PATIENCE)

    thread = threading.Thread(target=house.hub.run_there, args=(hold, PATIENCE))
    thread.start()
    assert held.wait(PATIENCE)
    pidfd = os.pidfd_open(life.interpreter.pid)
    os.kill(life.interpreter.pid, signal.SIGTERM)
    assert alive_after([pidfd], PATIENCE) == 0
    os.close(pidfd)

    life.interpreter.kill("too late")
    noticed.set()
    thread.join(PATIENCE)

    certificate = life.death()
    assert (certificate.signal, certificate.sent_by_us) == ("SIGTERM", None)


def test_an_orderly_stop(life: Life, tmp_path: Path) -> None:
    """Asked to stop, a worker ends by itself: exit code 0, and its exit handlers ran."""
    life.call(there.at_exit, str(tmp_path / "end"))

    certificate = life.interpreter.stop("enough", PATIENCE)

    assert certificate is not None
    assert (certificate.verdict, certificate.exit_code, certificate.sent_by_us) == (
        Verdict.STOPPED,
        0,
        "enough",
    )
    assert (tmp_path / "end").read_text() == "orderly"


def test_a_stop_that_is_not_followed_kills(life: Life) -> None:
    """A call that is deaf to SIGTERM is killed within the time; the certificate says that it did not end when asked."""
    ended: list[object] = []

    def stop(_: Progress) -> None:
        thread = threading.Thread(target=lambda: ended.append(life.interpreter.stop("enough", 1.0)))
        thread.start()
        threads.append(thread)

    threads: list[threading.Thread] = []
    with pytest.raises(WorkerDied) as caught:
        life.call(there.ignore_terminate, on_progress=stop)
    threads[0].join(PATIENCE)

    certificate = caught.value.certificate
    assert ended == [certificate]
    assert (certificate.verdict, certificate.signal) == (Verdict.KILLED_BY_US, "SIGKILL")
    assert certificate.sent_by_us == "enough; it did not end when asked"


def test_a_stop_of_zero_seconds_asks_and_does_not_wait(life: Life) -> None:
    """As in OTP: 0 is not a kill; the end comes later, in good order."""
    assert life.interpreter.stop("enough", 0) is None

    assert life.death().verdict is Verdict.STOPPED


@pytest.mark.parametrize("timeout", [math.inf, 0])
def test_a_stop_of_one_that_is_starting_kills_at_once(house: House, tmp_path: Path, timeout: float) -> None:
    """It does not hear yet, so it is not asked nor waited for; and its end is a stop, not a death."""
    (tmp_path / "sitecustomize.py").write_text("import signal\nwhile True: signal.pause()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)}, start_timeout=math.inf)

    life.interpreter.stop("enough", timeout)

    certificate = life.death()
    assert (certificate.verdict, certificate.phase) == (Verdict.STOPPED, Phase.STARTING)
    assert (certificate.signal, certificate.sent_by_us) == ("SIGKILL", "enough")


def test_a_stop_in_the_moment_of_the_handshake_is_a_stop(house: House, tmp_path: Path) -> None:
    """Its hellos are here, but nobody has read them: then it is starting, and nothing makes it ready any more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "sitecustomize.py").write_text(f"open({str(gate)!r}).read()")
    life = house.launch(env={"PYTHONPATH": str(tmp_path)})

    def stop_when_greeted() -> None:
        gate.write_text("go on")
        for socket in (life.interpreter.channel.socket, life.interpreter._control.socket):
            assert socket.poll(int(PATIENCE * 1000))
        life.interpreter.stop("enough", 0)

    # On the hub's thread, which reads nothing meanwhile.
    assert house.hub.run_there(stop_when_greeted, PATIENCE)

    end = life.told.get(timeout=PATIENCE)
    assert isinstance(end, InterpreterDied)
    assert (end.certificate.verdict, end.certificate.phase) == (Verdict.STOPPED, Phase.STARTING)


@pytest.mark.promise("failed-start-explained")
def test_a_python_that_ends_at_once(house: House, tmp_path: Path) -> None:
    """An interpreter that exits before its handshake failed to start; its last line says why."""
    (tmp_path / "sitecustomize.py").write_text("import os; print('no licence', flush=True); os._exit(7)")

    certificate = house.launch(env={"PYTHONPATH": str(tmp_path)}).death()

    assert (certificate.verdict, certificate.phase, certificate.exit_code) == (
        Verdict.START_FAILED,
        Phase.STARTING,
        7,
    )
    assert certificate.last_output == ("no licence",)
    assert "failed to start" in certificate.headline()


@pytest.mark.promise("output-captured")
@pytest.mark.promise("failed-start-explained")
def test_an_exception_at_boot(house: House, tmp_path: Path) -> None:
    """What the boot raises is a failed start, and the last line of output is its exception."""
    (tmp_path / "zmq.py").write_text("raise ImportError('half a library')")

    certificate = house.launch(path=[str(tmp_path)]).death()

    assert (certificate.verdict, certificate.exit_code) == (Verdict.START_FAILED, 1)
    assert certificate.last_output[-1] == "ImportError: half a library"


@pytest.mark.promise("failed-start-explained")
def test_a_handshake_that_does_not_come(house: House, tmp_path: Path) -> None:
    """After start_timeout the process is killed; the verdict says that it was the start."""
    (tmp_path / "sitecustomize.py").write_text("import signal\nwhile True: signal.pause()")

    certificate = house.launch(env={"PYTHONPATH": str(tmp_path)}, start_timeout=0.5).death()

    assert (certificate.verdict, certificate.phase) == (Verdict.START_TIMEOUT, Phase.STARTING)
    assert certificate.sent_by_us == "no handshake within 0.5 s"


def test_a_directory_that_is_missing(house: House) -> None:
    """A process that cannot even be started raises where it is launched, and leaves nothing (the house looks)."""
    with pytest.raises(LaunchFailed, match=r"house/worker.*no-such-directory"):
        house.launch(cwd="/no-such-directory")


def test_a_stolen_status_is_unknown(house: House) -> None:
    """With SIGCHLD ignored the kernel throws exit codes away: the verdict is unknown, never exit code 0."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        life = house.ready()
        with pytest.raises(WorkerDied) as caught:
            life.call(there.leave, 3)
        assert life.interpreter.bury(PATIENCE)
    finally:
        signal.signal(signal.SIGCHLD, before)

    certificate = caught.value.certificate
    assert (certificate.verdict, certificate.exit_code, certificate.signal) == (Verdict.UNKNOWN, None, None)
    assert "somebody else reaped it" in certificate.headline()


@pytest.mark.promise("group-kill")
def test_a_dead_leaders_family_is_found(life: Life, tmp_path: Path) -> None:
    """When the worker is killed alone, from outside, its children in the group and outside of it are buried with it."""
    told = tmp_path / "pids"
    pidfds: list[int] = []

    def kill(progress: Progress) -> None:
        pidfds.extend(os.pidfd_open(int(pid)) for pid in told.read_text().split())
        os.kill(progress.pid, signal.SIGKILL)

    with pytest.raises(WorkerDied):
        life.call(there.start_family, str(told), on_progress=kill)

    assert life.interpreter.bury(PATIENCE)
    assert alive_after(pidfds, 0.1) == 0
    for pidfd in pidfds:
        os.close(pidfd)


def test_the_board_knows_what_had_begun(life: Life) -> None:
    """A call that was sent to a stopped process and never read had not begun."""
    os.kill(life.interpreter.pid, signal.SIGSTOP)
    timer = MonotonicClock()
    timer.call_at(timer.now() + 0.3, lambda: os.kill(life.interpreter.pid, signal.SIGKILL))

    with pytest.raises(WorkerDied) as caught:
        life.call(there.add, 1, 1)
    timer.close()

    assert not caught.value.started
    assert caught.value.certificate.call is not None


def test_burial_can_be_repeated(life: Life) -> None:
    """A second burial finds everything done."""
    life.interpreter.kill("test")

    assert life.interpreter.bury(PATIENCE)
    assert life.interpreter.bury(0)


def test_a_living_interpreter_is_killed_by_its_burial(life: Life) -> None:
    """There is no grave for the living: bury kills first."""
    assert life.interpreter.bury(PATIENCE)

    assert life.death().signal == "SIGKILL"


def test_the_worker_is_named_where_people_look(life: Life) -> None:
    """Ps shows worker and incarnation, and nothing that is secret."""
    words = Path(f"/proc/{life.interpreter.pid}/cmdline").read_bytes().split(b"\0")

    assert b"house/worker#1" in words
    assert words[0].decode() == sys.executable


def test_one_large_allocation_that_fails_is_the_end_unless_the_call_handles_it(house: House) -> None:
    """A call can catch what it was refused, and its worker lives; what it lets escape ends the worker, however large it was."""
    life = house.ready(memory=400 * 1024 * 1024)
    assert life.call(there.is_refused, 1 << 40)
    assert life.call(there.add, 1, 1) == 2

    with pytest.raises(WorkerDied) as caught:
        life.call(bytearray, 1 << 40)
    assert caught.value.certificate.verdict is Verdict.OUT_OF_MEMORY


def test_an_end_in_good_order_that_nobody_asked_for_is_an_exit(house: House) -> None:
    """It has said goodbye and its exit code is 0: that does not make it a stop of ours. The twin is one."""
    unasked, asked = house.ready(), house.ready()
    # As a message that nobody has written down: the service knows nothing of it.
    assert house.hub.run_there(unasked.interpreter._control.ask_to_stop, PATIENCE)
    certificate = unasked.death()
    assert (certificate.verdict, certificate.phase, certificate.exit_code) == (Verdict.EXITED, Phase.IDLE, 0)
    assert certificate.sent_by_us is None

    asked.interpreter.stop("enough", PATIENCE)
    assert asked.death().verdict is Verdict.STOPPED


def test_the_call_that_a_worker_was_killed_for_is_in_its_account(house: House) -> None:
    """Also if it ends in the moment between the signal and the death, here by the signal itself."""
    life = house.ready(graces=Graces(flag=0.01, interrupt=0.01, terminate=20))

    with pytest.raises(CallDeadline) as caught:
        life.call(there.stays_at_sigterm, timeout=0.3)

    certificate = caught.value.certificate
    assert certificate is not None
    assert certificate.phase is Phase.RUNNING
    assert certificate.call is not None
    assert certificate.call.label.endswith("stays_at_sigterm")


def test_a_stop_that_has_to_kill_was_a_stop(house: House) -> None:
    """What was asked first is what it was doing: it was stopping, and not idle."""
    life = house.ready()
    life.call(there.leave_a_thread_that_does_not_end)

    certificate = life.interpreter.stop("enough", 1.0)

    assert certificate is not None
    assert (certificate.verdict, certificate.phase) == (Verdict.KILLED_BY_US, Phase.STOPPING)
