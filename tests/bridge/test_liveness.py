"""Busy is not dead: the rule of silence, and real processes that are stopped, or hold the GIL."""

from __future__ import annotations

import os
import signal

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House
from processes import alive_after

from bridge.certificate import Phase, Verdict
from bridge.errors import WorkerDied
from bridge.events import InterpreterSilent
from bridge.liveness import Health, Liveness
from bridge.options import InterpreterOptions
from bridge.proc import state_of
from bridge.pulse import Pulse
from supervision.clock import VirtualClock


@pytest.mark.parametrize(
    ("state", "health"),
    [
        ("R", Health.BUSY),
        ("S", Health.BUSY),
        ("D", Health.BUSY),
        ("t", Health.BUSY),
        ("T", Health.DEAD),
        ("Z", Health.DEAD),
        ("X", Health.DEAD),
        (None, Health.DEAD),
    ],
)
def test_silent_for_the_grace(state: str | None, health: Health) -> None:
    """Stopped, a zombie or gone is dead; running, waiting, in the kernel or held by a debugger is busy, however long."""
    known = Liveness(10.0, heard_at=0.0).seen(state, 5.0).seen(state, 15.0)

    assert known.health(15.0) is health
    assert known.health(1e6) is health


def test_neither_is_enough_alone() -> None:
    """Silent for long and stopped just now; stopped for long and heard just now; and both, to the last moment."""
    assert Liveness(10.0, 0.0).seen("T", 95.0).health(100.0) is Health.BUSY
    assert Liveness(10.0, 0.0).seen("T", 95.0).seen("T", 105.0).health(105.0) is Health.DEAD
    assert Liveness(10.0, 0.0).seen("T", 0.0).health(9.9) is Health.ALIVE
    assert Liveness(10.0, 0.0).seen("T", 0.0).health(10.0) is Health.DEAD


def test_a_sign_of_life_begins_anew() -> None:
    """One that was heard, or seen running, is not dead at what was known before."""
    stopped = Liveness(10.0, 0.0).seen("T", 5.0)
    assert stopped.heard(14.0).health(15.0) is Health.ALIVE
    assert stopped.seen("R", 14.0).seen("T", 16.0).health(20.0) is Health.BUSY


class Patient:
    """A pulse on a virtual clock, of a process that is this one or none, which answers when the test says so."""

    def __init__(self, pid: int, on_silence: str = "kill") -> None:
        self.clock = VirtualClock()
        self.pings = 0
        self.room = True
        self.deaths: list[str] = []
        self.silences: list[str] = []
        options = InterpreterOptions(ping_interval=1.0, silence_grace=3.0, on_silence=on_silence)
        self.pulse = Pulse(
            self.clock, options, pid, post=lambda beat: beat(), ping=self._ping, dead=self.deaths.append,
            silent=self.silences.append,
        )  # fmt: skip
        self.pulse.start()

    def _ping(self) -> bool:
        self.pings += 1
        return self.room

    def seconds(self, count: int) -> None:
        """Let as many pass, one by one."""
        for _ in range(count):
            self.clock.advance(1.0)


def test_one_that_is_gone_is_told_once() -> None:
    """A process that does not exist, and no answer: dead after the grace, and one ping is out at the most."""
    patient = Patient(pid=2**22 + 1)  # beyond the greatest that Linux gives
    patient.seconds(4)
    assert (patient.pings, patient.deaths) == (1, [])

    patient.seconds(100)

    assert patient.pings == 1
    assert patient.deaths == ["it said nothing for 5 s, and its process is stopped or gone"]


@pytest.mark.promise("heartbeats")
def test_silence_may_be_told_only() -> None:
    """Once, and once more when it is heard again; and so the next time."""
    patient = Patient(pid=2**22 + 1, on_silence="log")
    why = "it said nothing for 5 s, and its process is stopped or gone"
    for _ in range(2):
        patient.seconds(100)
        assert patient.silences == [why]
        patient.pulse.heard()
        patient.pulse.heard()
        assert patient.silences == [why, ""]
        patient.silences.clear()
    assert patient.deaths == []


