"""Calls and their outcomes as frames, on the host's side: what may be sent, and what to say when it cannot.

Pickling itself is in `wire.codec`; sending is in `channel`.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import attrs

from bridge.errors import NotPicklable, ProtocolError, RemoteError, RemoteTraceback
from bridge.wire import codec
from bridge.wire.frames import Fault

__all__ = ["EncodedCall", "decode_result", "encode_call", "error_of", "main_module"]

_INSTALL = "Install cloudpickle: pip install 'treewarden[pickle]'"


@final
@attrs.frozen(slots=True)
class EncodedCall:
    """A call that is ready to be sent, to any worker."""

    label: str  #: module and name of the function
    frames: Sequence[bytes | memoryview] = attrs.field(repr=False)


def encode_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> EncodedCall:
    """Pickle a call, in the caller's thread.

    Functions and classes of a main module that has no file (a REPL, a notebook, ``python -c``) go by value, for which
    cloudpickle is needed; everything else goes by reference.

    Raises:
        NotPicklable: If the function or an argument cannot be sent; nothing was sent.
    """
    label = _label(function)
    call = (function, tuple(args), dict(kwargs))
    failure: Exception | None = None
    try:
        frames = codec.dumps(call)
        if (
            not codec.mentions(frames, codec.MAIN_BYTES)
            or main_module() != (None, None)
            or not _uses_main(call)
        ):
            return EncodedCall(label, frames)
    except Exception as error:  # pickling runs the methods of users' classes, which raise what they like
        failure = error
        if main_module() != (None, None):
            raise _refused(label, error) from error
    try:
        cloudpickle = importlib.import_module("cloudpickle")
    except ImportError:
        if failure is not None:
            raise _refused(
                label, failure, f"{_INSTALL}, to send lambdas and what a session defines"
            ) from failure
        raise NotPicklable(
            label,
            "it belongs to a __main__ that has no file (a REPL, a notebook or python -c)",
            f"{_INSTALL}, or put it into a module",
        ) from None
    try:
        return EncodedCall(label, codec.dumps(call, cloudpickle.dumps))
    except Exception as error:
        raise _refused(label, error) from error


def main_module() -> tuple[str | None, str | None]:
    """Return the main module's name if it was run with -m, else what was run: the path of a script, a directory or a zip.

    Neither in a session without a file.
    """
    main = sys.modules.get(codec.MAIN)
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name and spec.name != codec.MAIN:
        return spec.name, None
    file = getattr(main, "__file__", None)
    if file is None:
        return None, None
    path = Path(file).absolute()
    # Profilers, too, give the scripts that they run a spec of the name __main__.
    if spec is not None and path.stem == codec.MAIN:
        return None, str(path.parent)
    return None, str(path) if path.is_file() else None


def decode_result(label: str, frames: Sequence[memoryview]) -> Any:
    """Return the result in the frames of a RESULT.

    Raises:
        NotPicklable: If it cannot be rebuilt in this process.
    """
    try:
        return codec.loads(frames)
    except Exception as error:
        raise NotPicklable(
            f"the result of {label}", f"it cannot be rebuilt in the caller's process ({_brief(error)})",
            "Make its class importable here, or return plain values",
        ) from error  # fmt: skip


def error_of(label: str, frames: Sequence[memoryview]) -> Exception:
    """Return what the frames of an ERROR tell, with the worker's traceback as its cause.

    Returns:
        NotPicklable, if the arguments could not be rebuilt in the worker, or the result cannot be sent; what the
        function raised; RemoteError, which says why it is not that, if it cannot be rebuilt here or is no ``Exception``
        (a SystemExit is the worker's own affair).

    Raises:
        ProtocolError: If the frames are no description of an error.
    """
    try:
        told = json.loads(bytes(frames[0]))
        stage, name, text, traceback, unsent = (
            str(told[key]) for key in ("stage", "type", "text", "traceback", "unsent")
        )
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ProtocolError(Fault.GARBAGE, f"an error that cannot be read ({error!r})") from None
    outcome: Exception
    if stage == "arguments":
        outcome = NotPicklable(
            f"the call of {label}",
            f"it cannot be rebuilt in the worker ({name}: {text})",
            "Make its modules importable there (see the option path), and guard the script's own work by"
            " `if __name__ == '__main__':`",
        )
    elif stage == "result":
        outcome = NotPicklable(
            f"the result of {label}",
            f"it cannot be pickled in the worker ({name}: {text})",
            "Return plain values",
        )
    else:
        raised, obstacle = (None, unsent) if unsent else _exception(frames[1:])
        outcome = raised or RemoteError(name, text, traceback, obstacle)
    outcome.__cause__ = RemoteTraceback(traceback)
    return outcome


def _exception(frames: Sequence[memoryview]) -> tuple[Exception | None, str]:
    """Return the exception in *frames*; without one, why there is none."""
    try:
        raised = codec.loads(frames)
    except Exception as error:  # the constructors of users' exceptions raise what they like
        return None, (
            f"it cannot be rebuilt in the caller's process ({_brief(error)}); an exception is rebuilt as"
            " type(error)(*error.args): give all that its constructor needs to super().__init__(), or write a __reduce__"
        )
    if not isinstance(raised, Exception):
        return None, f"what it was rebuilt to is no exception but of type {type(raised).__qualname__}"
    return raised, ""


def _label(function: Callable[..., Any]) -> str:
    try:
        return f"{function.__module__}.{function.__qualname__}"
    except AttributeError:  # a partial, or an object with __call__
        inner = getattr(function, "func", None)
        return (
            f"{type(function).__name__}({_label(inner)})"
            if inner is not None
            else type(function).__qualname__
        )


def _refused(
    label: str, error: Exception, remedy: str = "Send functions of modules and plain values"
) -> NotPicklable:
    return NotPicklable(f"the call of {label}", f"it cannot be pickled ({_brief(error)})", remedy)


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _uses_main(call: object) -> bool:
    """Return whether *call* refers to the main module; that its name occurs in a string is not enough."""
    finder = _MainFinder(io.BytesIO(), protocol=5, buffer_callback=lambda _: None)
    finder.dump(call)
    return finder.found


class _MainFinder(pickle.Pickler):
    found = False

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type | types.FunctionType) and obj.__module__ == codec.MAIN:
            self.found = True
        return NotImplemented
