"""Importing of zmq what a worker needs: its compiled part and its errors. The rest runs when somebody asks for it.

That saves some 8 ms of a start, and a megabyte: pyzmq's own convenience around sockets, its enumerations of constants, and
`inspect`, of which its Cython reads ten constants. Users find the whole zmq under its name, as everywhere.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from types import ModuleType
from typing import Any, Final, NamedTuple, final

from bridge.interpreter import unrun, zmq_options

__all__ = ["EAGAIN", "ETERM", "FLAGS", "Errno", "Zmq", "import_zmq"]

#: What Cython's functions look up, with CPython's values.
FLAGS: Final = {
    "CO_OPTIMIZED": 1,
    "CO_NEWLOCALS": 2,
    "CO_VARARGS": 4,
    "CO_VARKEYWORDS": 8,
    "CO_NESTED": 16,
    "CO_GENERATOR": 32,
    "CO_NOFREE": 64,
    "CO_COROUTINE": 128,
    "CO_ITERABLE_COROUTINE": 256,
    "CO_ASYNC_GENERATOR": 512,
}

#: What the compiled part keeps of zmq's constants.
_ASKED_FOR: Final = {"SocketOption": zmq_options.option, "_OptType": zmq_options.Kinds}


@final
class Errno(int):
    """In the place of a member of ``zmq.constants.Errno``, as long as zmq has not run."""

    name: str

    def __new__(cls, name: str, number: int) -> Errno:
        made = super().__new__(cls, number)
        made.name = name
        return made


EAGAIN: Final = Errno("EAGAIN", errno.EAGAIN)
#: ZeroMQ's own, of a context that has ended.
ETERM: Final = Errno("ETERM", 156384765)

_PACKAGES: Final = ("zmq", "zmq.backend", "zmq.backend.cython")


class Zmq(NamedTuple):
    """What a worker uses of zmq, however it was imported."""

    backend: Any  #: Context, Socket and zmq_poll, without what pyzmq wraps around them
    version: str  #: pyzmq's


def import_zmq() -> Zmq:
    """Import that; a zmq that is not built as expected is imported whole, and so is one that is there already.

    To be done before there are other threads: for a moment `inspect` is not what it is.
    """
    if "zmq" not in sys.modules and "PYZMQ_BACKEND" not in os.environ:
        try:
            return _import_light()
        except (ImportError, AttributeError, OSError, ValueError):
            for name in [name for name in sys.modules if name == "zmq" or name.startswith("zmq.")]:
                del sys.modules[name]
    zmq = importlib.import_module("zmq")
    return Zmq(importlib.import_module("zmq.backend"), zmq.__version__)


def _import_light() -> Zmq:
    packages = [unrun.put(name) for name in _PACKAGES]
    # First what may fail, since the compiled part cannot be imported anew, with other errors.
    version = _version(packages[0])
    # All that zmq's errors look for when they are made: making one must not import anything, which a call may have broken.
    packages[0].__dict__.update(EAGAIN=EAGAIN, ETERM=ETERM)
    with unrun.Lent("inspect", **FLAGS), unrun.Lent("zmq.constants", **_ASKED_FOR):
        compiled: Any = importlib.import_module("zmq.backend.cython._zmq")
    packages[1].__dict__.update(strerror=compiled.strerror, zmq_errno=compiled.zmq_errno)
    return Zmq(compiled, version)


def _version(zmq: ModuleType) -> str:
    """Return pyzmq's version, read from where it is written: run, that would import `re` and `typing` for it."""
    with open(os.path.join(zmq.__path__[0], "sugar", "version.py"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        for line in file:
            if line.startswith("__version__"):
                return line.partition("=")[2].strip().strip("'\"")
    raise ImportError("pyzmq's version is not where it is looked for")
