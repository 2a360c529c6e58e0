"""What users call: pools of Python interpreter processes under supervisors, and sessions that stick to a worker.

Light to import: a name is loaded when it is first used (PEP 562), because the worker processes import this package
too, when they are sent a function of ``actors.demo``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.errors import PoolError as PoolError
    from actors.pool import Pool as Pool
    from actors.session import Session as Session

__all__ = ["Pool", "PoolError", "Session"]

_HOME = {"Pool": "actors.pool", "PoolError": "actors.errors", "Session": "actors.session"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
