"""What users call: pools of Python interpreter processes under supervisors, and sessions that stick to a worker.

Light to import: a name is loaded when it is first used (PEP 562), because the worker processes import this package
too, when they are sent a function of ``actors.demo``.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as typing's, whose import takes longer than all of this
if TYPE_CHECKING:
    from actors.errors import CallExpired as CallExpired
    from actors.errors import PoolCannotStart as PoolCannotStart
    from actors.errors import PoolError as PoolError
    from actors.errors import PoolGaveUp as PoolGaveUp
    from actors.errors import PoolNotRunning as PoolNotRunning
    from actors.errors import PoolSaturated as PoolSaturated
    from actors.errors import SessionExpired as SessionExpired
    from actors.errors import SessionLost as SessionLost
    from actors.pool import Pool as Pool
    from actors.session import Session as Session
    from bridge.errors import CallCancelled as CallCancelled
    from bridge.errors import CallDeadline as CallDeadline
    from bridge.errors import NotPicklable as NotPicklable
    from bridge.errors import RemoteError as RemoteError
    from bridge.errors import WorkerDied as WorkerDied
    from bridge.ladder import Graces as Graces
    from bridge.options import InterpreterOptions as InterpreterOptions

__all__ = [
    "CallCancelled",
    "CallDeadline",
    "CallExpired",
    "Graces",
    "InterpreterOptions",
    "NotPicklable",
    "Pool",
    "PoolCannotStart",
    "PoolError",
    "PoolGaveUp",
    "PoolNotRunning",
    "PoolSaturated",
    "RemoteError",
    "Session",
    "SessionExpired",
    "SessionLost",
    "WorkerDied",
]

_MODULES = {
    "actors.errors": (
        "CallExpired",
        "PoolCannotStart",
        "PoolError",
        "PoolGaveUp",
        "PoolNotRunning",
        "PoolSaturated",
        "SessionExpired",
        "SessionLost",
    ),
    "actors.pool": ("Pool",),
    "actors.session": ("Session",),
    "bridge.errors": ("CallCancelled", "CallDeadline", "NotPicklable", "RemoteError", "WorkerDied"),
    "bridge.ladder": ("Graces",),
    "bridge.options": ("InterpreterOptions",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
