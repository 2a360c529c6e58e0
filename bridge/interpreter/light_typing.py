"""A stand-in for `typing` while a worker imports its own modules and zmq's, which need next to nothing of it.

With `from __future__ import annotations` annotations are never evaluated, so it is imported for words that nobody reads, and for
`NamedTuple`. It brings regular expressions along: 8 ms of a start. Whoever imports it later gets the real one.
"""

from __future__ import annotations

from collections import namedtuple

from bridge.interpreter import unrun

TYPE_CHECKING = False  # as the real one has it
if TYPE_CHECKING:
    from typing import Any

__all__ = ["lent"]


class _NamedTupleMeta(type):
    """Makes of a class body what `typing.NamedTuple` makes of it."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, body)
        fields = [*body["__annotations__"]]
        defaults = [body[field] for field in fields if field in body]
        made: type = namedtuple(name, fields, defaults=defaults)  # type: ignore[misc]
        for key in body.keys() - set(fields):
            setattr(made, key, body[key])
        return made


def lent() -> unrun.Lent:
    """Lend `typing` to what is imported in the ``with``; more than the words that are given here makes it run."""
    words = dict.fromkeys(("Any", "Final", "Literal", "NoReturn", "Protocol"), object)
    return unrun.Lent(
        "typing",
        **words,
        TYPE_CHECKING=False,
        final=lambda cls: cls,
        NamedTuple=_NamedTupleMeta("NamedTuple", (), {}),
    )
