"""Who becomes a child of a dynamic supervisor, and with which arguments: Elixir's ``max_children``, ``extra_arguments``.

Pure; all else that is decided about children is in ``decisions`` and ``administration``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import attrs

from supervision.child_spec import ChildSpec
from supervision.errors import InvalidSpec, MaxChildren

__all__ = ["Admission"]


@final
@attrs.frozen(kw_only=True)
class Admission:
    """What a dynamic supervisor asks of each new child.

    Args:
        max_children: How many it has at most; ``math.inf``: no limit, 0: none at all.
        extra_arguments: What stands before each child's own ``args``.

    Raises:
        InvalidSpec: One of them is not what it may be.
    """

    max_children: float = attrs.field(default=math.inf)
    extra_arguments: Sequence[Any] = attrs.field(default=())

    @max_children.validator
    def _whole(self, field: attrs.Attribute[float], given: Any) -> None:
        whole = isinstance(given, int) and not isinstance(given, bool)
        if not (whole and given >= 0) and given != math.inf:
            raise InvalidSpec(field.name, given, "a whole number >= 0 or math.inf")

    @extra_arguments.validator
    def _listed(self, field: attrs.Attribute[Sequence[Any]], given: Any) -> None:
        if not isinstance(given, list | tuple):
            raise InvalidSpec(field.name, given, "a list or tuple")

    def admit(self, spec: ChildSpec, present: int) -> ChildSpec:
        """Return *spec* as it is to be started beside *present* children.

        Raises:
            MaxChildren: That is one too many.
        """
        if present >= self.max_children:
            raise MaxChildren(int(self.max_children))
        extra = self.extra_arguments
        return attrs.evolve(spec, args=(*extra, *spec.args)) if extra else spec
