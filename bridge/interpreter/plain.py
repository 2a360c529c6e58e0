"""How calls and answers are read and written without pickle, and which functions may be called then: those on the list."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from bridge.interpreter import main_module
from bridge.interpreter.adapters import Method, method_of
from bridge.interpreter.failures import Frames, StageFailed
from bridge.wire import marker
from bridge.wire import plain as codec
from bridge.wire.boot_spec import BootSpec
from bridge.wire.codec import MAIN
from bridge.wire.redaction import Redactor

__all__ = ["dump", "dump_error", "dump_marked", "load", "obstacle"]


def load(spec: BootSpec, frames: Sequence[memoryview]) -> Any:
    """Return the call in *frames*: a function that is on the list, its arguments, and at times what else is asked.

    Raises:
        StageFailed: If the function, or a context variable, is not on the list; nothing was imported.
        BaseException: If the frames hold no call, or what importing the function's module raises.
    """
    name, args, kwargs, *more = codec.loads(frames)
    extras = more[0] if more else {}
    session = extras.pop("session", None)
    for each in (name, *extras.get("context", {})):
        if each not in spec.allowed:
            raise StageFailed("allowed") from PermissionError(f"{each} is not on the interpreter's list")
    if session is None:
        function = _found(spec, name)
    else:
        owner, _, method = name.rpartition(".")
        function = Method(_found(spec, owner), session, method)
        method_of(function.adapter, method)
    return (function, args, kwargs, extras) if extras else (function, args, kwargs)


def _found(spec: BootSpec, name: str) -> Any:
    module, _, qualname = name.partition(":")
    if module == MAIN:
        main_module.load(spec)
    found: Any = importlib.import_module(module)
    for attribute in qualname.split("."):
        found = getattr(found, attribute)
    return found


def dump(value: object) -> Frames:
    """Return the frames of a result.

    Raises:
        NotPlain: If it is not plain.
    """
    return codec.dumps(value, "result")


def dump_marked(spec: BootSpec, value: object) -> Frames:
    """Return the frames of a result with markers in the place of what is not plain."""
    redact = Redactor(spec.secrets)
    return codec.dumps(value, "result", lambda path, part, why: marker.mark(path, part, why, redact))


def dump_error(_: Exception) -> tuple[Frames, str]:
    """Return no frames, and why: an exception would have to be unpickled."""
    return [], "without pickle no exception is brought over"


def obstacle(_: str, __: object, error: BaseException) -> str:
    """Return which part of a result it is that is not plain, and why."""
    return str(error)
