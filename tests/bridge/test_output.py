"""What interpreters write: never in anybody's way, told line by line, the last lines kept."""

from __future__ import annotations

import bridge_functions as there
import pytest
from bridge_house import House, Life

from bridge.interpreter import report
from bridge.output import OutputTail


def test_a_flood_does_not_block(life: Life) -> None:
    """More than a pipe holds, on both streams, while the caller waits for the result."""
    assert life.call(there.flood, 1_000_000, timeout=20) == 1_000_000


@pytest.mark.promise("output-captured")
def test_a_print_does_not_disturb_the_transport(life: Life) -> None:
    """Lines are told as events with their stream; calls go on."""
    life.call(print, "hello", "there")

    line = life.line("hello")
    assert (line.text, line.stream, line.worker) == ("hello there", "stdout", "house/worker")
    assert life.call(there.add, 1, 2) == 3


def test_output_of_a_child_that_inherits_the_pipe(house: House) -> None:
    """What a worker's own children write is its output, too."""
    life = house.ready()

    life.call(__import__("os").system, "echo from below >&2")

    assert life.line("from below").stream == "stderr"


def test_the_last_lines_are_kept() -> None:
    """At most 50 lines."""
    tail = OutputTail()
    tail.feed("stdout", b"".join(b"%d\n" % n for n in range(1000)))

    assert tail.lines() == tuple(str(n) for n in range(950, 1000))


def test_the_last_lines_are_short() -> None:
    """At most 8 KiB of text."""
    tail = OutputTail()
    tail.feed("stdout", (b"x" * 999 + b"\n") * 40)

    assert len(tail.lines()) == 8
    assert sum(map(len, tail.lines())) <= 8 * 1024


def test_a_line_without_an_end_is_cut() -> None:
    """Memory does not grow with a line that never ends; its end is not lost."""
    tail = OutputTail()
    cut = tail.feed("stdout", b"x" * 10_000)

    assert [len(line.text) for line in cut] == [4096, 4096]
    assert [len(line.text) for line in tail.finish("stdout")] == [10_000 - 2 * 4096]


def test_streams_do_not_mix() -> None:
    """A line that comes in pieces is put together from its own stream."""
    tail = OutputTail()

    assert tail.feed("stdout", b"one ") == []
    assert tail.feed("stderr", b"two\n")[0].text == "two"
    assert tail.feed("stdout", b"three\r\n")[0].text == "one three"


def test_what_is_no_utf8_is_shown() -> None:
    """Bytes that do not decode are replaced, not raised over."""
    assert OutputTail().feed("stdout", b"\xff\n")[0].text == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize(("secrets", "shown"), [(["hunter2!"], False), ([], True)])
def test_no_secret_in_what_is_told_of_a_worker(house: House, secrets: list[str], shown: bool) -> None:
    """Neither in a line of its output, nor in a report's note, nor in the account of its death; the twin shows it."""
    life = house.ready(secrets=secrets)
    notes: list[str] = []
    life.call(print, "password hunter2! of")
    life.call(report, 1, 2, "with hunter2!", on_progress=lambda progress: notes.append(progress.note))
    line = life.line("password")
    life.interpreter.kill("for the test")
    certificate = life.death()

    assert ["hunter2!" in text for text in (line.text, *notes, certificate.as_json())] == [shown] * 3
    assert line.text.endswith(" of")
    assert any("password" in each for each in certificate.last_output)
