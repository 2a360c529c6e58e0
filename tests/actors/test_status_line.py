"""The status line: what is drawn where, and when."""

from __future__ import annotations

import io

from actors.status_line import StatusLine, bar


def test_a_bar_is_as_full_as_its_work_is_done() -> None:
    """Empty, half, full, and full where there is nothing to do."""
    assert [bar(done, 4).count("█") for done in (0, 2, 4)] == [0, 12, 24]
    assert "100%" in bar(0, 0)
    assert "50%" in bar(2, 4)


def test_on_a_terminal_it_takes_its_own_place() -> None:
    """Drawn again and again, ten times a second at the most; what is said stands above it, and at the end it is gone."""
    stream = io.StringIO()
    line = StatusLine(stream, redraw=True)
    assert [line.is_due(seconds) for seconds in (0.0, 0.05, 0.11)] == [True, False, True]

    line.draw("one")
    line.draw("two")
    line.say("news")
    line.draw("three")
    line.clear()
    line.clear()

    erased = "\r\x1b[2K"
    assert stream.getvalue() == f"{erased}one{erased}two{erased}news\n{erased}three{erased}"


def test_elsewhere_it_is_a_line_now_and_then() -> None:
    """Every five seconds, and nothing is ever erased."""
    stream = io.StringIO()
    line = StatusLine(stream, redraw=False)
    assert [line.is_due(seconds) for seconds in (0.0, 4.9, 5.0, 9.9, 10.0)] == [
        False, False, True, False, True,
    ]  # fmt: skip

    line.draw("one")
    line.clear()

    assert stream.getvalue() == "one\n"


def test_a_stream_that_fails_is_left_alone() -> None:
    """The terminal may go; the work goes on."""
    stream = io.StringIO()
    line = StatusLine(stream, redraw=True)
    stream.close()

    line.draw("one")
    line.say("two")
    StatusLine(None, redraw=True).draw("three")
