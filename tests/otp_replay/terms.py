"""Erlang terms as the corpus writes them: without spaces and quotes.

What a call answered is put together in ``answers``; how a faulty spec is called, in ``specs``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, final

from supervision.commands import FailedToStartChild
from supervision.exit_reason import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Crashed,
    ExitReason,
    Killed,
    NoProc,
    Normal,
    Shutdown,
    crashed,
    shutdown,
)

__all__ = ["Raised", "reason_of", "term_of", "text_of"]

_SHUTDOWN: Final = re.compile(r"\{shutdown,(.*)\}", re.DOTALL)
_SIMPLE: Final[Mapping[str, ExitReason]] = {"normal": NORMAL, "shutdown": SHUTDOWN, "killed": KILLED}


@final
class Raised(Exception):
    """What a scripted child raises; its text is OTP's reason, whose stack trace the corpus drops."""


def reason_of(text: str) -> ExitReason:
    """Return the exit reason that *text* names."""
    simple = _SIMPLE.get(text)
    if simple is not None:
        return simple
    detailed = _SHUTDOWN.fullmatch(text)
    return shutdown(detailed[1]) if detailed else crashed(text)


def text_of(reason: object) -> str:
    """Return how the corpus writes *reason*: an exit reason, or what a start failed with."""
    match reason:
        case Normal():
            return "normal"
        case Shutdown(None):
            return "shutdown"
        case Shutdown(detail):
            return f"{{shutdown,{text_of(detail)}}}"
        case FailedToStartChild(id, why):
            return f"{{failed_to_start_child,{id},{text_of(why)}}}"
        case Killed():
            return "killed"
        case NoProc():
            return "noproc"
        case Crashed(error):
            return text_of(error)
        case str() | Raised():
            return str(reason)
    return repr(reason)  # nothing that a scenario asks for: it shows in a mismatch


def term_of(value: Any) -> str:
    """Return a JSON value of a child spec or of flags as Erlang text: a string is an atom, an array a list."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case list() | tuple():
            return f"[{','.join(term_of(each) for each in value)}]"
        case dict():
            return f"spec({term_of(value['id'])})" if "id" in value else "map"
    return str(value)
