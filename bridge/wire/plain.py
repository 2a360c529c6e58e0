"""Plain values to payload frames and back, without pickle: JSON, and each buffer in a frame of its own.

For peers that are not trusted: reading a frame runs no code of anybody. What is plain: None, bool, int, float, str, list,
tuple (which arrives as a list), dict with keys of str; bytes, which arrive as bytes; bytearray and memoryview, which arrive
as a memoryview of the receiver's own memory, uncopied; and a marker (`wire.marker`). Exactly these types, no subclasses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from bridge.wire.culprit import Culprit
from bridge.wire.frames import MAX_FRAMES
from bridge.wire.marker import Unserialisable

__all__ = ["DEEPEST", "NotPlain", "dumps", "loads"]

#: How deep a value may be.
DEEPEST: Final = 100
#: A dict with one key of these is no dict but what the key says; one of the user's with such a key goes within "$dict".
_BYTES, _BUFFER, _DICT, _MARKER = "$bytes", "$buffer", "$dict", "$marker"

#: Returns the marker of an object; or None where there are none.
Mark = Callable[[str, object, str], Unserialisable] | None


class NotPlain(Exception):
    """A value that cannot be sent without pickle."""

    def __init__(self, culprit: Culprit) -> None:
        super().__init__(culprit)
        self.culprit = culprit

    def __str__(self) -> str:
        return f"{self.culprit.path}, of type {self.culprit.type_name}: {self.culprit.why}"


def dumps(value: object, name: str | Sequence[str], mark: Mark = None) -> list[bytes | memoryview]:
    """Return the frames of *value*.

    Args:
        value: What to send. Its buffers must not change until the message is out.
        name: What the path in an error begins with; of a tuple, the names of its parts.
        mark: Makes markers, which take the place of what is not plain; without it that is an error.

    Raises:
        NotPlain: If it is not plain, and says which part is not.
    """
    encoder = _Encoder(mark)
    if isinstance(name, str):
        tree = encoder.tree(value, name, 0)
    else:
        assert isinstance(value, tuple)
        tree = [encoder.tree(part, each, 0) for each, part in zip(name, value, strict=False)]
    return [json.dumps(tree, separators=(",", ":")).encode(), *encoder.buffers]


def loads(frames: Sequence[memoryview]) -> Any:
    """Return the value in *frames*.

    Raises:
        ValueError: If they hold none, whatever they hold.
    """
    try:
        tree = json.loads(bytes(frames[0]))
        decoder = _Decoder(frames[1:])
        value = decoder.value(tree)
        decoder.check_all_used()
        return value
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"no plain value: {type(error).__name__}: {error}") from None


class _Encoder:
    def __init__(self, mark: Mark) -> None:
        self.buffers: list[bytes | memoryview] = []
        self._mark = mark

    def tree(self, value: object, path: str, depth: int) -> object:
        """Return *value* as JSON takes it."""
        kind = type(value)
        if value is None or kind in (bool, float):
            return value
        if depth > DEEPEST:
            return self._refused(value, path, f"deeper than {DEEPEST} levels")
        if kind is str:
            return value
        if isinstance(value, int) and kind is int:
            # Longer ones Python itself refuses to write and to read.
            return (
                value
                if value.bit_length() < 10_000
                else self._refused(value, path, "an int of too many digits")
            )
        if isinstance(value, list | tuple) and kind in (list, tuple):
            return [self.tree(each, f"{path}[{index}]", depth + 1) for index, each in enumerate(value)]
        if isinstance(value, dict) and kind is dict:
            return self._dict(value, path, depth)
        if isinstance(value, bytes | bytearray | memoryview):
            return self._buffer(value, path)
        if isinstance(value, Unserialisable):
            return {_MARKER: list(value)}
        return self._refused(value, path, "it is not plain, and this interpreter's codec is json")

    def _dict(self, value: dict[object, object], path: str, depth: int) -> object:
        tree: dict[str, object] = {}
        for key, each in value.items():
            if type(key) is not str:
                return self._refused(
                    value, path, f"a key of type {type(key).__qualname__}; JSON has keys of str only"
                )
            tree[key] = self.tree(each, f"{path}[{key!r}]", depth + 1)
        return {_DICT: tree} if any(key.startswith("$") for key in tree) else tree

    def _buffer(self, value: bytes | bytearray | memoryview, path: str) -> object:
        view = memoryview(value)
        if not view.c_contiguous:
            return self._refused(value, path, "its bytes do not lie in one piece")
        if len(self.buffers) == MAX_FRAMES:
            return self._refused(value, path, f"more than {MAX_FRAMES} buffers")
        # An empty view cannot be cast.
        self.buffers.append(value if isinstance(value, bytes) else view.cast("B") if view.nbytes else b"")
        return {_BYTES if isinstance(value, bytes) else _BUFFER: len(self.buffers) - 1}

    def _refused(self, value: object, path: str, why: str) -> object:
        if self._mark is None:
            raise NotPlain(Culprit(path, value, why))
        return {_MARKER: list(self._mark(path, value, why))}


class _Decoder:
    def __init__(self, buffers: Sequence[memoryview]) -> None:
        self._buffers = buffers
        self._used = 0

    def check_all_used(self) -> None:
        """Raise if a frame came to which nothing refers."""
        if self._used != len(self._buffers):
            raise ValueError(f"{len(self._buffers)} buffers, of which {self._used} are used")

    def value(self, tree: Any) -> Any:
        """Return what *tree* stands for."""
        if isinstance(tree, list):
            return [self.value(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        if len(tree) == 1:
            ((key, inner),) = tree.items()
            if key == _DICT:
                return self._dict(inner)
            if key in (_BYTES, _BUFFER):
                return self._buffer(key, inner)
            if key == _MARKER:
                path, type_name, text, why = map(str, inner)
                return Unserialisable(path, type_name, text, why)
        return self._dict(tree)

    def _dict(self, tree: Any) -> dict[str, Any]:
        if not isinstance(tree, dict):
            raise TypeError(f"{_DICT} with a {type(tree).__name__}")
        return {key: self.value(each) for key, each in tree.items()}

    def _buffer(self, key: str, index: Any) -> bytes | memoryview:
        # Each once and in their order, as they were written: a peer could else have a frame copied a million times.
        if type(index) is not int or index != self._used:
            raise ValueError(f"buffer {index!r}, expected {self._used}")
        self._used += 1
        frame = self._buffers[index]
        if key == _BYTES:
            return bytes(frame)
        return memoryview(bytearray(frame)) if frame.readonly else frame
