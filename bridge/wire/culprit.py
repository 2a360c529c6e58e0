"""Where in a value the part lies that cannot be pickled. Looked for once pickling has failed, never before.

What is said about it is not here (`bridge.payload`, `bridge.interpreter.calls`), nor what takes its place (`marker`).
"""

from __future__ import annotations

import contextlib
import functools
import pickle
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bridge.wire.codec import is_in_band

__all__ = ["DEEPEST", "MOST_OBJECTS", "Culprit", "find", "text_of", "type_name"]

#: Objects that are looked at before the search gives up: a second or two of work.
MOST_OBJECTS: Final = 500_000
#: How deep the search goes. The Python pickler takes three to five of the interpreter's frames for each level.
DEEPEST: Final = 100
#: What can always be pickled, and has no parts.
_ATOMS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
#: Characters of a key that a path shows.
_LONGEST_KEY: Final = 60
#: Where the parts of a few types of the standard library lie, which keep them in C.
_PARTS: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (types.MethodType, ("__self__",)),
    (functools.partial, ("func", "args", "keywords")),
    (BaseException, ("args",)),
)


class Culprit(NamedTuple):
    """What cannot be pickled."""

    path: str  #: as one would write it: ``args[0].config['db']``
    value: object
    why: str  #: what pickling it raised

    @property
    def type_name(self) -> str:
        """The module and name of its type."""
        return type_name(self.value)


def type_name(value: object) -> str:
    """Return the module and name of the type of *value*; of a builtin one the name alone."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def find(
    value: object,
    name: str | Sequence[str],
    *,
    dump: Callable[..., bytes] = pickle.dumps,
    excused: Mapping[int, object] = types.MappingProxyType({}),
) -> Culprit | None:
    """Return the innermost part of *value* that has a path of its own and cannot be pickled.

    Runs the pickling methods of the value's classes once more.

    Args:
        value: Where to look.
        name: What the path begins with; of a tuple, the names of its parts.
        dump: What was to do the pickling; functions and classes that it takes by value are no culprits.
        excused: Objects, by their id, that are passed over.

    Returns:
        None if everything in it can be pickled, or it is too deep or too large to say.
    """
    if not isinstance(name, str):
        assert isinstance(value, tuple)
        found = (
            find(part, each, dump=dump, excused=excused) for each, part in zip(name, value, strict=False)
        )
        return next(filter(None, found), None)
    tracer = _Tracer(dump, excused)
    try:
        tracer.dump(value)
    except (_Enough, RecursionError):
        return None
    except Exception as error:  # pickling runs the methods of users' classes, which raise what they like
        path, culprit = _named(name, tracer.stack)
        return Culprit(path, culprit, f"{type(error).__name__}: {text_of(error)}")
    return None


def text_of(error: BaseException) -> str:
    """Return ``str(error)``, or why there is none."""
    try:
        return str(error)
    except Exception as broken:  # users' code
        return f"<its text cannot be made: {type(broken).__name__}>"


class _Enough(Exception):
    """Ends a search that is too large."""


class _Nowhere:
    @staticmethod
    def write(_: object) -> None:
        pass


class _Tracer(pickle._Pickler):  # the one of pickle's picklers that says what it is at
    """Pickles to nowhere; when it fails, `stack` holds the objects from the outermost to the one that failed."""

    def __init__(self, dump: Callable[..., bytes], excused: Mapping[int, object]) -> None:
        super().__init__(_Nowhere(), protocol=5, buffer_callback=is_in_band)
        self.stack: list[object] = []
        self._dump = dump
        self._excused = excused
        self._left = MOST_OBJECTS

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        self._left -= 1
        if self._left < 0 or len(self.stack) > DEEPEST:
            raise _Enough
        if type(obj) in _ATOMS or id(obj) in self._excused:
            return
        # Not taken off when it raises: that is what the caller reads.
        self.stack.append(obj)
        if self._dump is not pickle.dumps and isinstance(obj, types.FunctionType | type):
            self._dump(obj)
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]
        self.stack.pop()


def _named(path: str, stack: list[object]) -> tuple[str, object]:
    """Return the path to the last object of *stack* that has one, and that object.

    Between an object and its part may lie what pickling made of it: its state, or the arguments of its constructor.
    """
    at, *rest = stack
    state: object = None
    for part in rest:
        step = _element(at, part) or _attribute(at, part)
        if not step and isinstance(state, dict):
            step = _of_state(state, part)
        if step:
            path, at, state = path + step, part, None
        else:
            state = part
    return path, at


def _element(holder: object, part: object) -> str:
    """Return how *part* is reached from *holder*, if that is a container; else ""."""
    if isinstance(holder, dict):
        for key, value in dict.items(holder):
            if value is part:
                return f"[{_key(key)}]"
            if key is part:
                return f".keys()[{_key(key)}]"
    elif isinstance(holder, set | frozenset):
        return f".{{{_key(part)}}}" if any(each is part for each in holder) else ""
    elif isinstance(holder, tuple) and (names := getattr(type(holder), "_fields", None)):
        return _identical(((f".{name}", value) for name, value in zip(names, holder, strict=False)), part)
    elif isinstance(holder, list | tuple | deque):
        return _identical(((f"[{index}]", value) for index, value in enumerate(holder)), part)
    return ""


def _attribute(holder: object, part: object) -> str:
    """Return how *part* is reached from *holder* as an attribute; else "". Runs none of the holder's own code."""
    try:
        own = object.__getattribute__(holder, "__dict__")
    except AttributeError:
        own = {}
    named: list[tuple[str, object]] = list(own.items()) if isinstance(own, dict) else []
    for kind in type(holder).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, types.MemberDescriptorType):
                with contextlib.suppress(AttributeError):
                    named.append((name, member.__get__(holder)))
    for kind, names in _PARTS:
        if isinstance(holder, kind):
            named += [(name, getattr(holder, name)) for name in names]
    return _identical(((f".{name}", value) for name, value in named), part)


def _of_state(state: dict[object, object], part: object) -> str:
    return _identical(((f".{name}", value) for name, value in state.items() if isinstance(name, str)), part)


def _identical(named: Iterable[tuple[str, object]], part: object) -> str:
    return next((name for name, value in named if value is part), "")


def _key(key: object) -> str:
    """Return *key* as one would write it, if that is short and runs no code of users."""
    text = repr(key) if type(key) in (str, bytes, int, float, bool, type(None)) else f"<{type_name(key)}>"
    return text if len(text) <= _LONGEST_KEY else f"{text[:_LONGEST_KEY]}..."
