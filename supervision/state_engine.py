"""Run a transition table as gen_statem runs its callbacks: postponed and inserted events, timeouts, state entry.

Pure: the engine asks handlers what to do, and yields what is to be done outside as values. It reads no clock: a timer
is started by one effect, and its end is told by ``expired``. The actor around it is in ``state_machine``.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, final

import attrs

from supervision.exit_reason import NORMAL, ExitReason
from supervision.messages import Stop
from supervision.state_actions import (
    POSTPONE,
    REPEAT_STATE,
    Action,
    Actions,
    Answer,
    CancelTimeout,
    EventTimeout,
    Happened,
    Illegal,
    Keyword,
    NamedTimeout,
    NextEvent,
    Source,
    StateTimeout,
    Timer,
)
from supervision.statem import IllegalTransition, TransitionTable

__all__ = [
    "CancelTimer",
    "Effect",
    "Ended",
    "Handlers",
    "Moved",
    "Refused",
    "StartTimer",
    "StateEngine",
]

S = TypeVar("S", bound=enum.Enum)
S_contra = TypeVar("S_contra", bound=enum.Enum, contravariant=True)
E = TypeVar("E", bound=enum.Enum)


class Handlers(Protocol[S_contra, E]):
    """What the machine does; asked by the engine."""

    def handle_event(self, happened: Happened[E]) -> Actions[E]: ...
    def state_enter(self, old: S_contra, new: S_contra) -> Actions[E]: ...


# What the engine yields


@final
@attrs.frozen
class StartTimer:
    """Call ``expired(name, number)`` after *seconds*; one that runs under the name is to be forgotten."""

    name: Hashable
    number: int
    seconds: float


@final
@attrs.frozen
class CancelTimer:
    """Forget the timer."""

    name: Hashable


@final
@attrs.frozen
class Moved(Generic[S, E]):
    """The state has changed."""

    old: S
    event: E
    new: S


@final
@attrs.frozen
class Refused(Generic[E]):
    """Tell who called that the table does not take it."""

    happened: Happened[E]
    error: IllegalTransition


@final
@attrs.frozen
class Ended:
    """The machine ends; nothing else comes."""

    reason: ExitReason


Effect = StartTimer | CancelTimer | Answer | Moved[S, E] | Refused[E] | Ended


@final
@attrs.frozen
class _Running(Generic[E]):
    number: int
    happened: Happened[E]
    outside: bool  #: whether a clock was asked


@final
class StateEngine(Generic[S, E]):
    """One machine: its state, the events that wait, the timers that run. Each method is to be iterated to its end.

    Args:
        table: The transitions.
        handlers: What is done at them.
        illegal: What becomes of an event that the table does not take.
    """

    def __init__(
        self, table: TransitionTable[S, E], handlers: Handlers[S, E], illegal: Illegal = Illegal.CRASH
    ) -> None:
        self.state = table.initial  #: what the table says; while ``handle_event`` runs, the state before it
        self.ended = False
        self._table = table
        self._handlers = handlers
        self._illegal = illegal
        self._queue: deque[Happened[E]] = deque()
        self._postponed: list[Happened[E]] = []
        self._timers: dict[Hashable, _Running[E]] = {}
        self._due: deque[tuple[Hashable, int]] = (
            deque()
        )  #: timers of 0 s: after the queue, before all from outside
        self._numbers = 0

    @property
    def postponed(self) -> tuple[Happened[E], ...]:
        """The events that wait for a change of state."""
        return tuple(self._postponed)

    def begin(self, actions: Actions[E] = None) -> Iterator[Effect[S, E]]:
        """Enter the initial state, with the *actions* of the machine's start."""
        yield from self._settle(self.state, _listed(actions), changed=True, enter=True)
        yield from self._drain()

    def take(self, happened: Happened[E]) -> Iterator[Effect[S, E]]:
        """Let an event from outside happen, and all that follows from it.

        Raises:
            IllegalTransition: The table does not take it, and such is to crash the machine.
        """
        self._queue.append(happened)
        yield from self._drain()

    def expired(self, name: Hashable, number: int) -> Iterator[Effect[S, E]]:
        """Let the event of a timer happen; nothing, if it was cancelled or replaced meanwhile."""
        running = self._timers.get(name)
        if running is not None and running.number == number:
            del self._timers[name]
            yield from self.take(running.happened)

    def do(self, actions: Actions[E]) -> Iterator[Effect[S, E]]:
        """Carry out *actions* without an event of the table, and all that follows from them."""
        yield from self._cancel(Timer.EVENT)  # what came was one all the same
        yield from self._settle(self.state, _listed(actions), changed=False, enter=False)
        yield from self._drain()

    def _drain(self) -> Iterator[Effect[S, E]]:
        while not self.ended:
            if self._queue:
                happened = self._queue.popleft()
            elif self._due:
                name, number = self._due.popleft()
                running = self._timers.get(name)
                if running is None or running.number != number:
                    continue
                del self._timers[name]
                happened = running.happened
            else:
                return
            yield from self._one(happened)

    def _one(self, happened: Happened[E]) -> Iterator[Effect[S, E]]:
        yield from self._cancel(Timer.EVENT)
        state, event, table = self.state, happened.event, self._table
        if table.postpones(state, event):
            self._postponed.append(happened)
            return
        try:
            target = table.next(state, event)
        except IllegalTransition as error:
            if self._illegal is Illegal.CRASH:
                raise
            if self._illegal is Illegal.REFUSE and happened.from_ is not None:
                yield Refused(happened, error)
            return
        actions = _listed(self._handlers.handle_event(happened))
        if POSTPONE in actions:
            self._postponed.append(happened)
        changed = target is not state and not any(isinstance(action, Stop) for action in actions)
        if changed:
            self.state = target
            yield Moved(state, event, target)
        rest = [action for action in actions if not isinstance(action, Keyword)]
        yield from self._settle(state, rest, changed=changed, enter=changed or REPEAT_STATE in actions)

    def _settle(
        self, old: S, actions: Sequence[Action[E]], *, changed: bool, enter: bool
    ) -> Iterator[Effect[S, E]]:
        """Carry out what a handler returned, then enter the state, then begin the timeouts: gen_statem's order."""
        timeouts: list[_Timeout[E]] = []
        declared = self._table.timeout_of(self.state) if changed else None
        if declared is not None:
            timeouts.append(StateTimeout(*declared))
        inserted: list[Happened[E]] = []
        yield from self._carry_out(actions, timeouts, inserted)
        if self.ended:
            return
        if changed:
            self._queue.extendleft(reversed(self._postponed))
            self._postponed.clear()
            yield from self._cancel(Timer.STATE)
        self._queue.extendleft(reversed(inserted))
        while enter:
            entry = _listed(self._handlers.state_enter(old, self.state))
            old, enter = self.state, REPEAT_STATE in entry
            rest = [action for action in entry if action is not REPEAT_STATE]
            yield from self._carry_out(rest, timeouts, None)
            if self.ended:
                return
        for timeout in timeouts:
            yield from self._begin_timeout(timeout)
        if changed and self._table.is_final(self.state):
            self.ended = True
            yield Ended(NORMAL)

    def _carry_out(
        self,
        actions: Sequence[Action[E]],
        timeouts: list[_Timeout[E]],
        inserted: list[Happened[E]] | None,
    ) -> Iterator[Effect[S, E]]:
        """Do what can be done at once, and collect the rest; *inserted* is None on entry, where nothing may be."""
        for action in actions:
            if isinstance(action, Answer):
                yield action
            elif isinstance(action, Stop):
                self.ended = True
                yield Ended(action.reason)
                return
            elif isinstance(action, StateTimeout | EventTimeout | NamedTimeout | CancelTimeout):
                timeouts.append(action)
            elif isinstance(action, NextEvent) and inserted is not None:
                inserted.append(Happened(action.event, action.content, Source.INTERNAL))
            else:
                where = (
                    "on entry of a state, where only Answer, timeouts, REPEAT_STATE and Stop are"
                    if inserted is None
                    else "here"
                )
                raise TypeError(
                    f"{action!r} is no action {where}; the actions are those of state_engine.Action"
                )

    def _begin_timeout(self, timeout: _Timeout[E]) -> Iterator[Effect[S, E]]:
        if isinstance(timeout, CancelTimeout):
            yield from self._cancel(timeout.name)
            return
        name: Hashable
        match timeout:
            case StateTimeout():
                name = Timer.STATE
            case EventTimeout():
                name = Timer.EVENT
            case NamedTimeout(name=given):
                name = given
        yield from self._cancel(name)
        if math.isinf(timeout.seconds):
            return
        self._numbers += 1
        self._timers[name] = _Running(
            self._numbers, Happened(timeout.event, timeout.content, Source.TIMEOUT), timeout.seconds > 0
        )
        if timeout.seconds > 0:
            yield StartTimer(name, self._numbers, timeout.seconds)
        else:
            self._due.append((name, self._numbers))

    def _cancel(self, name: Hashable) -> Iterator[Effect[S, E]]:
        running = self._timers.pop(name, None)
        if running is not None and running.outside:
            yield CancelTimer(name)


_Timeout = StateTimeout[E] | EventTimeout[E] | NamedTimeout[E] | CancelTimeout


def _listed(actions: Actions[E]) -> Sequence[Action[E]]:
    if actions is None:
        return ()
    return actions if isinstance(actions, Sequence) and not isinstance(actions, str) else (actions,)
