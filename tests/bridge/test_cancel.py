"""The ending of a running call, by its deadline or by another thread: real processes, real signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House, Life

from bridge.cancel import CancelOutcome
from bridge.certificate import Verdict
from bridge.channel import Progress
from bridge.errors import BridgeError, CallCancelled, CallDeadline, RemoteTraceback, WorkerDied
from bridge.ladder import Graces

#: Whatever is to be seen to end in good order gets all the time of a busy machine; the rest gets next to none.
PATIENT = Graces(flag=0.001, interrupt=PATIENCE, terminate=PATIENCE)
WATCHFUL = Graces(flag=PATIENCE, interrupt=PATIENCE, terminate=PATIENCE)
# The flag's is what the code has from its report to where it means to be.
HASTY = Graces(flag=0.5, interrupt=0.05, terminate=0.05)


class Cancelled:
    """A call in this thread that another thread cancels when it reports; what came of it on both sides."""

    def __init__(self, life: Life, function: Callable[..., Any], *args: Any) -> None:
        self.outcome: CancelOutcome | None = None
        self.error: BaseException | None = None
        self.result: Any = None
        thread = threading.Thread(target=self._cancel, args=[life])
        try:
            self.result = life.call(function, *args, on_progress=lambda _: thread.start())
        except BridgeError as error:
            self.error = error
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def _cancel(self, life: Life) -> None:
        running = life.interpreter.channel.running()
        assert running is not None
        self.outcome = life.interpreter.cancel(running.id)


def test_a_cancelled_call_is_interrupted_and_its_worker_lives_on(house: House, tmp_path: Path) -> None:
    """A KeyboardInterrupt in the code that runs, a typed error for its caller, and the next call in the same process."""
    life = house.ready(graces=PATIENT)
    pid = life.interpreter.pid

    ended = Cancelled(life, there.clean_up, str(tmp_path / "told"))

    assert (tmp_path / "told").read_text() == "CallInterrupted True"
    assert ended.outcome is CancelOutcome.INTERRUPTED
    assert isinstance(ended.error, CallCancelled)
    assert (ended.error.started, ended.error.certificate) == (True, None)
    assert isinstance(ended.error.__cause__, RemoteTraceback)
    assert "clean_up" in ended.error.__cause__.text
    assert life.interpreter.channel.clean
    assert life.call(os.getpid) == pid
    assert not life.call(there.is_cancelled)


def test_a_call_that_overruns_is_interrupted_and_its_worker_lives_on(house: House, tmp_path: Path) -> None:
    """The deadline does the same, and is told as a deadline."""
    life = house.ready(graces=PATIENT)

    life.call(there.add, 1, 1)  # which imports the rest
    with pytest.raises(CallDeadline, match=r"1 s.*lives on") as caught:
        life.call(there.clean_up, str(tmp_path / "told"), timeout=1.0)

    assert caught.value.certificate is None
    assert (tmp_path / "told").read_text() == "CallInterrupted True"
    assert life.interpreter.channel.clean
    assert life.call(os.getpid) == life.interpreter.pid


def test_code_that_looks_is_not_interrupted(house: House) -> None:
    """It sees the flag within its grace, and what it returns is its caller's; cancelling it came too late."""
    life = house.ready(graces=WATCHFUL)

    ended = Cancelled(life, there.until_cancelled)

    assert (ended.outcome, ended.result) == (CancelOutcome.TOO_LATE, "ended in good order")
    assert life.interpreter.channel.clean


def test_code_that_looks_sees_its_deadline(house: House) -> None:
    """What it returns is too late for its caller, who asked for an answer in time; nobody else gets it."""
    life = house.ready(graces=WATCHFUL)

    with pytest.raises(CallDeadline):
        life.call(there.until_cancelled, timeout=0.05)

    assert life.call(there.add, 1, 2) == 3


