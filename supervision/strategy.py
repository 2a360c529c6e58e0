"""Who shares the fate of a child that ended: one pure function."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from supervision.child_spec import Strategy

__all__ = ["affected"]


def affected(strategy: Strategy, ids: Iterable[str], failed: str) -> Sequence[str]:
    """Return, in start order, the children that share *failed*'s fate, itself included.

    Args:
        strategy: The supervisor's.
        ids: All its children, in start order; not looked at where it does not matter, so that a restart among
            many siblings costs no more than one among few.
        failed: The child that ended.
    """
    match strategy:
        case Strategy.ONE_FOR_ONE | Strategy.SIMPLE_ONE_FOR_ONE:
            return (failed,)
        case Strategy.ONE_FOR_ALL:
            return tuple(ids)
        case Strategy.REST_FOR_ONE:
            return tuple(itertools.dropwhile(lambda each: each != failed, ids))
