"""What a process writes: read without ever keeping it waiting, split into lines, the last ones kept.

What is done with a line is the interpreter's (`interpreter_process`).
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, final

from bridge.hub import Hub, Resident
from bridge.wire.redaction import Redactor

__all__ = ["Output", "OutputTail", "OutputText"]

_LINES: Final = 50
_BYTES: Final = 8 * 1024
#: Bytes at which a line is cut, so that one without an end does not grow for ever.
_LONGEST: Final = 4 * 1024
#: Bytes that are read at once; one interpreter's flood does not keep the others waiting.
_CHUNK: Final = 64 * 1024
#: Reads from a dead process's pipe; a grandchild that lives on might write for ever.
_LAST_CHUNKS: Final = 32


class OutputText(NamedTuple):
    """One line, without its line break."""

    stream: str
    text: str


@final
class OutputTail:
    """The last 50 lines, at most 8 KiB, of both streams together. Fed by one thread, read by any.

    Args:
        redact: Takes what must not be shown out of a line.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._lines: deque[str] = deque()
        self._size = 0
        self._unfinished: dict[str, bytes] = {}

    def feed(self, stream: str, data: bytes) -> list[OutputText]:
        """Add what *stream* wrote; return the lines that it completed."""
        *complete, rest = (self._unfinished.get(stream, b"") + data).split(b"\n")
        while len(rest) > _LONGEST:
            complete.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._unfinished[stream] = rest
        return [self._add(stream, line) for line in complete]

    def finish(self, stream: str) -> list[OutputText]:
        """Add a last line that had no line break; return it, if there is one."""
        rest = self._unfinished.pop(stream, b"")
        return [self._add(stream, rest)] if rest else []

    def lines(self) -> tuple[str, ...]:
        """Return the last lines."""
        return tuple(self._lines)

    def _add(self, stream: str, line: bytes) -> OutputText:
        text = self._redact(line[:_LONGEST].rstrip(b"\r").decode("utf-8", "replace"))
        self._lines.append(text)
        self._size += len(text)
        while len(self._lines) > _LINES or self._size > _BYTES:
            self._size -= len(self._lines.popleft())
        return OutputText(stream, text)


@final
class Output:
    """The read ends of a process's pipes, watched by its hub and used on the hub's thread.

    Args:
        hub: Watches them.
        owner: Whose they are; hears of a failure.
        pipes: By stream; they do not block.
        tell: Told of each line.
        secrets: What no line shows. One that was written in two lines, or is cut by the end of a line that is too long, is
            not found.
    """

    def __init__(
        self,
        hub: Hub,
        owner: Resident,
        pipes: Mapping[str, int],
        tell: Callable[[OutputText], None],
        secrets: Sequence[str] = (),
    ) -> None:
        self._hub = hub
        self._owner = owner
        self._pipes = dict(pipes)
        self._tell = tell
        self.tail = OutputTail(Redactor(secrets))

    def watch(self) -> None:
        """Begin to read."""
        for stream, fd in self._pipes.items():
            self._hub.watch(fd, self._owner, functools.partial(self._read, stream))

    def drain(self) -> list[OutputText]:
        """Return what a dead process left, without waiting for more."""
        lines: list[OutputText] = []
        for stream, fd in self._pipes.items():
            with contextlib.suppress(BlockingIOError):
                for _ in range(_LAST_CHUNKS):
                    if not (data := os.read(fd, _CHUNK)):
                        break
                    lines += self.tail.feed(stream, data)
            lines += self.tail.finish(stream)
        return lines

    def tell(self, lines: Iterable[OutputText]) -> None:
        """Tell of *lines*."""
        for line in lines:
            self._tell(line)

    def close(self) -> None:
        """Close the pipes. Idempotent."""
        for fd in self._pipes.values():
            self._hub.unwatch(fd)
            os.close(fd)
        self._pipes.clear()

    def _read(self, stream: str) -> None:
        """Read once, which is what keeps one interpreter's flood from holding up the others."""
        fd = self._pipes[stream]
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        if data:
            lines = self.tail.feed(stream, data)
        else:
            self._hub.unwatch(fd)
            lines = self.tail.finish(stream)
        self.tell(lines)
