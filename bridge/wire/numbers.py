"""How calls are numbered: from 1 on, one for each lane of the interpreter in turn, so that a number tells its lane. Pure."""

from __future__ import annotations

__all__ = ["LANES", "lane_of"]

LANES = 64  #: calls that an interpreter may run at the same time: half of what the board has room for


def lane_of(call_id: int, lanes: int) -> int:
    """Return in which of *lanes* the call *call_id* is."""
    return (call_id - 1) % lanes
