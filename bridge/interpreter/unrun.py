"""Modules that are there but have not run: each has the few names that it was given, and runs when it is asked for another.

What `importlib.util.LazyLoader` does for a plain module, for packages, too: their parts can be imported without them. Each is
the one module of its name from the first moment, so nobody ever holds another one than the rest of the process does.
"""

from __future__ import annotations

import sys
import threading
from importlib.util import find_spec, module_from_spec
from types import ModuleType

__all__ = ["Lent", "put"]

_GETATTR = "__getattr__"  # PEP 562: asked for what a module does not have
_MARK = "__unrun__"  # in a module that has not run


def put(name: str, **given: object) -> ModuleType:
    """Put the module *name*, which is not imported yet, into ``sys.modules`` as it is before its code runs, and return it.

    Its code runs in the first thread that asks it for a name that it does not have; others wait meanwhile.

    Args:
        name: Its dotted name. The packages that it lies in are imported, unless they are there.
        given: Names that it has before; they should mean what they will mean after its run.

    Raises:
        ImportError: If there is no such module.
    """
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module, loader = module_from_spec(spec), spec.loader
    namespace = module.__dict__
    lock = threading.RLock()
    running = False

    def run(missing: str) -> object:
        nonlocal running
        if missing == "__path__":
            # Each import from a module asks for that; one that is no package has none, run or not.
            raise AttributeError(f"module {name!r} has no attribute {missing!r}", name=missing, obj=module)
        with lock:
            if not running and _MARK in namespace:
                running = True
                try:
                    loader.exec_module(module)
                    del namespace[_MARK]
                    # Unless its own code has put another one there.
                    if namespace.get(_GETATTR) is run:
                        del namespace[_GETATTR]
                finally:
                    running = False
            elif running:
                # By its own code, as of any module that is only half there.
                raise AttributeError(
                    f"module {name!r} has no attribute {missing!r}", name=missing, obj=module
                )
        return getattr(module, missing)

    namespace.update(given, __unrun__=True)
    namespace[_GETATTR] = run
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        # As an import does, so that the parent's own run finds it.
        setattr(sys.modules[parent], child, module)
    return module


class Lent:
    """Within its ``with`` there is a module *name* with the names *given*, not run; unless it is there already.

    It is gone after, unless it has run meanwhile; who has taken one of the names has that still. To be used while there are no
    other threads.
    """

    # No generator: `contextlib` would be another module to import.

    def __init__(self, name: str, **given: object) -> None:
        self._name = name
        self._given = given
        self._lent: ModuleType | None = None

    def __enter__(self) -> None:
        if self._name not in sys.modules:
            self._lent = put(self._name, **self._given)

    def __exit__(self, *_: object) -> None:
        if self._lent is not None and not _has_run(self._lent):
            del sys.modules[self._name]
            parent, _dot, child = self._name.rpartition(".")
            if parent:
                delattr(sys.modules[parent], child)


def _has_run(module: ModuleType) -> bool:
    return _MARK not in module.__dict__
