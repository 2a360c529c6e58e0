"""Exceptions as pickles that can be rebuilt: by what they hold, and not by their constructor, which may want other arguments.

Pickle rebuilds an exception as ``type(error)(*error.args)``. Where the constructor is the class's own, that fails, or
makes something else of it; so such a one is rebuilt without calling it, as pickle does with everything but exceptions.
"""

from __future__ import annotations

import types
from typing import Any

__all__ = ["override", "rebuilt", "restored"]


def override(obj: Any) -> Any:
    """Return how pickle is to take *obj*, if it is an exception with a constructor of its own; for ``codec.dumper``."""
    if not isinstance(obj, BaseException):
        return NotImplemented
    kind = type(obj)
    if not isinstance(kind.__init__, types.FunctionType) or not _is_plain(kind):
        return NotImplemented
    return rebuilt, (kind, obj.args), obj.__dict__, None, None, restored


def rebuilt(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Return an exception of *kind* that holds *args*; its constructor is not called."""
    error = BaseException.__new__(kind)
    error.args = args
    return error


def restored(error: BaseException, state: dict[str, object]) -> None:
    """Give *error* its attributes back, past what its class may say about setting them."""
    error.__dict__.update(state)


def _is_plain(kind: type[BaseException]) -> bool:
    """Return whether ``args`` and ``__dict__`` are all that an exception of *kind* holds."""
    if kind.__reduce__ is not BaseException.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__:
        return False
    # An OSError, say, keeps its number in C; and so are slots kept.
    return kind.__basicsize__ - BaseException.__basicsize__ in (0, _WEAKREF) and not any(
        "__slots__" in vars(base) and vars(base)["__slots__"] for base in kind.__mro__
    )


class _Subclass(Exception):
    """Tells how much a subclass in Python adds."""


_WEAKREF = _Subclass.__basicsize__ - BaseException.__basicsize__
