"""What travels along with a call and is there for its duration only: context variables, and a trace header.

Nothing of it is left for the next call, and nothing is there that an earlier one left: the function runs in a context of
its own, which is dropped.
"""

from __future__ import annotations

import contextvars
import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bridge.interpreter.failures import StageFailed

__all__ = ["find_variable", "prepared", "trace_header"]

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_trace: Final[contextvars.ContextVar[Mapping[str, str]]] = contextvars.ContextVar(
    "trace_header", default=_NONE
)


def trace_header() -> Mapping[str, str]:
    """Return the trace header that came with the running call, such as W3C's ``traceparent``; empty where there is none."""
    return _trace.get()


def find_variable(name: str) -> contextvars.ContextVar[Any]:
    """Return the context variable *name*, written ``module:NAME``; imports its module.

    Raises:
        ValueError: If the name is not of this form.
        ImportError, AttributeError: If there is no such module or name.
        TypeError: If it is something else.
    """
    module, separator, attribute = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (module and separator and attribute):
        raise ValueError(f"context variable {name!r}: expected module:NAME")
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, contextvars.ContextVar):
        raise TypeError(f"{name} is of type {type(found).__qualname__}, expected a contextvars.ContextVar")
    return found


def prepared(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], extras: Mapping[str, Any]
) -> tuple[tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]], bool]:
    """Return what to call so that *function* runs as *extras* ask, and whether its result may hold markers."""
    marking = extras.get("marking", False)
    if not (extras.keys() & {"context", "trace"}):
        return (function, args, kwargs), marking
    return (contextvars.Context().run, (_run, function, args, kwargs, extras), {}), marking


def _run(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], extras: Mapping[str, Any]
) -> Any:
    try:
        for name, value in extras.get("context", {}).items():
            find_variable(name).set(value)
    except BaseException as error:
        raise StageFailed("arguments") from error
    _trace.set(MappingProxyType(extras.get("trace", {})))
    return function(*args, **kwargs)
