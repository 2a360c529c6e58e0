"""Errors: they survive pickling, and their text says what was given, what was found, and what to do."""

from __future__ import annotations

import concurrent.futures.process
import pickle

import pytest

from bridge import errors
from bridge.certificate import Certificate, Phase, Verdict
from bridge.wire.frames import Fault
from supervision.errors import SupervisionError

CERTIFICATE = Certificate(
    worker="w", incarnation=1, pid=2, verdict=Verdict.EXITED, phase=Phase.IDLE, exit_code=3
)

ALL: list[Exception] = [
    errors.AdapterSetUpFailed("method", "type", "description"),
    errors.CallCancelled("module.function", False),
    errors.CallCancelled("module.function", True, CERTIFICATE),
    errors.CallDeadline(1.0, CERTIFICATE),
    errors.CallDeadline(1.0, None),
    errors.ChannelUnavailable("w", "reason"),
    errors.FunctionRefused("label", "reason"),
    errors.HubClosed("hub"),
    errors.InspectionFailed("/run", "why"),
    errors.InterpreterUnusable("/python", "found", "remedy"),
    errors.LaunchFailed("w", "reason"),
    errors.NoPong("w", 1.0),
    errors.NotPicklable("what", "path, of type", "remedy", "path", "type"),
    errors.PlatformUnsupported("platform", "reason"),
    errors.ProtocolError(Fault.GARBAGE, "detail"),
    errors.RemoteError("type", "description", "traceback", "obstacle", "descr", "returned"),
    errors.RemoteTraceback("text"),
    errors.RunDirectoryUnusable((("/tmp", "why"),)),
    errors.WorkerDied(CERTIFICATE, True),
]


@pytest.mark.parametrize("error", ALL, ids=[f"{n}-{type(each).__name__}" for n, each in enumerate(ALL)])
def test_errors_survive_pickling(error: Exception) -> None:
    """The copy has the same type, arguments and text."""
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
    assert all(
        str(part) in str(error) for part in error.args if isinstance(part, str) and part != "traceback"
    )


def test_every_error_is_in_this_list() -> None:
    """A new error gets its case here."""
    assert {type(error).__name__ for error in ALL} == {*errors.__all__} - {"BridgeError"}


def test_errors_are_what_callers_expect() -> None:
    """One base; a broken pool and a timeout for those who know the standard library's."""
    assert all(
        isinstance(error, SupervisionError) for error in ALL if not isinstance(error, errors.RemoteTraceback)
    )
    assert issubclass(errors.WorkerDied, concurrent.futures.process.BrokenProcessPool)
    assert issubclass(errors.CallDeadline, TimeoutError)
    assert issubclass(errors.NoPong, TimeoutError)
