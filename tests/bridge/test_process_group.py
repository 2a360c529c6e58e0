"""One interpreter's processes: signalled only while their number is theirs, reaped only when all are dead."""

from __future__ import annotations

import errno
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import alive_after

from bridge import process_group
from bridge.certificate import ExitStatus
from bridge.proc import MARK, Process, look, open_member, processes, start_time, state_of
from bridge.process_group import ProcessGroup
from supervision.clock import MonotonicClock

#: A leader that starts a child, tells its pid, and waits; the child waits, too.
LEADER = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
print(child.pid, flush=True)
signal.pause()
"""


class Family:
    """A leader and its child, with pidfds of both."""

    def __init__(self) -> None:
        # Another run of these tests may go on beside this one, and a burial kills whoever carries its mark.
        mark = f"{secrets.token_hex(8)}.1"
        self.popen = subprocess.Popen(
            [sys.executable, "-S", "-c", LEADER],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )
        assert self.popen.stdout is not None
        self.child = int(self.popen.stdout.readline())
        self.popen.stdout.close()
        self.child_pidfd = os.pidfd_open(self.child)
        self.group = ProcessGroup(self.popen, os.pidfd_open(self.popen.pid), mark)


class Stranger:
    """A process in a group of its own that carries no mark."""

    def __init__(self) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-S", "-c", "import signal; signal.pause()"],
            start_new_session=True,
        )
        self.pid = self.popen.pid
        self.pidfd = os.pidfd_open(self.pid)


@pytest.fixture
def stranger(no_leaks: None) -> Iterator[Stranger]:
    """Somebody who is none of ours."""
    stranger = Stranger()
    yield stranger
    stranger.popen.kill()
    stranger.popen.wait()
    os.close(stranger.pidfd)


@pytest.fixture
def family(no_leaks: None) -> Iterator[Family]:
    """A group of two; dead and reaped at the end."""
    family = Family()
    yield family
    assert family.group.bury(MonotonicClock(), 5)
    family.group.close()
    os.close(family.child_pidfd)


def test_a_status_is_seen_without_reaping(family: Family) -> None:
    """How the leader ended is known while its zombie still keeps the group's number."""
    assert family.group.status() is None
    family.group.signal(signal.SIGKILL)
    assert alive_after([family.group.pidfd], 5) == 0

    assert family.group.status() == ExitStatus(signal="SIGKILL")
    assert start_time(family.group.pid) is not None


@pytest.mark.promise("group-kill")
def test_the_whole_group_is_signalled(family: Family) -> None:
    """The child gets it as the leader does."""
    family.group.signal(signal.SIGKILL)

    assert alive_after([family.child_pidfd], 5) == 0


def test_nothing_is_signalled_after_the_burial(family: Family) -> None:
    """The number may be a stranger's by then; the status stays known."""
    assert family.group.signal(0)
    assert family.group.bury(MonotonicClock(), 5)

    assert not family.group.signal(0)
    assert start_time(family.group.pid) is None
    assert family.group.status() == ExitStatus(signal="SIGKILL")
    assert alive_after([family.child_pidfd], 0.1) == 0


def test_a_group_whose_leader_was_stolen_is_not_signalled_by_number(family: Family) -> None:
    """Somebody else reaped the leader: its number is not ours any more, but the child is found by its mark."""
    family.popen.kill()
    os.waitpid(family.popen.pid, 0)

    assert family.group.status() == ExitStatus()
    assert not family.group.signal(signal.SIGKILL)
    assert alive_after([family.child_pidfd], 0.1) == 1
    assert family.group.bury(MonotonicClock(), 5)
    assert alive_after([family.child_pidfd], 0.1) == 0


@pytest.mark.promise("process-registry-pid-safe")
def test_a_number_that_was_given_away_is_not_signalled(family: Family, stranger: Stranger) -> None:
    """Once the leader is reaped, its number may be a stranger's: neither a signal nor a second burial goes there."""
    assert family.group.bury(MonotonicClock(), 5)
    # As if the kernel had given the number away.
    family.group.pid = stranger.pid

    assert not family.group.signal(signal.SIGKILL)
    assert family.group.bury(MonotonicClock(), 5)
    assert alive_after([stranger.pidfd], 0.1) == 1


def test_a_number_that_was_stolen_is_not_buried_with_the_family(family: Family, stranger: Stranger) -> None:
    """Somebody else reaped the leader, and its number went to a stranger: the burial kills those with the mark alone."""
    family.popen.kill()
    os.waitpid(family.popen.pid, 0)
    family.group.pid = stranger.pid

    assert not family.group.signal(signal.SIGKILL)
    assert family.group.bury(MonotonicClock(), 5)
    assert alive_after([family.child_pidfd], 0.1) == 0
    assert alive_after([stranger.pidfd], 0.1) == 1


def test_a_second_burial_asks_nobody(family: Family) -> None:
    """Everything is done and closed: there is nothing left that could be asked."""
    assert family.group.bury(MonotonicClock(), 5)
    family.group.close()

    assert family.group.bury(MonotonicClock(), 0)


