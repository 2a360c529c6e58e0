"""What runs in the child, and ``report``, by which a running call tells its caller how far it is.

Imported by users' functions too, also in the service: nothing here may depend on being in a worker.
"""

from __future__ import annotations

from bridge.interpreter.reporting import report

__all__ = ["report"]
