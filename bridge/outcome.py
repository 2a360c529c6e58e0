"""What came of a call, from its frames: the result, or the error that its caller gets.

How a call is sent is in `payload`; which message may come when in `protocol`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any, Final

from bridge.errors import (
    AdapterSetUpFailed,
    CallCancelled,
    FunctionRefused,
    NotPicklable,
    ProtocolError,
    RemoteError,
    RemoteTraceback,
)
from bridge.wire import codec, plain
from bridge.wire.frames import Fault

__all__ = ["cancelled_of", "decode_plain_result", "decode_result", "error_of"]


#: What users' code raises while it is rebuilt, a module that ends its program at import included. Not a KeyboardInterrupt,
#: which may be the caller's own.
_REBUILDING: Final = (Exception, SystemExit)


def decode_result(label: str, frames: Sequence[memoryview]) -> Any:
    """Return the result in the frames of a RESULT.

    Raises:
        NotPicklable: If it cannot be rebuilt in this process.
    """
    try:
        return codec.loads_at_home(frames)
    except _REBUILDING as error:
        raise NotPicklable(
            f"the result of {label}", f"it cannot be rebuilt in the caller's process ({_brief(error)})",
            "Make its class importable here, or return plain values",
        ) from error  # fmt: skip


def decode_plain_result(frames: Sequence[memoryview]) -> Any:
    """Return the result in the frames of a RESULT of an interpreter that is not trusted.

    Raises:
        ProtocolError: If they hold no plain value, a pickle for example.
    """
    try:
        return plain.loads(frames)
    except ValueError as error:
        raise ProtocolError(Fault.GARBAGE, f"a result that cannot be read ({error})") from None


def cancelled_of(label: str, frames: Sequence[memoryview]) -> CallCancelled:
    """Return what the frames of a CANCELLED tell: nothing, if the call did not begin; else where it was interrupted."""
    told = bytes(frames[0])
    cancelled = CallCancelled(label, started=bool(told))
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        cancelled.__cause__ = RemoteTraceback(str(json.loads(told)["traceback"]))
    return cancelled


def error_of(label: str, frames: Sequence[memoryview], trusted: bool = True) -> Exception:
    """Return what the frames of an ERROR tell, with the worker's traceback as its cause.

    Args:
        label: What the call is called.
        frames: A description, and at times a pickled exception.
        trusted: Whether that may be unpickled.

    Returns:
        NotPicklable, if the arguments could not be rebuilt in the worker; AdapterSetUpFailed, if it got no further; what the function raised; RemoteError, which
        says why it is not that, if it cannot be rebuilt here or is no ``Exception`` (a SystemExit is the worker's own
        affair), or if it was a result and cannot be sent.

    Raises:
        ProtocolError: If the frames are no description of an error, or hold a pickle that must not be there.
    """
    if not trusted and len(frames) > 1:
        raise ProtocolError(
            Fault.UNEXPECTED, "an exception from an interpreter that may send plain values only"
        )
    try:
        told = json.loads(bytes(frames[0]))
        stage, name, text, form, traceback, unsent = (
            str(told[key]) for key in ("stage", "type", "text", "repr", "traceback", "unsent")
        )
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ProtocolError(Fault.GARBAGE, f"an error that cannot be read ({error!r})") from None
    outcome: Exception
    if stage == "arguments":
        outcome = NotPicklable(
            f"the call of {label}",
            f"it cannot be rebuilt in the worker ({name}: {text})",
            "Make its modules importable there (see the option path), and guard the script's own work by"
            " `if __name__ == '__main__':`",
        )
    elif stage == "allowed":
        outcome = FunctionRefused(label, text)
    elif stage == "result":
        outcome = RemoteError(name, text, traceback, unsent, form, "returned")
    else:
        raised, obstacle = (None, unsent) if unsent or not trusted else _exception(frames[1:])
        outcome = raised or RemoteError(name, text, traceback, obstacle, form)
        if stage == AdapterSetUpFailed.stage:
            outcome.__cause__ = RemoteTraceback(traceback)
            failed = AdapterSetUpFailed(label, name, text)
            failed.__cause__ = outcome
            return failed
    outcome.__cause__ = RemoteTraceback(traceback)
    return outcome


def _exception(frames: Sequence[memoryview]) -> tuple[Exception | None, str]:
    """Return the exception in *frames*; without one, why there is none."""
    try:
        raised = codec.loads_at_home(frames)
    except _REBUILDING as error:  # the constructors of users' exceptions raise what they like
        return None, (
            f"it cannot be rebuilt in the caller's process ({_brief(error)}); make its class importable here, and see"
            " that what its __reduce__ tells is enough to rebuild it"
        )
    if not isinstance(raised, Exception):
        return None, f"what it was rebuilt to is no exception but of type {type(raised).__qualname__}"
    return raised, ""


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
