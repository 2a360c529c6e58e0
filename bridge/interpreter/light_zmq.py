"""Importing zmq for a megabyte and some milliseconds less: without `inspect`, of which its Cython reads ten constants.

`inspect` brings ten modules along that nothing else in an idle worker needs. Whoever imports it later gets the real one.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Final

__all__ = ["FLAGS", "import_zmq"]

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


def import_zmq() -> None:
    """Import zmq; a version of it that needs more of `inspect` than that is imported in the ordinary way.

    To be done before there are other threads: for a moment `inspect` is not what it is.
    """
    if "inspect" in sys.modules or "zmq" in sys.modules:
        importlib.import_module("zmq")
        return
    constants = ModuleType("inspect")
    constants.__dict__.update(FLAGS)
    sys.modules["inspect"] = constants
    try:
        importlib.import_module("zmq")
        return
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name == "zmq" or name.startswith("zmq.")]:
            del sys.modules[name]
    finally:
        if sys.modules.get("inspect") is constants:
            del sys.modules["inspect"]
    importlib.import_module("zmq")
