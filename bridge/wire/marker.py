"""A marker in the place of what cannot be pickled, for those who asked for one instead of an error.

Nothing of the object is read but its type and its ``repr``: nothing is iterated, converted or made dense.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bridge.wire import codec, culprit
from bridge.wire.redaction import Redactor

__all__ = ["LONGEST_REPR", "MOST_MARKERS", "Unserialisable", "dumps", "mark"]

#: Characters of an object's ``repr`` that its marker keeps.
LONGEST_REPR: Final = 500
#: Markers in one value; each costs one more attempt. One that would need more is no value to be sent in parts.
MOST_MARKERS: Final = 100


class Unserialisable(NamedTuple):
    """Stands for an object that stayed where it was."""

    path: str  #: where it was: ``args[0].config['db']``
    type_name: str  #: its type's module and name
    text: str  #: its ``repr``, cut at `LONGEST_REPR` characters
    why: str  #: what an attempt to send it raised


def mark(path: str, value: object, why: str, redact: Redactor) -> Unserialisable:
    """Return the marker of *value*."""
    return Unserialisable(redact(path), culprit.type_name(value), redact(_repr(value)), redact(why))


def dumps(
    value: object, name: str | Sequence[str], redact: Redactor, dump: Callable[..., bytes] = pickle.dumps
) -> list[bytes | memoryview]:
    """Return the frames of *value*, with a marker for each part that cannot be pickled.

    Args:
        value: What to send.
        name: What the paths in the markers begin with; of a tuple, the names of its parts, of which the first gets no
            marker as a whole: it is what is called.
        redact: Applied to what the markers tell.
        dump: Tried before there is a marker; functions and classes that it takes by value need none.

    Raises:
        Exception: What pickling raises, if no marker helps.
    """
    marks: dict[int, tuple[object, Unserialisable]] = {}
    while True:
        try:
            return codec.dumps(value, _marking(marks, dump) if marks else dump)
        except Exception as error:
            found = culprit.find(value, name, dump=dump, excused=marks)
            vital = found is not None and not isinstance(name, str) and found.path == name[0]
            if found is None or vital or id(found.value) in marks or len(marks) == MOST_MARKERS:
                raise error from None
            # Kept with its object, whose id must not become another's.
            marks[id(found.value)] = (
                found.value,
                mark(found.path, found.value, found.why, redact),
            )


def _repr(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # users' code
        return f"<its repr cannot be made: {type(error).__name__}>"
    return text if len(text) <= LONGEST_REPR else f"{text[:LONGEST_REPR]}... ({len(text)} characters)"


def _marking(
    marks: Mapping[int, tuple[object, Unserialisable]], dump: Callable[..., bytes]
) -> Callable[..., bytes]:
    """Return what pickles as *dump* does, but for the objects that have a marker."""
    base = pickle.Pickler if dump is pickle.dumps else sys.modules["cloudpickle"].CloudPickler

    def override(obj: object) -> Any:
        marked = marks.get(id(obj))
        return NotImplemented if marked is None else (Unserialisable, tuple(marked[1]))

    return codec.dumper(base, override)
