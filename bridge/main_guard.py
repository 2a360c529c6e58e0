"""No worker starts workers because it loads the service's script: that would go on for ever.

How a worker comes to load it is in ``interpreter.main_module``.
"""

from __future__ import annotations

import sys

from bridge.errors import LaunchFailed

__all__ = ["refuse_unguarded_main"]


def refuse_unguarded_main(worker: str) -> None:
    """Do nothing, unless this is a worker that is loading the service's script right now.

    Args:
        worker: Who was about to start interpreters, for the error.

    Raises:
        LaunchFailed: It is; the text says what to guard.
    """
    module = sys.modules.get("bridge.interpreter.main_module")
    if module is not None and module.is_loading():
        raise LaunchFailed(
            worker,
            "this is a worker that loads the service's script to find a function in it, and the script starts workers when"
            " it is loaded. Guard that part of it by `if __name__ == '__main__':`",
        )
