"""One line on a stream that is drawn again and again where it is a terminal, else a plain line now and then."""

from __future__ import annotations

import shutil
from typing import Final, TextIO, final

__all__ = ["StatusLine", "bar"]

_BAR: Final = 24  # characters
#: Seconds between two plain lines, and between two drawings.
_PLAIN_EVERY: Final = 5.0
_DRAWN_EVERY: Final = 0.1


def bar(done: int, total: int) -> str:
    """Return a bar that is filled as far as *done* is of *total*, with the per cent."""
    share = done / total if total else 1.0
    filled = int(_BAR * share)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {int(100 * share):3}%  "


@final
class StatusLine:
    """Used by one thread. A stream that fails is not written to again.

    Args:
        stream: Usually stderr; None shows nothing.
        redraw: Whether the line is drawn again and again; only for a terminal that nobody else writes to.
    """

    def __init__(self, stream: TextIO | None, *, redraw: bool) -> None:
        self._stream = stream
        self.redraw = redraw
        self._next = 0.0 if redraw else _PLAIN_EVERY
        self._drawn = False

    def is_due(self, seconds: float) -> bool:
        """Return whether it is time to show something, *seconds* after the beginning, and hold that it is shown."""
        if seconds < self._next:
            return False
        self._next = seconds + (_DRAWN_EVERY if self.redraw else _PLAIN_EVERY)
        return True

    def draw(self, text: str) -> None:
        """Show *text* in the place of what was drawn before; as a line of its own if nothing is redrawn."""
        if not self.redraw:
            self.say(text)
            return
        width = shutil.get_terminal_size().columns - 1
        self._write("\r\x1b[2K" + text[:width])
        self._drawn = True

    def say(self, text: str) -> None:
        """Say *text* on a line of its own, above what is drawn."""
        self.clear()
        self._write(text + "\n")

    def clear(self) -> None:
        """Take away what is drawn."""
        if self._drawn:
            self._drawn = False
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone, or the stream is closed; the work goes on
            self._stream = None
