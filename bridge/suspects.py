"""Which of the calls that were in an interpreter its end is said to be about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import attrs

from bridge.certificate import CallRecord

__all__ = ["Suspects"]


@final
@attrs.frozen
class Suspects:
    """The calls that were in it."""

    call: CallRecord | None = None  #: the one that it is about; None: none was, or nobody can say which
    others: tuple[CallRecord, ...] = ()
    named: bool = False  #: whether it was ended because of that call, and not only while it ran

    @classmethod
    def of(cls, calls: Sequence[CallRecord], culprit: int = 0) -> Suspects:
        """Return those of *calls*.

        Args:
            calls: That are in the interpreter.
            culprit: The id of the one that it is ended for; 0: none, or of a single one that goes without saying.
        """
        found = next((call for call in calls if call.id == culprit), None)
        if found is not None:
            return cls(found, tuple(call for call in calls if call is not found), named=True)
        if len(calls) == 1:
            return cls(calls[0])
        # Of several that ran when it crashed the stacks may tell; a guess would accuse a call that did nothing.
        return cls(None, tuple(calls))

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """All of them."""
        return self.others if self.call is None else (self.call, *self.others)

    def seen_again(self, calls: Sequence[CallRecord]) -> Suspects:
        """Return those at the end, of an interpreter in which there were these when its end was decided.

        Args:
            calls: That were in it at its end.
        """
        culprit = self.call.id if self.named and self.call is not None else 0
        later = Suspects.of(calls, culprit)
        if culprit and not later.named:
            return self  # its answer came in its last moment; it is what the end was about all the same
        return later if calls else self
