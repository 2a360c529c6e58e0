"""Texts of certificates compared with files: what differs between two runs of the same death is taken out first."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bridge.certificate import Certificate

__all__ = ["check", "normal"]

_FILES = Path(__file__).parent.parent / "data" / "certificates"
#: Frames of these files are kept; others depend on the version of Python, and are told as "...".
_ELSEWHERE = "  |   ..."
_OURS = ("deadly.py", "bridge_functions.py", "sitecustomize.py", "zmq.py")

_CHANGES = (
    (r"\(pid \d+\)", "(pid N)"),
    (r"\(\d[\d.e+-]* s\)", "(N s)"),
    (r"nothing for \d[\d.e+-]* s", "nothing for N s"),
    (r"up \d[\d.e+-]* s", "up N s"),
    # Which of the two it is depends on how big the service is that runs the tests.
    (r"peak memory (at most )?\d[\d.]* MB", "peak memory N MB"),
    (r"#\d+ ", "#N "),
    (r"treewarden-[0-9a-f]+", "treewarden-N"),
    (r"(Current thread|Thread) 0x[0-9a-f]+( \[[^]]*\])?", "Thread"),
    # Spelt with a hyphen since CPython 3.13.
    ("Floating-point exception", "Floating point exception"),
    (r'File "[^"]*/([^/"]+)", line \d+', r'File "\1"'),
)


def normal(text: str) -> str:
    """Return *text* without pids, times, sizes, addresses, line numbers and the frames of others."""
    for pattern, replacement in _CHANGES:
        text = re.sub(pattern, replacement, text)
    lines: list[str] = []
    traceback = False
    for line in text.splitlines():
        told = line.removeprefix("  | ")
        traceback = traceback and told.startswith(" ")
        foreign = told.startswith("  File ") and not any(f'"{name}"' in told for name in _OURS)
        kept = _ELSEWHERE if foreign or traceback else line
        traceback = traceback or told.startswith("Traceback (most recent call last)")
        if not told.startswith("Extension modules:") and not (kept == _ELSEWHERE == lines[-1]):
            lines.append(kept)
    return "\n".join(lines) + "\n"


def check(name: str, certificate: Certificate) -> None:
    """Compare with the golden file *name*; with GOLDEN=write in the environment write it, to be read by a person."""
    found, file = normal(certificate.as_text()), _FILES / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
    assert normal(certificate.as_dict()["headline"]) == found.partition("\n")[0] + "\n"
