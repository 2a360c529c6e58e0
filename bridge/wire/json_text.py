"""JSON of texts, numbers, lists and dicts, for those who cannot import `json`, or should not pay for it at a start.

`json` brings its reader along and with that regular expressions: a tenth of what a worker's start takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["json_text"]


def json_text(value: object) -> str:
    """Return *value*, of these types alone, as JSON.

    Raises:
        TypeError: If it is, or holds, something else.
    """
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json_text(key)}: {json_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(json_text, value))}]"
    raise TypeError(f"{value!r} is of type {type(value).__name__}, expected a text, an int, a list or a dict")


def _escaped(char: str) -> str:
    # What has more than four digits can stand for itself.
    if (char.isprintable() and char not in '"\\') or ord(char) > 0xFFFF:
        return char
    return f"\\u{ord(char):04x}"