def test_a_ping_that_found_no_room_is_sent_again() -> None:
    """It is never answered: with it taken for sent, nobody would ask any more."""
    patient = Patient(os.getpid())
    patient.room = False
    patient.seconds(5)
    assert patient.pings == 5

    patient.room = True
    patient.seconds(5)
    assert patient.pings == 6


def test_one_that_runs_may_be_silent_for_ever() -> None:
    """The twin: this very process runs."""
    patient = Patient(os.getpid())
    patient.seconds(1000)

    assert (patient.pings, patient.deaths) == (1, [])


def test_who_answers_is_asked_again() -> None:
    """At each interval, until it is stopped."""
    patient = Patient(pid=2**22 + 1)
    for _ in range(10):
        patient.seconds(1)
        patient.pulse.heard()
    assert (patient.pings, patient.deaths) == (10, [])

    patient.pulse.stop()
    patient.seconds(100)
    assert (patient.pings, patient.deaths) == (10, [])


def stop_process(pid: int) -> None:
    """Stop *pid* and wait until it is."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


@pytest.mark.promise("busy-is-not-dead")
def test_a_call_that_holds_the_gil_is_not_dead(house: House) -> None:
    """Nothing of its process answers for many times the grace; it runs, so it is left to its call."""
    life = house.ready(ping_interval=0.02, silence_grace=0.05)

    assert life.call(there.hold_the_gil_for_long) == "done"
    assert life.call(os.getpid) == life.interpreter.pid


@pytest.mark.promise("heartbeats")
def test_one_that_is_stopped_may_be_kept(house: House) -> None:
    """With ``on_silence="log"``: the event says so, and so does the interpreter, until it is heard again; it works on."""
    life = house.ready(ping_interval=0.02, silence_grace=0.1, on_silence="log")
    stop_process(life.interpreter.pid)

    told = life.wait_for(InterpreterSilent)
    assert "said nothing for" in told.why
    assert told.describe().startswith(f"house/worker#1 (pid {life.interpreter.pid}) is silent, and kept")
    assert life.interpreter.silence == told.why
    os.kill(life.interpreter.pid, signal.SIGCONT)

    assert life.wait_for(InterpreterSilent).why == ""
    assert life.interpreter.silence == ""
    assert life.call(there.add, 1, 2) == 3


@pytest.mark.promise("heartbeats")
def test_an_idle_one_that_is_stopped_is_dead_at_its_grace(house: House) -> None:
    """Nobody's call is in it, so nobody else would find out."""
    life = house.ready(ping_interval=0.02, silence_grace=0.1)
    stop_process(life.interpreter.pid)

    certificate = life.death()

    assert (certificate.verdict, certificate.signal, certificate.phase) == (
        Verdict.SILENT,
        "SIGKILL",
        Phase.IDLE,
    )
    assert certificate.sent_by_us is not None
    assert "said nothing for" in certificate.headline()


def test_one_that_is_stopped_under_a_call_is_dead_at_its_grace(house: House) -> None:
    """Its caller is told long before the call's deadline."""
    life = house.ready(ping_interval=0.02, silence_grace=0.1)

    with pytest.raises(WorkerDied) as caught:
        life.call(there.wait_for_ever, on_progress=lambda progress: stop_process(progress.pid))

    assert caught.value.certificate.verdict is Verdict.SILENT


def test_one_that_is_stopped_and_goes_on_in_time_lives(house: House) -> None:
    """The twin: it is stopped for less than its grace, and answers again."""
    life = house.ready(ping_interval=0.02, silence_grace=PATIENCE)
    stop_process(life.interpreter.pid)
    assert state_of(life.interpreter.pid) == "T"
    pidfd = os.pidfd_open(life.interpreter.pid)
    assert alive_after([pidfd], 0.3) == 1
    os.close(pidfd)
    os.kill(life.interpreter.pid, signal.SIGCONT)

    assert life.interpreter.ping(PATIENCE) > 0
    assert life.call(there.add, 1, 2) == 3


def test_without_pings_nothing_is_found_silent(house: House) -> None:
    """The option's other end."""
    life = house.ready(ping_interval=float("inf"), silence_grace=0.01)
    stop_process(life.interpreter.pid)
    pidfd = os.pidfd_open(life.interpreter.pid)
    assert alive_after([pidfd], 0.3) == 1
    os.close(pidfd)
