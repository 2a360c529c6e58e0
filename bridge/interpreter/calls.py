"""One call: rebuild it, run it, and turn whatever comes of it into an answer.

How it is read and written is its codec's (`pickled`, `plain`); sending the answer is the loop's. What escapes from here
ends the interpreter, and only a lack of memory does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bridge.interpreter import pickled
from bridge.wire.boot_spec import BootSpec
from bridge.wire.codec import PICKLE
from bridge.wire.frames import Kind
from bridge.wire.json_text import json_text

if TYPE_CHECKING:
    from bridge.interpreter.failures import Answer, Codec

__all__ = ["perform"]


def perform(spec: BootSpec, frames: Sequence[memoryview], run: Callable[..., Any]) -> Answer:
    """Run the call in *frames*: a function, its arguments, and at times what else is asked of the run.

    Args:
        spec: What this interpreter was told.
        frames: Of the call.
        run: Given function, arguments and keywords, returns the result.

    Raises:
        MemoryError: If memory ran out while a limit of ours is set; the interpreter must not go on.
    """
    codec: Codec = pickled if spec.codec == PICKLE else _plain()
    stage, result, marking = "arguments", None, False
    try:
        call = codec.load(spec, frames)
        if len(call) > 3:
            # Not at the top: most workers never need it.
            from bridge.interpreter import surroundings

            call, marking = surroundings.prepared(*call)
        function, args, kwargs = call
        stage = "call"
        result = run(function, args, kwargs)
        stage = "result"
        return Kind.RESULT, codec.dump(result)
    except (
        BaseException
    ) as error:  # SystemExit and KeyboardInterrupt, too: a call cannot end its worker by raising
        if isinstance(error, MemoryError) and spec.memory is not None:
            raise
        if stage == "result" and marking:
            return Kind.RESULT, codec.dump_marked(spec, result)
        try:
            # Not at the top: a worker that never fails needs neither its memory nor its time to start.
            from bridge.interpreter import failures
        except Exception as broken:  # the call has broken the imports, or left no descriptor
            return _bare(stage, error, broken)
        if stage == "result":
            return failures.describe_result(spec, codec, result, error)
        return failures.describe_error(spec, codec, stage, error)


def _bare(stage: str, error: BaseException, broken: Exception) -> Answer:
    """Return the least that can be told of *error*."""
    told: dict[str, Any] = dict.fromkeys(("text", "repr", "traceback"), "")
    told["type"] = f"{type(error).__module__}.{type(error).__qualname__}"
    told["stage"] = stage
    told["unsent"] = f"the worker can import nothing to describe it with ({type(broken).__name__})"
    return Kind.ERROR, [json_text(told).encode()]


def _plain() -> Codec:
    # Not at the top: few interpreters need it.
    from bridge.interpreter import plain

    return plain
