"""The body of a call that is pickled: first what is to be called, then its arguments.

Pickle writes a function of a module as two names and looks both up, a microsecond at either end. So its pickle is made,
and looked up, once for many calls; each time it is seen whether the name still means the same.
"""

from __future__ import annotations

import struct
import sys
from _pickle import dumps, loads  # alone, as in `codec`
from collections.abc import Mapping, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

__all__ = ["Reference", "join", "met_before", "reference_to", "split", "target_of"]

#: Whether the call may refer to the service's main module; the length of the pickle that follows, 0: of the whole call.
_HEAD = struct.Struct("<HH")
_NO_HEAD = _HEAD.pack(False, 0)
_LONGEST = 0xFFFF
#: Functions that are kept at each end; a service that calls more of them begins anew.
_MOST = 1024
#: A pickle of that many bytes is not copied behind its head, but is a frame of its own.
_OWN_FRAME = 64 * 1024

Frame = bytes | memoryview


class Reference(NamedTuple):
    """A function or class that its module has under its own name."""

    target: Any
    namespace: Mapping[str, Any]
    name: str
    label: str  #: module and name
    head: bytes  #: of a call's body


_sent: dict[Any, Reference] = {}  # by what they name
_met: dict[bytes, Reference] = {}  # by their pickle


def reference_to(target: Any) -> Reference | None:
    """Return how to name *target*; None if that is for pickle to say, or for its error."""
    kind = type(target)
    # Of other types the hash, or the equality, may be a user's.
    if kind is not FunctionType and kind is not BuiltinFunctionType and kind is not type:
        return None
    known = _sent.get(target)
    if known is None:
        known = _reference(target, None)
        if known is not None:
            _keep(_sent, target, known)
    elif known.namespace.get(known.name) is not target:
        del _sent[target]
        return None
    return known


def met_before(body: Sequence[memoryview]) -> tuple[Any, list[memoryview]] | None:
    """Return what is called, and the frames of its arguments, if that is known at a glance; None: ``split`` tells."""
    first = body[0]
    if len(body) > 1 or len(first) < _HEAD.size:
        return None
    mentions_main, length = _HEAD.unpack_from(first)
    end = _HEAD.size + length
    known = None if mentions_main else _met.get(first[_HEAD.size : end].tobytes())
    if known is None or known.namespace.get(known.name) is not known.target or len(first) == end:
        return None
    return known.target, [first[end:]]


def target_of(pickled: bytes) -> Any:
    """Return what a reference's pickle names.

    Raises:
        BaseException: Whatever unpickling it raises, an import for example.
    """
    known = _met.get(pickled)
    if known is not None and known.namespace.get(known.name) is known.target:
        return known.target
    target = loads(pickled)
    known = _reference(target, pickled)
    if known is not None:
        _keep(_met, pickled, known)
    return target


def join(reference: Reference | None, frames: list[Frame], mentions_main: bool) -> list[Frame]:
    """Return the body of a call.

    Args:
        reference: To what is called; None: it is in *frames*.
        frames: The rest of the call, or all of it.
        mentions_main: Whether any of it may refer to the service's main module.
    """
    if mentions_main:
        pickled = b"" if reference is None else reference.head[_HEAD.size :]
        head = _HEAD.pack(True, len(pickled)) + pickled
    else:
        head = _NO_HEAD if reference is None else reference.head
    if len(frames[0]) >= _OWN_FRAME:
        return [head, *frames]
    frames[0] = head + frames[0]
    return frames


def split(body: Sequence[memoryview]) -> tuple[bytes, list[memoryview], bool]:
    """Return what ``join`` was given: the reference's pickle (empty: none), the frames, and the last.

    Raises:
        ValueError: If it is no such body.
    """
    first = body[0]
    if len(first) < _HEAD.size:
        raise ValueError(f"a call of {len(first)} bytes, its head alone has {_HEAD.size}")
    mentions_main, length = _HEAD.unpack_from(first)
    end = _HEAD.size + length
    frames = [first[end:], *body[1:]] if len(first) > end else list(body[1:])
    if not frames:
        raise ValueError("a call without a pickle")
    return first[_HEAD.size : end].tobytes(), frames, bool(mentions_main)


def _reference(target: Any, pickled: bytes | None) -> Reference | None:
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__":
        return None
    namespace = getattr(sys.modules.get(module), "__dict__", {})
    if namespace.get(name) is not target:
        return None
    if pickled is None:
        pickled = dumps(target, protocol=5)
        if len(pickled) > _LONGEST:
            return None
    return Reference(target, namespace, name, f"{module}.{name}", _HEAD.pack(False, len(pickled)) + pickled)


def _keep(table: dict[Any, Reference], key: Any, reference: Reference) -> None:
    if len(table) >= _MOST:
        table.clear()
    table[key] = reference
