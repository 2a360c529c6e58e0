"""The service's main module in the child, under ``__mp_main__``, so that its ``if __name__ == "__main__"`` does not run.

Loaded at the first call that needs it: most never do. Which module it is was told at the boot.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
from typing import Any, Final

from bridge.wire.boot_spec import BootSpec
from bridge.wire.codec import MAIN, REMOTE_MAIN

__all__ = ["is_loading", "load"]

_loading = 0  # the thread that does so
_lock: Final = threading.RLock()  # a worker may run several calls at a time


def is_loading() -> bool:
    """Return whether this thread is loading the main module right now; then it must start no workers."""
    return _loading == threading.get_ident()


def load(spec: BootSpec) -> None:
    """Load the main module unless that was done; does nothing if the service has no file for one.

    Raises:
        BaseException: Whatever running it raises.
    """
    with _lock:
        _load(spec)


def _load(spec: BootSpec) -> None:
    global _loading  # noqa: PLW0603 (a process has one main module)
    if REMOTE_MAIN in sys.modules or (spec.main_name is None and spec.main_path is None):
        return
    # Not at the top: many calls never need it.
    runpy: Any = importlib.import_module("runpy")
    module = types.ModuleType(REMOTE_MAIN)
    old = sys.modules.get(MAIN)
    # Before it runs, since it may look itself up, and what it pickles must find it under both names.
    sys.modules[MAIN] = sys.modules[REMOTE_MAIN] = module
    _loading = threading.get_ident()
    try:
        if spec.main_name is not None:
            content = runpy.run_module(spec.main_name, run_name=REMOTE_MAIN, alter_sys=True)
        else:
            # A script; or a directory or a zip, which then leads sys.path, as it did for the service.
            content = runpy.run_path(spec.main_path, run_name=REMOTE_MAIN)
        module.__dict__.update(content)
    except BaseException:
        del sys.modules[REMOTE_MAIN]
        if old is not None:
            sys.modules[MAIN] = old
        raise
    finally:
        _loading = 0
    sys.modules[MAIN] = sys.modules[REMOTE_MAIN] = module
