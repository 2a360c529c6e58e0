"""The one state machine mechanism of the project: a declared transition table and what follows from it.

Pure. What a machine is about (a worker's life, a connection) is declared where that subject lives.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar, final

from supervision.errors import SupervisionError

__all__ = ["IllegalTransition", "TransitionTable"]

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


class IllegalTransition(SupervisionError):
    """The event cannot happen in this state; the machine stays as it was."""

    def __init__(self, subject: str, state: str, event: str, possible: tuple[str, ...]) -> None:
        super().__init__(subject, state, event, possible)
        self.subject = subject
        self.state = state
        self.event = event
        self.possible = possible

    def __str__(self) -> str:
        possible = ", ".join(self.possible) or "nothing: it is a final state"
        return f"{self.subject} that is {self.state} cannot take {self.event!r}; it can take {possible}"


@final
class TransitionTable(Generic[S, E]):
    """A total table: for every state the events that it takes and where each leads.

    Args:
        subject: What the machine describes, with its article, for errors ("a worker").
        initial: The state it begins in.
        rows: For each state of the enumeration, event to next state; a final state's row is empty.

    Raises:
        ValueError: A state of the enumeration has no row, or cannot be reached.
    """

    def __init__(self, subject: str, initial: S, rows: Mapping[S, Mapping[E, S]]) -> None:
        missing = [state.value for state in type(initial) if state not in rows]
        if missing:
            raise ValueError(f"{subject}: no row for {', '.join(missing)}; a final state has an empty one")
        self.subject = subject
        self.initial = initial
        self._rows = MappingProxyType({state: MappingProxyType(dict(row)) for state, row in rows.items()})
        unreachable = set(type(initial)) - self._reachable()
        if unreachable:
            raise ValueError(f"{subject}: nothing leads to {', '.join(sorted(s.value for s in unreachable))}")

    def next(self, state: S, event: E) -> S:
        """Return the state after *event*.

        Raises:
            IllegalTransition: *event* cannot happen in *state*.
        """
        try:
            return self._rows[state][event]
        except KeyError:
            possible = tuple(each.value for each in self._rows[state])
            raise IllegalTransition(self.subject, state.value, event.value, possible) from None

    def takes(self, state: S, event: E) -> bool:
        """Return whether *event* can happen in *state*."""
        return event in self._rows[state]

    def is_final(self, state: S) -> bool:
        """Return whether nothing can happen any more."""
        return not self._rows[state]

    def edges(self) -> Iterator[tuple[S, E, S]]:
        """Yield every transition: state, event, next state."""
        for state, row in self._rows.items():
            for event, target in row.items():
                yield state, event, target

    def as_mermaid(self) -> str:
        """Return the machine as a Mermaid state diagram, for the docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial.value}"]
        lines += [
            f"    {state.value} --> {target.value}: {event.value}" for state, event, target in self.edges()
        ]
        lines += [f"    {state.value} --> [*]" for state in self._rows if self.is_final(state)]
        return "\n".join(lines)

    def _reachable(self) -> set[S]:
        found = {self.initial}
        frontier = [self.initial]
        while frontier:
            fresh = [target for target in self._rows[frontier.pop()].values() if target not in found]
            found.update(fresh)
            frontier.extend(fresh)
        return found
