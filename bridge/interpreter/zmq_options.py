"""Socket options as zmq's compiled part asks for them, which wants to know of each of which type its value is.

It asks zmq's own table of constants, whose making is a tenth of a worker's start. So it is given this one in its place: it
knows what a worker itself uses, and has zmq's made when somebody's own socket is asked for more.
"""

from __future__ import annotations

import importlib
from typing import Any, Final, final

__all__ = ["EVENTS", "LINGER", "MAXMSGSIZE", "RCVHWM", "RCVMORE", "RECONNECT_IVL", "Kinds", "option"]

RCVMORE: Final = 13
EVENTS: Final = 15
LINGER: Final = 17
RECONNECT_IVL: Final = 18
MAXMSGSIZE: Final = 22
RCVHWM: Final = 24


@final
class Kinds:
    """In the place of ``zmq.constants._OptType``."""

    int, int64, bytes, fd = "int", "int64", "bytes", "fd"


@final
class _Option:
    """In the place of a member of ``zmq.constants.SocketOption``."""

    __slots__ = ("_opt_type",)

    def __init__(self, kind: str) -> None:
        self._opt_type = kind


_known: dict[int, _Option] = {
    **dict.fromkeys((RCVMORE, EVENTS, LINGER, RECONNECT_IVL, RCVHWM), _Option(Kinds.int)),
    MAXMSGSIZE: _Option(Kinds.int64),
}


def option(number: int) -> _Option:
    """Return what the option *number* is; in the place of ``zmq.constants.SocketOption``.

    Raises:
        ValueError: It is none that zmq has a name for.
    """
    known = _known.get(number)
    if known is None:
        member: Any = importlib.import_module("zmq.constants").SocketOption(number)
        known = _known[number] = _Option(member._opt_type.name)
    return known
