"""One call: rebuild it, run it, and turn whatever comes of it into an answer.

Sending the answer is the loop's. What escapes from here ends the interpreter, and only a lack of memory does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from bridge.interpreter import failures, main_module, surroundings
from bridge.interpreter.failures import Answer
from bridge.wire import codec
from bridge.wire.boot_spec import BootSpec
from bridge.wire.frames import Kind

__all__ = ["perform"]


def perform(spec: BootSpec, frames: Sequence[memoryview]) -> Answer:
    """Run the call in *frames*: a function, its arguments, and at times what else is asked of the run.

    Raises:
        MemoryError: If memory ran out while a limit of ours is set; the interpreter must not go on.
    """
    stage, result, marking = "arguments", None, False
    try:
        if codec.mentions(frames, codec.MAIN_BYTES):
            main_module.load(spec)
        call = codec.loads(frames)
        if len(call) > 3:
            call, marking = surroundings.prepared(*call)
        function, args, kwargs = call
        stage = "call"
        result = function(*args, **kwargs)
        stage = "result"
        return Kind.RESULT, _dumps(result)
    except (
        BaseException
    ) as error:  # SystemExit and KeyboardInterrupt, too: a call cannot end its worker by raising
        if isinstance(error, MemoryError) and spec.memory is not None:
            raise
        if stage != "result":
            return failures.describe_error(spec, stage, error)
        return (_marked(spec, result) if marking else None) or failures.describe_result(spec, result, error)


def _dumps(value: object) -> list[bytes | memoryview]:
    try:
        return codec.dumps(value)
    except Exception:
        # What came by value, from a session without a file, goes back by value.
        dump = _by_value()
        if dump is None:
            raise
        return codec.dumps(value, dump)


def _by_value() -> Callable[..., bytes] | None:
    cloudpickle = sys.modules.get("cloudpickle")
    return None if cloudpickle is None else cloudpickle.dumps


def _marked(spec: BootSpec, result: object) -> Answer | None:
    """Return the answer with markers in the place of what cannot be sent; None if that is no help."""
    from bridge.wire import marker
    from bridge.wire.redaction import Redactor

    redact = Redactor(spec.secrets)
    try:
        return Kind.RESULT, marker.dumps(result, "result", redact)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        return Kind.RESULT, codec.dumps(marker.mark("result", result, why, redact))
