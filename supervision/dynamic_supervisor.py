"""A supervisor whose children come and go: its differences from ``supervisor``, nothing else.

It starts empty, is one_for_one, may have a limit, and stops all its children at the same time. Unlike Elixir's it
keeps the children's ids: they are their names in the tree.
"""

from __future__ import annotations

import math
from typing import Any, final

from supervision import decisions
from supervision.actor import InitResult
from supervision.child_spec import SupFlags
from supervision.errors import MaxChildren
from supervision.shutdown import stop_together
from supervision.supervisor import Supervisor, is_start_request

__all__ = ["DynamicSupervisor"]


@final
class DynamicSupervisor(Supervisor):
    """Start children with ``start_child``; each lives and is restarted by its own spec.

    Args (of its ``init``):
        intensity, period: As ``SupFlags``.
        max_children: How many specs it holds at most; one more is refused. ``math.inf``: no limit, 0: none at all.

    Raises (its start fails with it):
        ValueError: A number is out of range.
    """

    def init(self, intensity: int = 1, period: float = 5.0, max_children: float = math.inf) -> InitResult:  # type: ignore[override]
        """Start with no children."""
        whole = isinstance(max_children, int) and not isinstance(max_children, bool)
        if not (whole and max_children >= 0) and max_children != math.inf:
            raise ValueError(f"max_children {max_children!r}: expected a whole number >= 0 or math.inf")
        self._max_children = max_children
        return super().init(SupFlags(intensity=intensity, period=period))

    def _stop_all(self) -> None:
        # All are asked at once, and each is waited for by its own shutdown.
        stops = decisions.stop_all(self._state)
        stop_together([(stop.ref, stop.shutdown) for stop in stops], self.ref, self._farewell)
        for stop in stops:
            decisions.stopped(self._state, stop)

    def _request(self, request: Any) -> Any:
        if is_start_request(request) and len(self._state.children) >= self._max_children:
            raise MaxChildren(int(self._max_children))
        return super()._request(request)
