"""One call: rebuild it, run it, and turn whatever comes of it into an answer.

Sending the answer is the loop's. What escapes from here ends the interpreter, and only a lack of memory does.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence

from bridge.interpreter import interruption, main_module
from bridge.wire import codec
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import Kind

__all__ = ["Answer", "perform"]


Answer = tuple[Kind, list[bytes | memoryview]]  #: what is sent back


def perform(spec: BootSpec, frames: Sequence[memoryview]) -> Answer:
    """Run the call in *frames*.

    Raises:
        MemoryError: If memory ran out while a limit of ours is set; the interpreter must not go on.
    """
    stage = "arguments"
    try:
        if codec.mentions(frames, codec.MAIN_BYTES):
            main_module.load(spec)
        function, args, kwargs = codec.loads(frames)
        stage = "call"
        result = interruption.run(function, args, kwargs)
        stage = "result"
        return Kind.RESULT, _dumps(result)
    except (
        BaseException
    ) as error:  # SystemExit and KeyboardInterrupt, too: a call cannot end its worker by raising
        if isinstance(error, MemoryError) and spec.memory is not None:
            raise
        return _error(stage, error)


def _dumps(value: object) -> list[bytes | memoryview]:
    try:
        return codec.dumps(value)
    except Exception:
        # What came by value, from a session without a file, goes back by value.
        cloudpickle = sys.modules.get("cloudpickle")
        if cloudpickle is None:
            raise
        dump: Callable[..., bytes] = cloudpickle.dumps
        return codec.dumps(value, dump)


def _error(stage: str, error: BaseException) -> Answer:
    raised, unsent = _raised(error) if stage == "call" else ([], "")
    told = {
        "stage": stage,
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "text": _text(error),
        "traceback": _traceback(error),
        "unsent": unsent,
    }
    # People know their script as __main__; under which name it was loaded here is our affair.
    told = {key: text.replace(codec.REMOTE_MAIN, codec.MAIN) for key, text in told.items()}
    return Kind.ERROR, [json.dumps(told).encode(), *raised]


def _raised(error: BaseException) -> tuple[list[bytes | memoryview], str]:
    """Return the frames of what the call itself raised, to be raised again over there; if there are none, why."""
    if not isinstance(error, Exception):
        return (
            [],
            "it is no Exception: it ends the thread that it is raised in, and was meant for the worker's",
        )
    try:
        return _dumps(error), ""
    except Exception as broken:
        return [], f"it cannot be pickled in the worker ({type(broken).__name__}: {_text(broken)})"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"<its text cannot be made: {type(broken).__name__}>"


def _traceback(error: BaseException) -> str:
    # The first frame is ours.
    trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
    try:
        return "".join(traceback.format_exception(type(error), error, trace))
    except Exception as broken:
        return f"<the traceback cannot be made: {type(broken).__name__}>"
