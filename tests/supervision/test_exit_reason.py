"""Exit reasons: values, and which of them are a proper end."""

from __future__ import annotations

import pickle

import pytest

from supervision.exit_reason import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    ExitReason,
    GaveUp,
    Shutdown,
    checked_reason,
    crashed,
    exception_behind,
    is_failure,
    is_quiet,
    shutdown,
    text_of,
)


@pytest.mark.parametrize(
    ("reason", "quiet"),
    [
        (NORMAL, True),
        (SHUTDOWN, True),
        (shutdown("rolled back"), True),
        (shutdown(0), True),
        (KILLED, False),
        (NOPROC, False),
        (crashed(ValueError("x")), False),
        (crashed("normal"), False),
    ],
    ids=str,
)
def test_exactly_normal_and_shutdown_are_quiet(reason: ExitReason, quiet: bool) -> None:
    """Normal, shutdown and shutdown(detail) are a proper end; nothing else is, whatever it carries."""
    assert is_quiet(reason) is quiet


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (NORMAL, "normal"),
        (SHUTDOWN, "shutdown"),
        (shutdown("full"), "shutdown(full)"),
        (KILLED, "killed"),
        (NOPROC, "noproc"),
        (crashed(ValueError("bad")), "crashed(ValueError: bad)"),
        (crashed(ValueError()), "crashed(ValueError)"),
        (crashed("disk"), "crashed(disk)"),
    ],
    ids=str,
)
def test_a_reason_reads_as_otp_writes_it(reason: ExitReason, text: str) -> None:
    """Each reason is one short text; a crash names its exception."""
    assert str(reason) == text


def test_reasons_are_compared_by_value_also_after_pickling() -> None:
    """A reason that crossed a process is the same reason."""
    for reason in (NORMAL, SHUTDOWN, KILLED, NOPROC, shutdown(("a", 1)), crashed("term")):
        assert pickle.loads(pickle.dumps(reason)) == reason
    assert shutdown("a") != shutdown("b")
    assert Shutdown() == SHUTDOWN


def gave_up(reason: ExitReason, *supervisors: str) -> ExitReason:
    """Return the reason of the last of *supervisors*, each the only child of the next, whose first child had *reason*."""
    for supervisor in supervisors:
        reason = Shutdown(because=GaveUp(supervisor, "x", reason))
    return reason


def test_a_giving_up_is_otps_plain_shutdown_and_tells_what_was_behind_it() -> None:
    """As a value it is ``shutdown``, quiet, also as a key; its text goes down to the failure, through every supervisor."""
    reason = gave_up(crashed(ValueError("no disk")), "t/inner", "t")

    assert reason == SHUTDOWN
    assert hash(reason) == hash(SHUTDOWN)
    assert is_quiet(reason)
    assert str(reason) == (
        "shutdown, because 't' gave up: its child 'x' ended once too often, at last with: "
        "shutdown, because 't/inner' gave up: its child 'x' ended once too often, at last with: "
        "crashed(ValueError: no disk)"
    )


def test_what_failed_is_told_from_what_was_done() -> None:
    """A giving up is a failure though it is quiet, whatever its child ended with; the exception behind it is found."""
    error = ValueError("x")
    failures = (
        KILLED,
        NOPROC,
        crashed("x"),
        crashed(error),
        gave_up(NORMAL, "t"),
        gave_up(crashed(error), "a", "t"),
    )

    assert all(is_failure(reason) for reason in failures)
    assert not any(is_failure(reason) for reason in (NORMAL, SHUTDOWN, shutdown("x")))
    assert [exception_behind(reason) for reason in failures] == [None, None, None, error, None, error]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_what_has_no_text_is_described() -> None:
    """A child's data cannot fail whoever tells of it."""
    assert text_of(Unspeakable()) == "<a Unspeakable whose text cannot be made: RuntimeError>"
    assert "Unspeakable" in str(crashed(Unspeakable()))
    assert "Unspeakable" in str(shutdown(Unspeakable()))


@pytest.mark.parametrize("given", ["normal", "kill", None, 5, ValueError("x"), Shutdown])
def test_what_is_no_reason_is_refused(given: object) -> None:
    """OTP takes any term, and each but three is a failure: here that has to be said."""
    with pytest.raises(TypeError, match=r"crashed\(term\)"):
        checked_reason(given)
    assert checked_reason(crashed(given)) == crashed(given)
