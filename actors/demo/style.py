"""How text looks on a stream: colours if it is a terminal that may have them, plain ASCII if it cannot have more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, TextIO, final

import attrs

__all__ = ["Style"]

_FALLBACK: Final = str.maketrans(
    {
        "─": "-",
        "│": "|",
        "└": "`",
        "├": "+",
        "·": "-",
        "█": "#",
        "░": ".",
        "…": "~",
        "✓": "+",
        "✗": "x",
        "\u202f": " ",
    }
)
_RESET: Final = "\x1b[0m"


@final
@attrs.frozen
class Style:
    """What one stream can show."""

    color: bool = False
    unicode: bool = True

    @classmethod
    def of(
        cls, stream: TextIO | None, environment: Mapping[str, str] = os.environ, *, color: bool = True
    ) -> Style:
        """Return the style for *stream*.

        Args:
            stream: None, as sys.stdout is when it was closed from the start, can show nothing.
            environment: A NO_COLOR in it, with any value, turns colours off; so does TERM=dumb.
            color: False turns them off anyway.
        """
        if stream is None:
            return cls(unicode=False)
        wanted = color and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        try:
            "─│└├·█░…✓✗\u202f".encode(stream.encoding or "ascii")
        except (LookupError, UnicodeEncodeError):
            return cls(wanted and stream.isatty(), unicode=False)
        return cls(wanted and stream.isatty())

    def text(self, text: str) -> str:
        """Return *text* as the stream can show it."""
        return text if self.unicode else text.translate(_FALLBACK)

    def bold(self, text: str) -> str:
        """Return *text* as a title."""
        return self._in("1", text)

    def good(self, text: str) -> str:
        """Return *text* as good news."""
        return self._in("32", text)

    def bad(self, text: str) -> str:
        """Return *text* as bad news."""
        return self._in("31", text)

    def dim(self, text: str) -> str:
        """Return *text* as an aside."""
        return self._in("2", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self.color else text
