"""Text for people: errors in one line, names that are visible, numbers with their nouns."""

from __future__ import annotations

import pytest

from actors.demo.words import counted, noun, one_line, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.py", "plain.py"),
        ("größe €.py", "größe €.py"),
        ("a\nb\r\t.py", "a\\nb\\r\\t.py"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("next\x85line\u2028", "next\\x85line\\u2028"),
        ("bytes\udcff", "bytes\\udcff"),
    ],
)
def test_a_name_is_visible(name: str, shown: str) -> None:
    """What can be printed stays; what breaks a line, steers a terminal or is no text becomes an escape."""
    assert visible(name) == shown
    assert visible(name).isprintable()


def test_an_error_is_one_line() -> None:
    """White space shrinks, the rest is visible, the length has an end, and no text at all is the error's name."""
    assert one_line(ValueError("a\n  b\x1b")) == "a b\\x1b"
    assert one_line(ValueError()) == "ValueError"
    assert one_line("x" * 300) == "x" * 199 + "…"
    assert one_line("x" * 300, longest=300) == "x" * 300


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1234567, "1\u202f234\u202f567 files")],
)
def test_a_number_has_its_noun(number: int, text: str) -> None:
    """One is one, and thousands are set apart."""
    assert counted(number, "file") == text


def test_a_plural_can_be_given() -> None:
    """Where an s does not make it."""
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")
    assert noun(2, "is", "are") == "are"
