"""The window into a service: what it answers, and that nobody who asks can hold it, or anybody else."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bridge.errors import InspectionFailed
from bridge.inspection import LONGEST_ANSWER, SOCKET, Inspection
from bridge.services import ask

PATIENCE = 20.0


@pytest.fixture
def place(no_leaks: None) -> Iterator[Path]:
    """A directory whose name is short enough for a socket in it."""
    path = Path(tempfile.mkdtemp(prefix="tw"))
    yield path
    shutil.rmtree(path)


class Hang:
    """An answer that does not come until the test lets it."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.end = threading.Event()

    def __call__(self) -> str:
        self.begun.release()
        self.end.wait(PATIENCE)
        return "at last"


def listens_to(place: Path) -> bool:
    """Return whether this process has a socket that is bound in *place*."""
    bound = {
        f"socket:[{line.split()[6]}]"
        for line in Path("/proc/net/unix").read_text().splitlines()
        if line.endswith(str(place / SOCKET))
    }
    own = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            own.add(str(descriptor.readlink()))
    return bool(bound & own)


Answers = Mapping[str, Callable[[], object]]


def opened(place: Path, answers: Answers) -> Inspection:
    """Start one."""
    inspection = Inspection(place, answers, "test")
    inspection.start()
    return inspection


def connected(place: Path) -> socket.socket:
    """Connect, and say nothing."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(place / SOCKET))
    return client


def test_a_question_is_answered(place: Path) -> None:
    """As JSON; what JSON has not, as its text. The socket is this user's, and is gone with the end."""
    inspection = opened(place, {"what": lambda: {"a": [1, None], "path": Path("x")}})
    assert ask(place, "what", PATIENCE) == {"a": [1, None], "path": "x"}
    assert stat.S_IMODE((place / SOCKET).stat().st_mode) == 0o600

    assert inspection.close(PATIENCE)
    assert inspection.close(PATIENCE)

    assert not list(place.iterdir())
    with pytest.raises(InspectionFailed, match="No such file"):
        ask(place, "what", PATIENCE)


def test_an_answer_that_fails_or_is_too_long_is_told(place: Path) -> None:
    """So is a question that there is none of. The window stays open."""

    def fail() -> object:
        raise LookupError("no books today")

    inspection = opened(place, {"fail": fail, "long": lambda: "x" * LONGEST_ANSWER, "good": lambda: 1})
    for question, problem in [
        ("fail", "LookupError: no books today"),
        ("long", f"{LONGEST_ANSWER} are allowed"),
        ("other", "NAME one of: fail, good, long"),
    ]:
        with pytest.raises(InspectionFailed, match=problem):
            ask(place, question, PATIENCE)
    assert ask(place, "good", PATIENCE) == 1
    inspection.close(PATIENCE)


@pytest.mark.parametrize(
    "question", [b"\x80\x04N.\n", b"[]\n", b"1\n", b'{"ask": []}\n', b"x" * 5000, b"[" * 4096, b'{"ask"']
)
def test_garbage_is_refused(place: Path, question: bytes) -> None:
    """Whatever it is: a pickle, other JSON, too much, too deep, too little. One line comes back, or none."""
    inspection = opened(place, {"good": lambda: 1})
    with connected(place) as client:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        told = json.loads(client.makefile().readline())
    assert "expected one line" in told["error"]
    assert ask(place, "good", PATIENCE) == 1
    inspection.close(PATIENCE)


def test_a_question_that_does_not_end_is_refused(place: Path) -> None:
    """At its limit, and not when its time is up: it is not kept for longer, nor read on."""
    inspection = opened(place, {"good": lambda: 1})
    with connected(place) as client:
        client.sendall(b"x" * 4096)
        assert "expected one line" in json.loads(client.makefile().readline())["error"]
    inspection.close(PATIENCE)


def test_who_says_nothing_is_sent_away_and_holds_nobody(place: Path) -> None:
    """Others are answered meanwhile; after a while it is cut off."""
    inspection = opened(place, {"good": lambda: 1})
    with connected(place) as client:
        assert ask(place, "good", PATIENCE) == 1
        assert client.recv(1) == b""
    inspection.close(PATIENCE)


def test_an_answer_that_hangs_holds_nobody(place: Path) -> None:
    """Neither others who ask, nor the asker beyond its time, nor the close; a few may hang, one more is told."""
    hang = Hang()
    inspection = opened(place, {"hang": hang, "good": lambda: 1})
    with contextlib.ExitStack() as clients:
        clients.callback(hang.end.set)
        for _ in range(3):
            clients.enter_context(connected(place)).sendall(b'{"ask": "hang"}\n')
            assert hang.begun.acquire(timeout=PATIENCE)
        ask_beside_those_who_hang(place, hang)
        assert not inspection.close(0.05), "it says that somebody is still inside, and waits no longer"
        with pytest.raises(InspectionFailed):
            ask(place, "good", PATIENCE)


def ask_beside_those_who_hang(place: Path, hang: Hang) -> None:
    """Three hang: a fourth is answered, or hangs for itself; a fifth is told to come again."""
    assert ask(place, "good", PATIENCE) == 1
    with pytest.raises(InspectionFailed, match=r"no answer within 0\.05 s"):
        ask(place, "hang", 0.05)
    assert hang.begun.acquire(timeout=PATIENCE)
    with pytest.raises(InspectionFailed, match="4 others are being served"):
        ask(place, "good", PATIENCE)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_copy_does_not_listen(place: Path) -> None:
    """With the service's end nobody can connect any more, whoever was forked from it; its own close does nothing."""
    inspection = opened(place, {"good": lambda: 1})
    pid = os.fork()
    if pid == 0:
        inspection.close(1.0)
        os._exit(1 if listens_to(place) else 7)
    assert listens_to(place)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert ask(place, "good", PATIENCE) == 1
    inspection.close(PATIENCE)
