"""The last lines that a process wrote: split, decoded, bounded.

Reading the pipes is not here (`interpreter_process`).
"""

from __future__ import annotations

from collections import deque
from typing import Final, final

__all__ = ["OutputTail"]

_LINES: Final = 50
_BYTES: Final = 8 * 1024
#: A line longer than this is cut, so that one without an end does not grow for ever.
_LONGEST: Final = 4 * 1024


@final
class OutputTail:
    """The last 50 lines, at most 8 KiB, of both streams together. Fed by one thread, read by any."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._size = 0
        self._unfinished: dict[str, bytes] = {}

    def feed(self, stream: str, data: bytes) -> list[str]:
        """Add what *stream* wrote; return the lines that it completed."""
        *complete, rest = (self._unfinished.get(stream, b"") + data).split(b"\n")
        while len(rest) > _LONGEST:
            complete.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._unfinished[stream] = rest
        return [self._add(line) for line in complete]

    def finish(self, stream: str) -> list[str]:
        """Add a last line that had no line break; return it, if there is one."""
        rest = self._unfinished.pop(stream, b"")
        return [self._add(rest)] if rest else []

    def lines(self) -> tuple[str, ...]:
        """Return the last lines."""
        return tuple(self._lines)

    def _add(self, line: bytes) -> str:
        text = line[:_LONGEST].rstrip(b"\r").decode("utf-8", "replace")
        if len(self._lines) == _LINES:
            self._size -= len(self._lines[0])
        self._lines.append(text)
        self._size += len(text)
        while self._size > _BYTES:
            self._size -= len(self._lines.popleft())
        return text
