"""What runs in the child, and what the function that it runs may use.

``report`` tells its caller how far it is, ``cancelled`` whether it should end; ``CallInterrupted`` ends it if it did not.

Imported by users' functions too, also in the service: nothing here may depend on being in a worker.
"""

from __future__ import annotations

from bridge.interpreter.interruption import CallInterrupted, cancelled
from bridge.interpreter.reporting import report

__all__ = ["CallInterrupted", "cancelled", "report"]
