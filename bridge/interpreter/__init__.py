"""What runs in the child, and what users' functions and classes may take of it, also where no worker is.

``report`` tells the caller of the running call how far it is, ``trace_header`` what travelled along with the call, and
``adapter`` registers a class whose instances live in workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.interpreter.reporting import report

if TYPE_CHECKING:
    from bridge.interpreter.adapters import adapter as adapter
    from bridge.interpreter.surroundings import trace_header as trace_header

__all__ = ["adapter", "report", "trace_header"]

#: Imported at their first use: most workers never need them.
_LATER = {"adapter": "bridge.interpreter.adapters", "trace_header": "bridge.interpreter.surroundings"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LATER[name]), name)
