"""Text for people: any error in one line, any name of a file made visible, numbers with their nouns.

Colours and what a terminal can show are in ``style``. Workers import this: standard library only.
"""

from __future__ import annotations

from typing import Final

__all__ = ["counted", "grouped", "noun", "one_line", "visible"]

_THIN_SPACE: Final = "\u202f"


def one_line(error: object, *, longest: int = 200) -> str:
    """Return the text of *error* as one line of at most *longest* characters, all of them visible."""
    text = visible(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= longest else text[: longest - 1] + "…"


def visible(name: str) -> str:
    """Return *name* with an escape in place of each character that would break its line or steer a terminal.

    A file may be called anything: with a newline in it, a colour, or bytes that are no text.
    """
    if name.isprintable():
        return name
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in name
    )


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return *number* with its noun: ``1 file``, ``2 files``."""
    return f"{grouped(number)} {noun(number, singular, plural)}"


def noun(number: int, singular: str, plural: str = "") -> str:
    """Return the noun alone, as *number* asks for it; *plural* where an s does not make it."""
    return singular if number == 1 else plural or f"{singular}s"


def grouped(number: int) -> str:
    """Return *number* with its thousands set apart."""
    return f"{number:,}".replace(",", _THIN_SPACE)
