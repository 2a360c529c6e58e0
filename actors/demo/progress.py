"""The progress of a run on stderr: one line that is drawn again on a terminal, else a plain line now and then."""

from __future__ import annotations

import shutil
from typing import Final, TextIO, final

from actors.demo.driver import Moment
from actors.demo.style import Style

__all__ = ["Progress", "line"]

_BAR: Final = 24  # characters
_PLAIN_EVERY: Final = 5.0  # seconds


@final
class Progress:
    """Shows moments of one run on *stream*; used by one thread. A stream that fails is not written to again.

    Args:
        stream: Usually stderr; None shows nothing.
        style: What it can show.
        redraw: Whether one line is drawn again and again; only for a terminal that nobody else writes to.
    """

    def __init__(self, stream: TextIO | None, style: Style, *, redraw: bool) -> None:
        self._stream = stream
        self._style = style
        self._redraw = redraw
        self._next = _PLAIN_EVERY
        self._drawn = False
        self._draining = False  #: as last shown

    def show(self, moment: Moment) -> None:
        """Show *moment*, now or, without redrawing, when it is time for another line."""
        if self._redraw:
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[2K" + self._style.text(_bar(moment) + line(moment))[:width])
            self._drawn = True
        elif moment.seconds >= self._next or moment.draining > self._draining:
            self._draining = moment.draining
            self._next = moment.seconds + _PLAIN_EVERY
            self._write(self._style.text(line(moment)) + "\n")

    def say(self, text: str) -> None:
        """Say *text* on a line of its own, above the bar."""
        self.clear()
        self._write(self._style.text(text) + "\n")

    def clear(self) -> None:
        """Take the bar away."""
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


def line(moment: Moment) -> str:
    """Return *moment* in words: files, files/s, workers, deaths, restarts."""
    rate = moment.done / moment.seconds if moment.seconds > 0 else 0.0
    status = moment.status
    up = sum(worker.pid is not None for worker in status.workers)
    return (
        f"{moment.done}/{moment.files} files  {rate:.0f}/s  {up}/{status.target} workers  "
        f"{status.deaths} deaths  {status.restarts} restarts"
        + ("  draining: Ctrl-C once more ends it at once" if moment.draining else "")
    )


def _bar(moment: Moment) -> str:
    share = moment.done / moment.files if moment.files else 1.0
    filled = int(_BAR * share)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {int(100 * share):3}%  "