def test_a_call_that_raises_something_else_was_interrupted(house: House) -> None:
    """What it raised while it cleaned up is in the cause; its caller is told what he can act on."""
    ended = Cancelled(house.ready(graces=PATIENT), there.other_failure)

    assert ended.outcome is CancelOutcome.INTERRUPTED
    assert isinstance(ended.error, CallCancelled)
    assert "LookupError: while cleaning up" in str(ended.error.__cause__)


def test_a_result_that_comes_in_spite_of_it_is_not_lost(house: House) -> None:
    """A call that swallows the interrupt and returns has ended of itself."""
    ended = Cancelled(house.ready(graces=PATIENT), there.swallow, "mine")

    assert (ended.outcome, ended.result) == (CancelOutcome.TOO_LATE, "mine")


@pytest.mark.promise("late-reply-isolated")
def test_a_reply_after_its_deadline_reaches_nobody(house: House) -> None:
    """Its caller has been told of the deadline; the next caller of the same worker gets his own answer."""
    life = house.ready(graces=PATIENT)
    for n in range(5):
        with pytest.raises(CallDeadline) as caught:
            life.call(there.swallow, "late", timeout=0.02)
        assert caught.value.certificate is None
        assert life.call(there.echo, n) == n


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (there.report_and_hold_the_gil, "SIGTERM"),
        (there.deaf_to_interrupts, "SIGTERM"),
        (there.ignore_terminate, "SIGKILL"),
    ],
)
@pytest.mark.parametrize("by_deadline", [True, False])
def test_whatever_the_code_does_it_ends(
    house: House, function: Callable[[], None], name: str, by_deadline: bool
) -> None:
    """Code that holds the GIL, or goes on in spite of the interrupt, ends at SIGTERM; what is deaf to that, too, at SIGKILL."""
    graces = HASTY if function is not there.ignore_terminate else Graces(flag=0, interrupt=0, terminate=0.2)
    life = house.ready(graces=graces)
    life.call(there.add, 1, 1)  # which imports the rest
    if by_deadline:
        with pytest.raises(CallDeadline) as caught:
            life.call(function, timeout=1.0)
        certificate = caught.value.certificate
    else:
        ended = Cancelled(life, function)
        assert ended.outcome is CancelOutcome.KILLED
        assert isinstance(ended.error, CallCancelled)
        assert ended.error.started
        certificate = ended.error.certificate

    assert certificate is not None
    assert certificate.signal == name
    assert certificate.verdict is (Verdict.DEADLINE if by_deadline else Verdict.CANCELLED)
    assert certificate.sent_by_us == (
        "its call was not done in time" if by_deadline else "its call was cancelled"
    )
    assert life.death() == certificate
    assert not life.interpreter.channel.clean


def test_an_answer_after_sigterm_is_given_and_its_worker_ends(house: House) -> None:
    """Those that the worker had started got the signal, too: it is not to be used again."""
    life = house.ready(graces=Graces(flag=0, interrupt=0, terminate=PATIENCE))

    ended = Cancelled(life, there.stays_at_sigterm)

    assert (ended.outcome, ended.result) == (CancelOutcome.KILLED, "still here")
    assert not life.interpreter.channel.clean
    assert life.death().sent_by_us == "its call was cancelled"


def test_a_process_that_ends_at_sigint_was_ended_by_us(house: House) -> None:
    """User code may put the signal's default back; then the certificate does not look for somebody else."""
    life = house.ready(graces=PATIENT)

    ended = Cancelled(life, there.default_sigint)

    assert ended.outcome is CancelOutcome.KILLED
    assert isinstance(ended.error, CallCancelled)
    assert ended.error.certificate is not None
    assert (ended.error.certificate.signal, ended.error.certificate.verdict) == (
        "SIGINT",
        Verdict.CANCELLED,
    )


def test_a_sigint_of_somebody_else_is_not_ours(house: House) -> None:
    """The twin: nobody cancelled anything."""
    life = house.ready(graces=PATIENT)

    with pytest.raises(WorkerDied) as caught:
        life.call(there.default_sigint, on_progress=lambda p: os.kill(p.pid, signal.SIGINT))

    assert caught.value.certificate.verdict is Verdict.KILLED_FROM_OUTSIDE


