"""Who shares the fate of a child that ended: one pure function."""

from __future__ import annotations

from collections.abc import Sequence

from supervision.child_spec import Strategy

__all__ = ["affected"]


def affected(strategy: Strategy, ids: Sequence[str], failed: str) -> Sequence[str]:
    """Return, in start order, the children that share *failed*'s fate, itself included.

    Args:
        strategy: The supervisor's.
        ids: All its children, in start order.
        failed: The child that ended.
    """
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (failed,)
        case Strategy.REST_FOR_ONE:
            return ids[list(ids).index(failed) :]
