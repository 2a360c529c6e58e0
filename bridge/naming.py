"""Calls for an interpreter that runs without pickle: the function by its name, its arguments as plain values.

Which names the interpreter takes is its list's (``InterpreterOptions.allowed``), and looked up there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import NotPicklable
from bridge.interpreter.adapters import Method
from bridge.pickling import PARTS
from bridge.wire import marker, plain
from bridge.wire.redaction import Redactor

__all__ = ["dumps", "name_of"]


def dumps(
    call: tuple[Any, Sequence[Any], Mapping[str, Any]],
    extras: Mapping[str, Any],
    label: str,
    marking: bool,
    secrets: Sequence[str],
) -> list[bytes | memoryview]:
    """Return the frames of *call*.

    Args:
        call: The function, or its name; its arguments.
        extras: What else is asked of the run.
        label: What the call is called in an error.
        marking: Whether a marker takes the place of what is not plain.
        secrets: What no error and no marker shows.

    Raises:
        NotPicklable: If the function has no name that can be looked up, or an argument is not plain.
    """
    function, *arguments = call
    if isinstance(function, Method):
        extras = {**extras, "session": function.session}
    parts = (name_of(function, label), *arguments, *([dict(extras)] if extras else []))
    redact = Redactor(secrets)
    try:
        return plain.dumps(
            parts, PARTS, (lambda path, part, why: marker.mark(path, part, why, redact)) if marking else None
        )
    except plain.NotPlain as error:
        path, kind = redact(error.culprit.path), error.culprit.type_name
        raise NotPicklable(
            f"the call of {label}",
            f"{path}, of type {kind}, is not plain ({redact(error.culprit.why)})",
            "Send None, bool, int, float, str, list, dict with keys of str, and bytes",
            path,
            kind,
        ) from None


def name_of(function: object, label: str) -> str:
    """Return the name of *function* as the list of an interpreter has it: ``module:name``.

    Raises:
        NotPicklable: If it has none by which it could be found.
    """
    if isinstance(function, str):
        return function
    if isinstance(function, Method):
        return f"{function.adapter.__module__}:{function.adapter.__qualname__}.{function.name}"
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<nameless>")
    if not module or "<" in name:
        raise NotPicklable(
            f"the call of {label}", "function has no name by which it could be looked up", "Put it into a module", "function",
            type(function).__qualname__,
        )  # fmt: skip
    return f"{module}:{name}"
