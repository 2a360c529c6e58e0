"""Stacks: asked for before a kill, in bounded time, and only of one that listens; a crash's are its own alone."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import deadly
import pytest
from bridge_house import House, Life

from bridge import stacks
from bridge.certificate import Verdict
from bridge.errors import CallDeadline, WorkerDied
from bridge.stacks import Stacks

#: Writes its stacks to the descriptor in its first argument when asked to, then tells, and waits.
LISTENER = """
import faulthandler, os, signal, sys, threading
fd = int(sys.argv[1])
{}
print(flush=True)
while True: signal.pause()
"""
REGISTER = "faulthandler.register(signal.SIGURG, fd, chain=False)"
MANY = """
def down(n): return down(n - 1) if n else threading.Event().wait()
for _ in range(20): threading.Thread(target=down, args=(50,), daemon=True).start()
"""


class Subject:
    """A process and the memory that it writes its stacks to."""

    def __init__(self, preparation: str) -> None:
        fd = Stacks.create_fd()
        self.stacks = Stacks(fd)
        self.popen = subprocess.Popen(
            [sys.executable, "-S", "-c", LISTENER.format(preparation), str(fd)],
            stdout=subprocess.PIPE,
            pass_fds=(fd,),
        )
        self.pidfd = os.pidfd_open(self.popen.pid)
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline()

    def take(self) -> tuple[str, ...]:
        """Take its stacks."""
        self.stacks.take(self.popen.pid, self.pidfd)
        return self.stacks.lines()

    def close(self) -> None:
        """End it."""
        self.popen.kill()
        self.popen.communicate()
        self.stacks.close()
        os.close(self.pidfd)


@pytest.fixture
def subject(no_leaks: None, request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A process that was prepared as the test's parameter says; it registers its faulthandler without one."""
    subject = Subject(getattr(request, "param", REGISTER))
    yield subject
    subject.close()


def test_stacks_are_taken_of_the_living(subject: Subject) -> None:
    """It writes where it is, lives on, and a second time replaces the first."""
    first = subject.take()
    second = subject.take()

    assert len([line for line in first if "most recent call first" in line]) == 1
    assert '"<string>"' in first[-1]
    assert len(first) == len(second)
    assert subject.popen.poll() is None


def test_one_that_is_stopped_is_continued_for_it(subject: Subject) -> None:
    """A stopped process handles nothing; where it was stopped is worth more than that it stays so until its kill."""
    signal.pidfd_send_signal(subject.pidfd, signal.SIGSTOP)
    os.waitid(os.P_PIDFD, subject.pidfd, os.WSTOPPED | os.WNOWAIT)

    assert "most recent call first" in subject.take()[0]


@pytest.mark.parametrize("subject", ["pass"], indirect=True)
def test_one_that_does_not_listen_is_not_waited_for(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no handler (it is starting, or its code took it away): it is neither asked nor waited for."""
    monkeypatch.setattr(stacks, "wait_readable", lambda *_: pytest.fail("it was waited for"))

    assert subject.take() == ()
    assert subject.popen.poll() is None


BLOCKED = f"{REGISTER}; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])"


@pytest.mark.parametrize("subject", [BLOCKED], indirect=True)
def test_the_wait_for_stacks_has_an_end(subject: Subject) -> None:
    """It has a handler that it never comes to: nothing is written, and the wait ends all the same."""
    assert subject.take() == ()
    assert subject.popen.poll() is None


@pytest.mark.parametrize("subject", [REGISTER + MANY], indirect=True)
def test_of_very_many_lines_the_ends_are_kept(subject: Subject) -> None:
    """Twenty threads of fifty frames each: the beginning, the end, and how much is left out."""
    lines = subject.take()

    assert len(lines) == 61
    assert "more lines" in lines[30]


def test_a_dead_process_is_not_asked(subject: Subject) -> None:
    """It has ended meanwhile: no error, no stacks."""
    subject.popen.kill()
    subject.popen.wait()

    assert subject.take() == ()


def test_a_crash_tells_of_itself_alone(house: House) -> None:
    """What was written for a kill that did not come does not stand in the certificate of a later crash."""
    life = house.ready()
    life.interpreter._inquest.evidence.take_stacks()
    assert life.interpreter._inquest.evidence.stacks()

    with pytest.raises(WorkerDied) as caught:
        life.call(deadly.segfault)

    lines = caught.value.certificate.stacks
    assert lines[0] == "Fatal Python error: Segmentation fault"
    assert len([line for line in lines if line.startswith("Current thread")]) == 1


def test_a_crash_of_a_copy_is_not_the_interpreters(life: Life) -> None:
    """Code of a call forks, and the copy crashes: that is output of the call, not the stacks of the interpreter."""
    assert life.call(deadly.fork_and_crash) == -signal.SIGSEGV

    assert life.line("Segmentation fault").stream == "stderr"
    life.interpreter.kill("enough")
    assert life.death().stacks == ()


def test_a_deadline_of_a_stopped_interpreter(life: Life) -> None:
    """Stopped by somebody in the middle of a call that overruns: killed, and where it was is known."""
    with pytest.raises(CallDeadline) as caught:
        life.call(
            deadly.spin,
            timeout=1,
            on_progress=lambda p: os.kill(p.pid, signal.SIGSTOP),
        )

    certificate = caught.value.certificate
    assert certificate is not None
    assert certificate.verdict is Verdict.DEADLINE
    assert any("in spin" in line for line in certificate.stacks)


def test_code_that_took_the_handler_away_is_killed_all_the_same(life: Life) -> None:
    """The stacks are a favour, the kill is not."""
    life.call(faulthandler.unregister, signal.SIGURG)
    with pytest.raises(CallDeadline) as caught:
        life.call(deadly.spin, timeout=0.5)

    assert caught.value.certificate is not None
    assert caught.value.certificate.stacks == ()


def test_a_crash_while_the_stacks_are_written_is_the_kills(life: Life) -> None:
    """It was to be killed, and reading the frames of running threads may crash: nobody's code is blamed for that."""
    with pytest.raises(CallDeadline) as caught:
        life.call(deadly.crash_when_examined, timeout=0.5)

    certificate = caught.value.certificate
    assert certificate is not None
    assert (certificate.verdict, certificate.signal) == (Verdict.DEADLINE, "SIGSEGV")
    assert certificate.sent_by_us == "its call was not done in time"
    assert certificate.call is not None


def test_a_crash_that_nobody_asked_for_is_one(life: Life) -> None:
    """The twin: the same crash with the same handler, and no deadline in sight."""
    with pytest.raises(WorkerDied) as caught:
        life.call(deadly.crash_when_examined, timeout=30, on_progress=lambda p: os.kill(p.pid, signal.SIGURG))
    assert caught.value.certificate.verdict is Verdict.CRASH_SIGNAL
