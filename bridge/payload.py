"""Calls as frames, on the host's side: the forms of a request, and what each is called.

How they are pickled is in `pickling`, what the child does with them in `interpreter.calls`, what came of it in `outcome`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, final

import attrs

from bridge import pickling
from bridge.pickling import main_module

__all__ = ["EncodedCall", "OnUnserialisable", "encode_call", "main_module"]

#: What to do about what cannot be serialised: raise, or send a marker (`wire.marker.Unserialisable`) in its place.
OnUnserialisable = Literal["error", "marker"]
_ON_UNSERIALISABLE: Final = ("error", "marker")


@final
@attrs.frozen(slots=True)
class EncodedCall:
    """A call that is ready to be sent, to any worker."""

    label: str  #: module and name of the function
    frames: Sequence[bytes | memoryview] = attrs.field(repr=False)


def encode_call(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    on_unserialisable: OnUnserialisable = "error",
    secrets: Sequence[str] = (),
) -> EncodedCall:
    """Pickle a call, in the caller's thread.

    Args:
        function: Goes by reference, as do all functions and classes; by value, with cloudpickle, if it belongs to a main
            module that has no file (a REPL, a notebook, ``python -c``).
        args: Big buffers in them travel uncopied; they must not change until the answer is here.
        kwargs: Likewise.
        on_unserialisable: "marker" sends a marker in the place of what cannot be sent, in arguments and in the result.
        secrets: What is shown in no error and no marker.

    Raises:
        NotPicklable: If the function or an argument cannot be sent, and ``path`` says which part of it; nothing was sent.
        ValueError: If *on_unserialisable* is neither "error" nor "marker".
    """
    if on_unserialisable not in _ON_UNSERIALISABLE:
        raise ValueError(f"on_unserialisable={on_unserialisable!r}: expected one of {_ON_UNSERIALISABLE}")
    label = _label(function)
    call: tuple[Any, ...] = (function, tuple(args), dict(kwargs))
    marking = on_unserialisable == "marker"
    if marking:
        call = (*call, {"marking": True})
    return EncodedCall(label, pickling.dumps(call, label, marking=marking, secrets=secrets))


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
