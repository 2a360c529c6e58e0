"""The actor that runs a declared transition table: OTP's gen_statem, its events an enumeration, its data the instance.

What is done in which order is in ``state_engine``, pure; this is the mailbox and the clock around it.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar, final

import attrs

from supervision.actor import Actor
from supervision.clock import Timer
from supervision.events import StateChanged
from supervision.exit_reason import ExitReason
from supervision.messages import NOREPLY, AwaitReady, Continue, Ignore, Started, Stop, Timeout
from supervision.requests import From
from supervision.state_actions import Actions, Answer, Happened, Illegal, Source
from supervision.state_engine import CancelTimer, Effect, Ended, Moved, Refused, StartTimer, StateEngine
from supervision.statem import TransitionTable, word_of

__all__ = ["Input", "StateMachine"]

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


@final
@attrs.frozen
class Input(Generic[E]):
    """An event with something to go with it, to be called, cast or sent; a bare event needs none."""

    event: E
    content: Any = None


@final
@attrs.frozen
class _Begin:
    actions: Any


@final
@attrs.frozen
class _Expired:
    name: Hashable
    number: int


class StateMachine(Actor, Generic[S, E]):
    """Subclass this, declare the table, and write what is done at its transitions.

    ``ref.call(EVENT)`` waits until a handler returns ``Answer``, then or later; ``ref.cast(EVENT)`` and
    ``ref.send(EVENT)`` do not wait. Where an event leads is the table's; what follows from it, the handler's. In a final
    state the actor ends with ``normal``.
    """

    #: The transitions, with the events that a state postpones and the timeouts of states.
    table: TransitionTable[S, E]
    #: What becomes of an event that the table does not take.
    illegal: Illegal = Illegal.CRASH

    def __init__(self) -> None:
        super().__init__()
        self._machine: _Machine[S, E] = _Machine(StateEngine(self.table, self, self.illegal))

    # Callbacks

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set up; returns None, actions, ``IGNORE``, ``Stop(reason)``, ``Started(info)`` or ``AwaitReady()``.

        The initial state is entered, and the actions are carried out, after the starter was answered; after
        ``AwaitReady()`` before that, by ``ready``.
        """
        return None

    def handle_event(self, happened: Happened[E]) -> Actions[E]:
        """Do what belongs to an event that the table takes in ``self.state``; returns None, an action, or several."""
        return None

    def state_enter(self, old: S, new: S) -> Actions[E]:
        """Do what belongs to entering a state; also run for the initial one, with itself as *old*."""
        return None

    def handle_other(self, message: Any) -> Actions[E]:
        """Handle what came by ``send`` and is no event: ``Down``, ``Exit``; may return ``NextEvent``. The default drops it."""
        return None

    # For the subclass

    @property
    @final
    def state(self) -> S:
        """The state; while ``handle_event`` runs, the one before the transition."""
        return self._machine.engine.state

    # What Actor asks for

    @final
    def handle_call(self, request: Any, from_: From) -> Any:
        """See ``handle_event``."""
        happened = self._event(request, Source.CALL, from_)
        if happened is None:
            return super().handle_call(request, from_)
        return self._carry_out(self._machine.engine.take(happened)) or NOREPLY

    @final
    def handle_cast(self, message: Any) -> Stop | None:
        """See ``handle_event``."""
        happened = self._event(message, Source.CAST)
        if happened is None:
            super().handle_cast(message)
            return None
        return self._carry_out(self._machine.engine.take(happened))

    @final
    def handle_info(self, message: Any) -> Stop | None:
        """See ``handle_event`` and ``handle_other``."""
        engine = self._machine.engine
        if isinstance(message, _Expired):
            timers = self._machine.timers
            if message.name in timers and timers[message.name].number == message.number:
                del timers[message.name]
            return self._carry_out(engine.expired(message.name, message.number))
        happened = self._event(message, Source.INFO)
        if happened is None:
            return self._carry_out(engine.do(self.handle_other(message)))
        return self._carry_out(engine.take(happened))

    @final
    def handle_continue(self, term: Any) -> Stop | None:
        """Enter the initial state."""
        return self._carry_out(self._machine.engine.begin(term.actions))

    def status(self) -> Mapping[str, object]:
        return {"state": word_of(self.state)}

    def system_get_state(self) -> tuple[S, dict[str, Any]]:
        """Return the state and the data, as gen_statem's ``get_state`` does."""
        return self.state, super().system_get_state()

    def system_replace_state(self, state: tuple[S, dict[str, Any]]) -> None:
        """Take over state and data; the new state is not entered, as in gen_statem.

        Raises:
            TypeError: It is no such pair, or the state is not one of the table's.
        """
        if not isinstance(state, tuple) or len(state) != 2:
            raise TypeError(
                f"{state!r}: expected a pair, as get_state gives it: a state and a dict of attributes"
            )
        new, data = state
        if not isinstance(new, type(self.state)):
            raise TypeError(f"state {new!r}: expected a member of {type(self.state).__name__}")
        super().system_replace_state(data)
        self._machine.engine.state = new

    def _after_init(self, result: Any) -> Any:
        if isinstance(result, Ignore | Stop):
            return result
        if isinstance(result, Started | AwaitReady) and result.then is None:
            return attrs.evolve(result, then=Continue(_Begin(None)))
        if isinstance(result, Continue | Timeout | Started | AwaitReady):
            raise TypeError(
                f"init of a StateMachine returned {result!r}; expected None, actions, IGNORE, Stop, Started(info) or "
                "AwaitReady()"
            )
        return Continue(_Begin(result))

    def _event(self, message: Any, source: Source, from_: From | None = None) -> Happened[E] | None:
        event, content = (message.event, message.content) if isinstance(message, Input) else (message, None)
        return Happened(event, content, source, from_) if isinstance(event, self.table.event_types) else None

    def _carry_out(self, effects: Iterator[Effect[S, E]]) -> Stop | None:
        for effect in effects:
            match effect:
                case StartTimer(name, number, seconds):
                    self._start_timer(name, number, seconds)
                case CancelTimer(name):
                    self._machine.timers.pop(name).timer.cancel()
                case Answer(from_, value):
                    from_.reply(value)
                case Refused(happened, error):
                    happened.from_.fail(error)
                case Moved(old, event, new):
                    self._tell(old, event, new)
                case Ended(reason):
                    return self._end(reason)
        return None

    def _start_timer(self, name: Hashable, number: int, seconds: float) -> None:
        expired, ref = _Expired(name, number), self.ref
        timer = self.clock.call_at(self.clock.now() + seconds, lambda: ref.send(expired))
        self._machine.timers[name] = _Running(number, timer)

    def _tell(self, old: S, event: E, new: S) -> None:
        events = self.context.events
        if events.active:
            events.emit(
                StateChanged(
                    actor=self.ref.name,
                    incarnation=self.ref.incarnation,
                    old=word_of(old),
                    event=word_of(event),
                    new=word_of(new),
                )
            )

    def _end(self, reason: ExitReason) -> Stop:
        for running in self._machine.timers.values():
            running.timer.cancel()
        return Stop(reason)


@final
@attrs.frozen
class _Running:
    number: int
    timer: Timer


@final
@attrs.define(eq=False)
class _Machine(Generic[S, E]):
    """What a state machine has besides its data."""

    engine: StateEngine[S, E]
    timers: dict[Hashable, _Running] = attrs.field(factory=dict)
