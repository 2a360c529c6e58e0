"""The one state machine mechanism of the project: a declared transition table and what follows from it.

Pure. What a machine is about (a worker's life, a connection) is declared where that subject lives. A table can be asked
directly; ``state_engine`` runs one as gen_statem does, ``state_machine`` is the actor around that.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar, final

from supervision.errors import SupervisionError
from supervision.mermaid import Arrow, state_diagram

__all__ = ["IllegalTransition", "TransitionTable", "word_of"]

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


def word_of(member: enum.Enum) -> str:
    """Return what a state or event is called in texts: its value if that is a str, else its name."""
    value = member.value
    return value if isinstance(value, str) else member.name


@final
class TransitionTable(Generic[S, E]):
    """A total table: for every state the events that it takes and where each leads.

    Args:
        subject: What the machine describes, with its article, for errors ("a worker"). States and events are called
            there by their values if those are strings, else by their names.
        initial: The state it begins in.
        rows: For each state of the enumeration, event to next state; a final state's row is empty.
        postponed: For a state, the events that wait there until another state takes them.
        timeouts: For a state, after how many seconds in it which event happens by itself.

    Raises:
        ValueError: A state of the enumeration has no row, or cannot be reached; a state postpones what it takes, or
            is final and postpones; its timeout is not above 0 s, or the event of its timeout is not in its row.
    """

    def __init__(
        self,
        subject: str,
        initial: S,
        rows: Mapping[S, Mapping[E, S]],
        *,
        postponed: Mapping[S, Collection[E]] = MappingProxyType({}),
        timeouts: Mapping[S, tuple[float, E]] = MappingProxyType({}),
    ) -> None:
        missing = [word_of(state) for state in type(initial) if state not in rows]
        if missing:
            raise ValueError(f"{subject}: no row for {', '.join(missing)}; a final state has an empty one")
        self.subject = subject
        self.initial = initial
        self._rows = MappingProxyType({state: MappingProxyType(dict(row)) for state, row in rows.items()})
        self._postponed = MappingProxyType({state: tuple(events) for state, events in postponed.items()})
        self._timeouts = MappingProxyType(dict(timeouts))
        #: The enumerations that its events are of.
        self.event_types: tuple[type[E], ...] = tuple({type(event) for _, event, _ in self.edges()})
        unreachable = set(type(initial)) - self._reachable()
        if unreachable:
            raise ValueError(f"{subject}: nothing leads to {', '.join(sorted(map(word_of, unreachable)))}")
        self._check_waiting()

    def next(self, state: S, event: E) -> S:
        """Return the state after *event*.

        Raises:
            IllegalTransition: *event* cannot happen in *state*.
        """
        try:
            return self._rows[state][event]
        except KeyError:
            possible = tuple(map(word_of, self._rows[state]))
            raise IllegalTransition(self.subject, word_of(state), word_of(event), possible) from None

    def takes(self, state: S, event: E) -> bool:
        """Return whether *event* can happen in *state*."""
        return event in self._rows[state]

    def postpones(self, state: S, event: E) -> bool:
        """Return whether *event* waits in *state* until another state takes it."""
        return event in self._postponed.get(state, ())

    def timeout_of(self, state: S) -> tuple[float, E] | None:
        """Return after how many seconds in *state* which event happens by itself, if one does."""
        return self._timeouts.get(state)

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
        return state_diagram(
            word_of(self.initial),
            [word_of(state) for state in self._rows],
            [Arrow(word_of(old), word_of(new), self._label(old, event)) for old, event, new in self.edges()],
            notes={
                word_of(state): f"postpones {', '.join(map(word_of, events))}"
                for state, events in self._postponed.items()
                if events
            },
            finals=[word_of(state) for state in self._rows if self.is_final(state)],
        )

    def _label(self, state: S, event: E) -> str:
        timeout = self._timeouts.get(state)
        after = f" after {timeout[0]:g} s" if timeout is not None and timeout[1] is event else ""
        return f"{word_of(event)}{after}"

    def _check_waiting(self) -> None:
        for state, events in self._postponed.items():
            if self.is_final(state):
                raise ValueError(f"{self.subject}: {word_of(state)} is final and cannot postpone anything")
            both = [word_of(event) for event in events if self.takes(state, event)]
            if both:
                raise ValueError(
                    f"{self.subject}: {word_of(state)} both takes and postpones {', '.join(both)}"
                )
        for state, (seconds, event) in self._timeouts.items():
            if not (seconds > 0 and math.isfinite(seconds)):
                raise ValueError(
                    f"{self.subject}: the timeout of {word_of(state)} is {seconds!r}; expected seconds > 0"
                )
            if not self.takes(state, event):
                raise ValueError(
                    f"{self.subject}: {word_of(state)} does not take {word_of(event)!r}, the event of its timeout"
                )

    def _reachable(self) -> set[S]:
        found = {self.initial}
        frontier = [self.initial]
        while frontier:
            fresh = [target for target in self._rows[frontier.pop()].values() if target not in found]
            found.update(fresh)
            frontier.extend(fresh)
        return found
