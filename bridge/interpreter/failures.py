"""What is sent when a call fails, or its result cannot be sent: a description, and with it the exception if that can be.

When that is so is decided in `calls`; what the caller makes of it is in `bridge.outcome`.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Protocol

from bridge.wire import raised  # noqa: F401 (for `pickled.dump_error`: with this module, or not at all)
from bridge.wire.boot_spec import BootSpec
from bridge.wire.codec import MAIN, REMOTE_MAIN
from bridge.wire.frames import Kind

__all__ = ["Answer", "Codec", "Frames", "StageFailed", "describe_error", "describe_result"]

Frames = list[bytes | memoryview]
Answer = tuple[Kind, Frames]  #: what is sent back

#: Characters of a text, and of a traceback, that are sent; more of them tells nobody more.
_LONGEST_TEXT: Final = 10_000
_LONGEST_TRACEBACK: Final = 100_000
_HERE: Final = os.path.dirname(__file__) + os.sep  # noqa: PTH120 (pathlib is not needed for a child's start)


class Codec(Protocol):
    """How calls and answers are read and written: the modules `pickled` and `plain`; see there."""

    def load(self, spec: BootSpec, frames: Sequence[memoryview], /) -> Any: ...
    def dump(self, value: object, /) -> Frames: ...
    def dump_marked(self, spec: BootSpec, value: object, /) -> Frames: ...
    def dump_error(self, error: Exception, /) -> tuple[Frames, str]: ...
    def obstacle(self, name: str, value: object, error: BaseException, /) -> str: ...


class StageFailed(BaseException):
    """Carries, as its cause, what was raised before the call itself could begin; *stage* says by what."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


def describe_error(spec: BootSpec, codec: Codec, stage: str, error: BaseException) -> Answer:
    """Return the answer that tells of *error*, raised at *stage*; with it, to be raised again, what the call raised."""
    if isinstance(error, StageFailed) and error.__cause__ is not None:
        stage, error = error.stage, error.__cause__
    told = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": _text(error),
        "repr": _repr(error),
        "traceback": _traceback(error),
    }
    frames: Frames = []
    unsent = ""
    if stage in ("call", "set-up"):
        if isinstance(error, Exception):
            frames, unsent = codec.dump_error(error)
        else:
            unsent = (
                "it is no Exception: it ends the thread that it is raised in, and was meant for the worker's"
            )
    return _answer(spec, stage, told, unsent, frames)


def describe_result(spec: BootSpec, codec: Codec, result: object, error: BaseException) -> Answer:
    """Return the answer that tells of *result*, which cannot be sent, since *error* was raised."""
    kind = type(result)
    told = {
        "type": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "text": _repr(result),
        "repr": _repr(result),
        "traceback": _traceback(error),
    }
    return _answer(spec, "result", told, codec.obstacle("result", result, error), [])


def _answer(spec: BootSpec, stage: str, told: dict[str, str], unsent: str, frames: Frames) -> Answer:
    told = {"stage": stage, **told, "unsent": unsent}
    if spec.secrets:
        from bridge.wire.redaction import Redactor

        redact = Redactor(spec.secrets)
        told = {key: redact(text) for key, text in told.items()}
        if any(redact.finds(bytes(frame)) for frame in frames):
            frames, told["unsent"] = [], "it holds a declared secret"
    # People know their script as __main__; under which name it was loaded here is our affair.
    told = {key: text.replace(REMOTE_MAIN, MAIN) for key, text in told.items()}
    return Kind.ERROR, [json.dumps(told).encode(), *frames]


def _text(error: BaseException) -> str:
    try:
        return _cut(str(error), _LONGEST_TEXT)
    except Exception as broken:
        return f"<its text cannot be made: {type(broken).__name__}>"


def _repr(value: object) -> str:
    try:
        return _cut(repr(value), _LONGEST_TEXT)
    except Exception as broken:
        return f"<its repr cannot be made: {type(broken).__name__}>"


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _without_ours(error.__traceback__))
        return _cut("".join(lines), _LONGEST_TRACEBACK)
    except Exception as broken:
        return f"<the traceback cannot be made: {type(broken).__name__}>"


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return *trace* from the first frame on that is not of this package."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return trace


def _cut(text: str, longest: int) -> str:
    """Return *text*, without its middle if it is too long: a traceback ends with what matters most."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