def test_arguments_that_take_for_ever_end_with_their_worker(house: House) -> None:
    """What rebuilds them may be in the midst of an import, which is not cut off: half of it would stay in the worker."""
    ended = Cancelled(house.ready(graces=PATIENT), there.echo, there.Slow())

    assert ended.outcome is CancelOutcome.KILLED
    assert isinstance(ended.error, CallCancelled)


def test_a_call_that_has_not_begun_is_not_begun(house: House) -> None:
    """A process that is stopped has not read it; when it goes on, nothing of the call is executed."""
    life = house.ready(graces=WATCHFUL)
    pid = life.interpreter.pid
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    found: list[CancelOutcome] = []

    def cancel() -> None:
        while (running := life.interpreter.channel.running()) is None:
            pass
        # Goes on once it has been told, before its grace is over.
        flagged = threading.Thread(target=go_on)
        flagged.start()
        found.append(life.interpreter.cancel(running.id))
        flagged.join(PATIENCE)

    def go_on() -> None:
        board = life.interpreter.channel.wires.board
        while board.cancelled == 0:
            pass
        os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(CallCancelled, match="nothing was executed") as caught:
        life.call(there.leave, 3)
    thread.join(PATIENCE)

    assert found == [CancelOutcome.NOT_STARTED]
    assert (caught.value.started, caught.value.certificate) == (False, None)
    assert life.call(os.getpid) == pid


def test_a_call_that_is_over_is_not_cancelled(life: Life) -> None:
    """Too late, at once; nothing is sent, and the next call is none the worse for it."""
    life.call(there.add, 1, 2)

    assert life.interpreter.cancel(1) is CancelOutcome.TOO_LATE
    assert life.interpreter.cancel(7) is CancelOutcome.TOO_LATE
    assert not life.call(there.is_cancelled)


def test_two_may_cancel_the_same_call(house: House) -> None:
    """Each is told the same, and the code is interrupted once."""
    life = house.ready(graces=PATIENT)
    found: list[CancelOutcome] = []
    threads = [threading.Thread(target=lambda: found.append(life.interpreter.cancel(1))) for _ in range(3)]

    def start(_: Progress) -> None:
        for thread in threads:
            thread.start()

    with pytest.raises(CallCancelled):
        life.call(there.wait_for_ever, on_progress=start)
    for thread in threads:
        thread.join(PATIENCE)

    assert CancelOutcome.INTERRUPTED in found
    assert set(found) <= {CancelOutcome.INTERRUPTED, CancelOutcome.TOO_LATE}
    assert life.call(there.add, 1, 2) == 3


def test_a_canceller_that_leaves_does_not_leave_the_call_unended(house: House) -> None:
    """The caller's own deadline takes the ladder up where it was left."""
    life = house.ready(graces=Graces(flag=0.01, interrupt=0.01, terminate=0.01))
    channel = life.interpreter.channel

    def begin_and_leave(_: Progress) -> None:
        from bridge.enforcement import CANCELLED

        assert channel.enforcement.begin(1, CANCELLED, lambda: channel.runs(1))

    with pytest.raises(CallCancelled) as caught:
        life.call(there.deaf_to_interrupts, timeout=0.5, on_progress=begin_and_leave)
    assert caught.value.certificate is not None


def test_stop_iteration_is_raised_like_any_other(life: Life) -> None:
    """Neither the loop nor what runs the call takes it for an end of its own."""
    with pytest.raises(StopIteration, match="enough"):
        life.call(there.raise_stop_iteration)


def test_cancelled_is_false_elsewhere() -> None:
    """A function that looks can be called directly."""
    assert not there.is_cancelled()


def test_who_comes_after_the_death_does_not_wait_for_it(life: Life, house: House) -> None:
    """It was told already; what is waited on is open."""
    life.interpreter.kill("test")
    life.death()

    with life.interpreter._control.waiting(1) as wait:
        assert house.clock.acquire(wait.gate, 0)