def test_signalling_and_reaping_exclude_each_other(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that has found the leader unreaped is sent while it is: the burial waits for it, though all are dead."""
    kill_group, kill_members = os.killpg, process_group.kill_all
    sending, buried = threading.Event(), threading.Event()
    held: list[bool] = []

    def held_up(number: int, which: int) -> None:
        if threading.current_thread() is signaller:
            sending.set()
            # Never, since the burial waits for us; so this is as long as it is given to be wrong.
            buried.wait(0.3)
            held.append(start_time(number) is not None)
        kill_group(number, which)

    def kill_members_and_be_overtaken(*arguments: Any) -> bool:
        done = kill_members(*arguments)
        signaller.start()
        assert sending.wait(5)
        return done

    signaller = threading.Thread(target=lambda: family.group.signal(signal.SIGKILL))
    monkeypatch.setattr(os, "killpg", held_up)
    monkeypatch.setattr(process_group, "kill_all", kill_members_and_be_overtaken)

    assert family.group.bury(MonotonicClock(), 5)
    buried.set()
    signaller.join(5)

    assert held == [True]


@pytest.mark.promise("group-kill")
def test_the_leader_is_reaped_after_its_group_is_dead(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as anything of the group may live, the leader's zombie keeps the group's number from others."""
    os.kill(family.group.pid, signal.SIGKILL)
    assert alive_after([family.group.pidfd], 5) == 0
    kill_members = process_group.kill_all
    there: list[tuple[int, bool]] = []

    def kill_and_look(*arguments: Any) -> bool:
        done = kill_members(*arguments)
        there.append((alive_after([family.child_pidfd], 0.1), start_time(family.group.pid) is not None))
        return done

    monkeypatch.setattr(process_group, "kill_all", kill_and_look)

    assert family.group.bury(MonotonicClock(), 5)
    assert there == [(0, True)]
    assert start_time(family.group.pid) is None


def test_a_forked_copy_signals_nobody(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes are the service's: its copy sends nothing, and does not wait for locks that it has inherited."""
    kill_group = os.killpg
    sending, forked = threading.Event(), threading.Event()

    def held_up(number: int, which: int) -> None:
        sending.set()
        assert forked.wait(5)
        kill_group(number, which)

    monkeypatch.setattr(os, "killpg", held_up)
    signaller = threading.Thread(target=lambda: family.group.signal(0))
    signaller.start()
    assert sending.wait(5)
    copy = os.fork()
    if copy == 0:
        try:
            os._exit(int(family.group.signal(signal.SIGKILL)))
        finally:
            os._exit(2)
    forked.set()
    signaller.join(5)
    copy_pidfd = os.pidfd_open(copy)
    try:
        assert alive_after([copy_pidfd], 5) == 0, "it waits for a lock"
    finally:
        os.kill(copy, signal.SIGKILL)
        _, status = os.waitpid(copy, 0)
        os.close(copy_pidfd)

    assert os.waitstatus_to_exitcode(status) == 0
    assert alive_after([family.group.pidfd, family.child_pidfd], 0.1) == 2


def test_a_status_that_was_seen_survives_a_theft(family: Family) -> None:
    """What the kernel said once is known for good."""
    family.popen.kill()
    assert alive_after([family.group.pidfd], 5) == 0
    assert family.group.status() == ExitStatus(signal="SIGKILL")
    os.waitpid(family.popen.pid, 0)

    assert family.group.bury(MonotonicClock(), 5)
    assert family.group.status() == ExitStatus(signal="SIGKILL")


def test_a_pid_alone_names_nobody() -> None:
    """A process whose start time does not fit is another one; its pidfd is not given out."""
    mine = next(process for process in processes() if process.pid == os.getpid())
    pidfd = open_member(mine)
    assert pidfd is not None
    os.close(pidfd)

    assert open_member(mine._replace(started=mine.started + 1)) is None


def test_a_mark_is_seen_from_the_first_moment() -> None:
    """Popen returns while the new program has no environment yet; whoever looks just then must not see a stranger."""
    many = ["x"] * 50_000  # they stretch that moment
    for number in range(10):
        mark = f"{secrets.token_hex(8)}.{number}"
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", "import signal; signal.pause()", *many], env={MARK: mark}
        )
        try:
            seen = look(process.pid)
            assert seen is not None
            assert seen.mark == mark
        finally:
            process.kill()
            process.wait()


def test_what_proc_tells() -> None:
    """Group, session and mark of a live process, also if its name holds spaces and parentheses."""
    program = "import signal, pathlib; pathlib.Path('/proc/self/comm').write_text(') 1 (x y'); print(flush=True); signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", program],
        stdout=subprocess.PIPE,
        env={MARK: "a.b"},
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        (found,) = (one for one in processes() if one.pid == process.pid)
        assert found == Process(process.pid, process.pid, process.pid, found.started, "a.b")
        assert found.started == start_time(process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("room", [0, 1])
def test_what_cannot_be_looked_at_is_not_gone(stranger: Stranger, room: int) -> None:
    """Without descriptors to list and to open processes nobody is confirmed dead; with them, the same one is killed."""

    def is_member(process: Process) -> bool:
        return process.pid == stranger.pid

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [number for number in range(before[0]) if not Path(f"/proc/self/fd/{number}").exists()][: room + 1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[room], before[1]))
    try:
        confirmed = process_group.kill_all(is_member, MonotonicClock(), 0.1)
        state = state_of(stranger.pid)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert not confirmed
    assert state == ("?" if room == 0 else state_of(stranger.pid))
    assert alive_after([stranger.pidfd], 0.1) == 1
    assert process_group.kill_all(is_member, MonotonicClock(), 5)
    assert alive_after([stranger.pidfd], 0.1) == 0


@pytest.mark.parametrize(
    ("number", "gone"), [(errno.ESRCH, True), (errno.EMFILE, False), (errno.EPERM, False)]
)
def test_only_no_such_process_is_gone(number: int, gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other answer of the kernel's says nothing of the process."""
    mine = look(os.getpid())
    assert mine is not None

    def refuse(_: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    if gone:
        assert open_member(mine) is None
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            open_member(mine)
