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
    Shutdown,
    crashed,
    is_quiet,
    shutdown,
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
