"""How calls and answers are read and written with pickle; `plain` does the same without."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.interpreter import main_module
from bridge.wire import call_body, codec
from bridge.wire.boot_spec import BootSpec

if TYPE_CHECKING:
    from bridge.interpreter.failures import Frames

__all__ = ["dump", "dump_error", "dump_marked", "load", "obstacle"]


def load(spec: BootSpec, frames: Sequence[memoryview]) -> Any:
    """Return the call in *frames*: a function, its arguments, and at times what else is asked of the run.

    Raises:
        BaseException: Whatever unpickling raises, or loading the service's main module.
    """
    met = call_body.met_before(frames)
    if met is not None:
        return (met[0], *codec.loads(met[1]))
    reference, rest, mentions_main = call_body.split(frames)
    if mentions_main:
        main_module.load(spec)
    if reference:
        return (call_body.target_of(reference), *codec.loads(rest))
    return codec.loads(rest)


def dump(value: object) -> Frames:
    """Return the frames of a result.

    Raises:
        Exception: Whatever pickling raises.
    """
    try:
        return codec.dumps(value)
    except Exception:
        # What came by value, from a session without a file, goes back by value.
        cloudpickle = sys.modules.get("cloudpickle")
        if cloudpickle is None:
            raise
        return codec.dumps(value, cloudpickle.dumps)


def dump_marked(spec: BootSpec, value: object) -> Frames:
    """Return the frames of a result with markers in the place of what cannot be pickled."""
    from bridge.wire import marker
    from bridge.wire.redaction import Redactor

    redact = Redactor(spec.secrets)
    try:
        return marker.dumps(value, "result", redact)
    except Exception as error:  # too many, or none that helps
        return codec.dumps(marker.mark("result", value, f"{type(error).__name__}: {error}", redact))


def dump_error(error: Exception) -> tuple[Frames, str]:
    """Return the frames of what a call raised, to be raised again over there; if there are none, why."""
    # Not at the top: a worker that never fails never needs them.
    import pickle

    from bridge.wire import raised

    try:
        return codec.dumps(error, codec.dumper(pickle.Pickler, raised.override)), ""
    except Exception as broken:
        cloudpickle: Any = sys.modules.get("cloudpickle")
        if cloudpickle is not None:
            try:
                return codec.dumps(error, codec.dumper(cloudpickle.CloudPickler, raised.override)), ""
            except Exception:  # the first failure says more
                pass
        return [], obstacle("error", error, broken)


def obstacle(name: str, value: object, error: BaseException) -> str:
    """Return which part of *value* it is that cannot be pickled, and why."""
    found = None
    try:
        # Not at the top: most workers never need it. Nor may a call that broke the imports break its own answer.
        from bridge.wire import culprit

        found = culprit.find(value, name)
        text = culprit.text_of(error)
    except Exception:
        text = "it has no text"
    if found is None:
        return f"it cannot be pickled in the worker ({type(error).__name__}: {text})"
    return f"{found.path}, of type {found.type_name}, cannot be pickled in the worker ({found.why})"
