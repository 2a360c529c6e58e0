"""Get the syntax tree of one file, or one line that says why there is none.

What is counted in a tree is in ``census``. Workers import this module: standard library only.
"""

from __future__ import annotations

import ast
import io
import os
import resource
import stat
import sys
import tokenize
import warnings
from pathlib import Path
from typing import Final, final

from actors.demo.words import one_line

__all__ = ["LARGEST", "TOO_DEEP", "Unreadable", "load"]

LARGEST: Final = 8 << 20  #: bytes; beyond it a file is data, and its syntax tree would not fit in a worker
TOO_DEEP: Final = "nests too deeply"

_HEADROOM: Final = 64 << 20  # bytes of address space that a parser always finds if memory is not the matter
_TREE_BYTES: Final = 1000  # a syntax tree takes less than this for each byte of source


@final
class Unreadable(Exception):
    """A file that cannot be counted; ``reason`` is one line for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def load(path: str) -> tuple[ast.Module, int]:
    """Read and parse the file at *path*; no warning of the parser gets out.

    Returns:
        The syntax tree and the number of lines.

    Raises:
        Unreadable: If it cannot be opened, is no regular file, or does not decode or parse.
        MemoryError: If memory is really short; a parser that ran out of its own stack is an Unreadable.
    """
    text = _decode(_read(path))
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    return _parse(text), lines


def _read(path: str) -> bytes:
    try:
        # Not blocking: a FIFO that nobody writes to would otherwise hold us in open() for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(_os_reason(error)) from None
    try:
        _check(os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1) or b""
    except OSError as error:
        raise Unreadable(_os_reason(error)) from None
    finally:
        os.close(descriptor)
    # Files of /proc say 0 bytes and hold any number.
    if len(data) > LARGEST:
        raise Unreadable(f"has more than the {LARGEST} bytes that are read")
    return data


def _decode(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, ValueError, LookupError) as error:
        raise Unreadable(f"does not decode: {one_line(error)}") from None
    if "\0" in text:
        raise Unreadable("does not decode: contains null bytes")
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)


def _parse(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise Unreadable(f"does not parse: line {error.lineno or 0}: {one_line(error.msg)}") from None
    except ValueError as error:  # lone surrogates, out of an escaping codec
        raise Unreadable(f"does not parse: {one_line(error)}") from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None
    except MemoryError as error:
        if _exhausted(error, len(text)):
            raise
        raise Unreadable(TOO_DEEP) from None


def _exhausted(error: MemoryError, size: int) -> bool:
    """Return whether memory was short, rather than the stack of the parser, which raises the same error.

    From Python 3.12 the parser says so in words; before, it is the parser's stack if the address space, now that the
    parse is unwound, has room for any tree that *size* characters can make.
    """
    if str(error):
        return False
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or not sys.platform.startswith("linux"):
        return False
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return limit - pages * resource.getpagesize() < _HEADROOM + _TREE_BYTES * size


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"not a regular file but {_kind(status.st_mode)}")
    if status.st_size > LARGEST:
        raise Unreadable(f"has {status.st_size} bytes, more than the {LARGEST} that are read")


def _os_reason(error: OSError) -> str:
    return f"cannot be read: {one_line(error.strerror or error)}"


def _kind(mode: int) -> str:
    names = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return names.get(stat.S_IFMT(mode), "something else")
