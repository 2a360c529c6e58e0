"""Holds a step against its recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import attrs

from tests.otp_replay.scenario import Step

__all__ = ["Difference", "differences", "in_instance_order"]


@final
@attrs.frozen
class Difference:
    """One part of a step that is not as recorded."""

    part: str
    expected: Any
    got: Any


def differences(expected: Step, got: Step) -> Iterator[Difference]:
    """Yield what differs, in the order in which one would look for the cause."""
    for part in ("ret", "rets", "spec", "ev", "tree", "sup"):
        theirs, ours = getattr(expected, part), getattr(got, part)
        if part == "ev":
            theirs, ours = list(theirs), list(ours)
            if expected.unordered:
                theirs, ours = in_instance_order(theirs), in_instance_order(ours)
        if theirs != ours:
            yield Difference(part, theirs, ours)


def in_instance_order(events: Sequence[str]) -> Sequence[str]:
    """Return *events* sorted by (path, n); those of one instance keep their order. For concurrent events."""
    return sorted(events, key=_instance)


def _instance(event: str) -> tuple[str, int]:
    # Not a split at spaces alone: an event that is no event still has to sort, and to show as a difference.
    path, _, number = f"{event} ".split(" ")[1].partition("#")
    return path, int(number) if number.isdigit() else 0
