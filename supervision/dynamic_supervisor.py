"""A supervisor whose children come and go: its differences from ``supervisor``, nothing else.

It starts empty, is one_for_one, may have a limit, keeps nothing of a child that ended, and stops all its children at
the same time. Unlike Elixir's it keeps the children's ids: they are their names in the tree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

from supervision.actor import InitResult
from supervision.admission import Admission
from supervision.child_spec import ChildSpec, SupFlags
from supervision.supervisor import Supervisor

__all__ = ["DynamicSupervisor"]


@final
class DynamicSupervisor(Supervisor):
    """Start children with ``start_child``; each lives and is restarted by its own spec.

    Args (of its ``init``):
        intensity, period: As ``SupFlags``; Elixir's allow 3 restarts in 5 s, these, as OTP's, 1.
        max_children: How many children it has at most; one more is refused. ``math.inf``: no limit, 0: none at all.
        extra_arguments: What stands before each child's own ``args``.

    Raises (its start fails with it):
        InvalidSpec: A number is out of range.
    """

    forgets = True

    def init(  # type: ignore[override]
        self,
        intensity: int = 1,
        period: float = 5.0,
        max_children: float = math.inf,
        extra_arguments: Sequence[Any] = (),
    ) -> InitResult:
        """Start with no children."""
        self._admission = Admission(
            max_children=max_children,
            extra_arguments=tuple(extra_arguments) if isinstance(extra_arguments, list) else extra_arguments,
        )
        return super().init(SupFlags(intensity=intensity, period=period))

    def admit(self, spec: ChildSpec) -> ChildSpec:
        """Refuse a child beyond the limit; put the extra arguments before its own."""
        return self._admission.admit(spec, len(self._state.children))
