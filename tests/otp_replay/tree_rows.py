"""The ``tree`` of a step, from what supervisors answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import attrs

from supervision.administration import ChildCounts
from supervision.ref import Ref
from supervision.supervisor import ChildInfo
from tests.otp_replay.calls import numbers_of, rows_of

__all__ = ["Look", "tree_rows"]


@final
@attrs.frozen
class Look:
    """What one supervisor answers to ``which_children`` and ``count_children``."""

    children: Sequence[ChildInfo]
    counts: ChildCounts
    simple: bool


def tree_rows(ref: Ref, look_at: Callable[[Ref], Look | None], name_of: Callable[[Ref], str]) -> list[Any]:
    """Return the rows of *ref* and of the supervisors below it, depth first.

    Args:
        ref: The one above.
        look_at: Asks a process; None if it is no live supervisor.
        name_of: Names the instance behind a handle.
    """
    look = look_at(ref)
    if look is None:
        return []
    own = rows_of(look.children, name_of, simple=look.simple)
    rows: list[Any] = [[name_of(ref), own, numbers_of(look.counts)]]
    below = {name_of(child.ref): child.ref for child in look.children if child.ref is not None}
    for _, status, _ in own:
        if status in below:
            rows += tree_rows(below[status], look_at, name_of)
    return rows
