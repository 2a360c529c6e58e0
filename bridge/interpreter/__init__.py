"""What runs in the child, and what users' functions and classes may take of it, also where no worker is.

``report`` tells the caller of the running call how far it is, ``trace_header`` what travelled along with the call,
``cancelled`` whether it should end (``CallInterrupted`` ends one that did not), and ``adapter`` registers a class whose
instances live in workers.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which is not to be imported yet: see `light_typing`
if TYPE_CHECKING:
    from bridge.interpreter.adapters import adapter as adapter
    from bridge.interpreter.interruption import CallInterrupted as CallInterrupted
    from bridge.interpreter.interruption import cancelled as cancelled
    from bridge.interpreter.reporting import report as report
    from bridge.interpreter.surroundings import trace_header as trace_header

__all__ = ["CallInterrupted", "adapter", "cancelled", "report", "trace_header"]

#: Imported at their first use: a worker's start comes through here before it may import what they need.
_LATER = {
    "CallInterrupted": "bridge.interpreter.interruption",
    "adapter": "bridge.interpreter.adapters",
    "cancelled": "bridge.interpreter.interruption",
    "report": "bridge.interpreter.reporting",
    "trace_header": "bridge.interpreter.surroundings",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(_LATER[name]), name)
    return found
