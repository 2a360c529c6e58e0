"""The progress of a run on stderr: how far it is, how fast, and what its workers do."""

from __future__ import annotations

from typing import TextIO, final

from actors.demo.driver import Moment
from actors.demo.style import Style
from actors.status_line import StatusLine, bar

__all__ = ["Progress", "line"]


@final
class Progress:
    """Shows moments of one run on *stream*; used by one thread.

    Args:
        stream: Usually stderr; None shows nothing.
        style: What it can show.
        redraw: Whether one line is drawn again and again; only for a terminal that nobody else writes to.
    """

    def __init__(self, stream: TextIO | None, style: Style, *, redraw: bool) -> None:
        self._style = style
        self._line = StatusLine(stream, redraw=redraw)
        self._draining = False  #: as last shown

    def show(self, moment: Moment) -> None:
        """Show *moment*, now or, without redrawing, when it is time for another line."""
        if self._line.redraw:
            self._line.draw(self._style.text(bar(moment.done, moment.files) + line(moment)))
        elif self._line.is_due(moment.seconds) or moment.draining > self._draining:
            self._draining = moment.draining
            self._line.say(self._style.text(line(moment)))

    def say(self, text: str) -> None:
        """Say *text* on a line of its own, above the bar."""
        self._line.say(self._style.text(text))

    def clear(self) -> None:
        """Take the bar away."""
        self._line.clear()


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
