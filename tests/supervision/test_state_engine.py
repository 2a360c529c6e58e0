"""The pure core of gen_statem: what is handled in which order, what waits, and what is to be done outside."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from supervision import NORMAL, SHUTDOWN, Stop
from supervision.state_actions import (
    POSTPONE,
    REPEAT_STATE,
    Actions,
    Answer,
    CancelTimeout,
    EventTimeout,
    Happened,
    Illegal,
    NamedTimeout,
    NextEvent,
    Source,
    StateTimeout,
    Timer,
)
from supervision.state_engine import CancelTimer, Ended, Moved, Refused, StartTimer, StateEngine
from supervision.statem import IllegalTransition, TransitionTable


class State(enum.Enum):
    DOWN = "down"
    UP = "up"
    GONE = "gone"


class Event(enum.Enum):
    OPEN = "open"
    CLOSE = "close"
    PUSH = "push"
    NOTE = "note"
    SEND = "send"
    LEAVE = "leave"


TABLE: TransitionTable[State, Event] = TransitionTable(
    "a gate",
    State.DOWN,
    {
        State.DOWN: {
            Event.OPEN: State.UP,
            Event.NOTE: State.DOWN,
            Event.PUSH: State.DOWN,
            Event.LEAVE: State.GONE,
        },
        State.UP: {
            Event.CLOSE: State.DOWN,
            Event.NOTE: State.UP,
            Event.PUSH: State.UP,
            Event.SEND: State.UP,
            Event.LEAVE: State.GONE,
        },
        State.GONE: {},
    },
    postponed={State.DOWN: {Event.SEND}},
    timeouts={State.UP: (10.0, Event.CLOSE)},
)


class Script:
    """Handlers that note what they are asked, and answer what the content of an event says."""

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self.on_enter: Callable[[State, State], Any] = lambda *_: None

    def handle_event(self, happened: Happened[Event]) -> Actions[Event]:
        if callable(happened.content):
            self.notes.append(happened.event.value)
            result: Actions[Event] = happened.content()
            return result
        self.notes.append(happened.event.value if happened.content is None else happened.content)
        return None

    def state_enter(self, old: State, new: State) -> Actions[Event]:
        self.notes.append((old.value, new.value))
        actions: Actions[Event] = self.on_enter(old, new)
        return actions


class Machine:
    """An engine with its script and every effect so far."""

    def __init__(self, illegal: Illegal = Illegal.CRASH) -> None:
        self.script = Script()
        self.engine = StateEngine(TABLE, self.script, illegal)
        self.effects: list[Any] = []

    def begin(self, actions: Actions[Event] = None) -> None:
        self.effects += self.engine.begin(actions)

    def take(self, event: Event, content: Any = None, **more: Any) -> None:
        self.effects += self.engine.take(Happened(event, content, **more))

    def do(self, event: Event, actions: Any) -> None:
        """Let *event* happen, whose handler returns *actions*."""
        self.take(event, lambda: actions)

    def fire(self, name: Any) -> None:
        """Let the timer *name* expire, as started last."""
        numbers = [effect.number for effect in self.of(StartTimer) if effect.name == name]
        self.effects += self.engine.expired(name, numbers[-1])

    def of(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def notes(self) -> list[Any]:
        return self.script.notes


@pytest.fixture
def machine() -> Machine:
    """A machine that has begun, its notes empty."""
    made = Machine()
    made.begin()
    made.notes.clear()
    return made


def up(machine: Machine) -> Machine:
    """Bring *machine* into its second state, its notes empty."""
    machine.take(Event.OPEN)
    machine.notes.clear()
    return machine


# States


def test_the_table_says_where_an_event_leads(machine: Machine) -> None:
    """The handler runs in the old state, the entry in the new one; Moved tells of it."""
    seen: list[State] = []
    machine.script.on_enter = lambda *_: seen.append(machine.engine.state)

    machine.take(Event.OPEN, lambda: seen.append(machine.engine.state))

    assert seen == [State.DOWN, State.UP]
    assert machine.notes == ["open", ("down", "up")]
    assert machine.of(Moved) == [Moved(State.DOWN, Event.OPEN, State.UP)]


def test_the_initial_state_is_entered() -> None:
    """With itself as the old one, as gen_statem does; the actions of the start come first."""
    machine = Machine()

    machine.begin([NextEvent(Event.NOTE, "first"), Answer("from", 1)])

    assert machine.notes == [("down", "down"), "first"]
    assert machine.effects == [Answer("from", 1)]


def test_staying_is_no_entry_unless_it_is_repeated(machine: Machine) -> None:
    """gen_statem's repeat_state runs the entry again; nothing else of a change happens: no timer ends, nothing retries."""
    machine.take(Event.NOTE)
    assert machine.notes == ["note"]
    machine.take(Event.SEND)
    machine.do(Event.NOTE, StateTimeout(5.0, Event.OPEN))

    machine.do(Event.NOTE, REPEAT_STATE)

    assert machine.notes == ["note", "note", "note", ("down", "down")]
    assert machine.of(CancelTimer) == machine.of(Moved) == []
    assert machine.engine.postponed == (Happened(Event.SEND),)


def test_a_final_state_ends_the_machine(machine: Machine) -> None:
    """With ``normal``, after its entry; nothing that waits is handled."""
    machine.do(Event.LEAVE, NextEvent(Event.NOTE, "never"))

    assert machine.notes == ["leave", ("down", "gone")]
    assert machine.of(Ended) == [Ended(NORMAL)]
    assert machine.engine.ended


@pytest.mark.parametrize("where", ["event", "entry"])
def test_stop_ends_the_machine_at_once(machine: Machine, where: str) -> None:
    """With its reason, after the replies before it (stop_and_reply); a handler that stops changes no state."""
    actions = [Answer("from", 1), Stop(SHUTDOWN), Answer("from", 2)]
    if where == "event":
        machine.do(Event.OPEN, actions)
        assert machine.engine.state is State.DOWN
    else:
        machine.script.on_enter = lambda *_: actions
        machine.take(Event.OPEN)
        assert machine.engine.state is State.UP

    assert machine.effects[-2:] == [Answer("from", 1), Ended(SHUTDOWN)]
    machine.take(Event.NOTE)
    assert "note" not in machine.notes


@pytest.mark.parametrize("illegal", Illegal)
def test_what_the_table_does_not_take_is_dealt_with_as_declared(illegal: Illegal) -> None:
    """A crash by IllegalTransition, a refusal told to who called, or nothing; the state stays in each case."""
    machine = Machine(illegal)
    machine.begin()

    def illegal_event() -> None:
        machine.take(Event.CLOSE, from_="from")
        machine.take(Event.CLOSE)

    if illegal is Illegal.CRASH:
        with pytest.raises(IllegalTransition, match="a gate that is down cannot take 'close'"):
            illegal_event()
    else:
        illegal_event()
    refused = [effect.happened.from_ for effect in machine.of(Refused)]
    assert refused == (["from"] if illegal is Illegal.REFUSE else [])
    assert machine.engine.state is State.DOWN
    assert machine.notes == [("down", "down")]


# What waits


def test_postponed_events_come_back_in_order_when_the_state_changes(machine: Machine) -> None:
    """Declared by the table: no handler sees them before; then before what came later, after the entry."""
    for content in ("one", "two"):
        machine.take(Event.SEND, content)
    machine.take(Event.NOTE, "between")
    assert machine.notes == ["between"]

    machine.take(Event.OPEN)

    assert machine.notes == ["between", "open", ("down", "up"), "one", "two"]
    assert machine.engine.postponed == ()


def test_a_handler_may_postpone(machine: Machine) -> None:
    """gen_statem's postpone: again after the next change of state, even if it is by this very event."""
    later = iter([POSTPONE, None])
    machine.take(Event.NOTE, lambda: next(later))
    machine.take(Event.NOTE, "other")
    assert machine.notes == ["note", "other"]

    once = iter([POSTPONE, None])
    up_and_again = Happened(Event.OPEN, lambda: next(once))
    with pytest.raises(IllegalTransition, match="that is up cannot take 'open'"):
        machine.effects += machine.engine.take(up_and_again)

    assert machine.notes == ["note", "other", "open", ("down", "up"), "note"]


def test_what_is_postponed_again_keeps_its_place(machine: Machine) -> None:
    """After a change into another state that postpones it, it waits on, in order."""
    machine.take(Event.SEND, "one")
    up(machine)
    machine.take(Event.CLOSE)
    machine.take(Event.SEND, "two")
    machine.take(Event.SEND, "three")

    machine.take(Event.OPEN)

    assert machine.notes[-2:] == ["two", "three"]


def test_inserted_events_come_before_those_that_wait(machine: Machine) -> None:
    """next_event: in their order, before postponed ones that come back, before anything from outside."""
    machine.take(Event.SEND, "postponed")

    machine.do(Event.OPEN, [NextEvent(Event.NOTE, "one"), NextEvent(Event.NOTE, "two")])

    assert machine.notes == ["open", ("down", "up"), "one", "two", "postponed"]


def test_postponed_events_come_before_those_that_were_inserted_earlier(machine: Machine) -> None:
    """An event inserted before the change waits in the queue, and what comes back goes ahead of it."""
    machine.take(Event.SEND, "postponed")

    machine.do(Event.NOTE, [NextEvent(Event.OPEN), NextEvent(Event.NOTE, "inserted earlier")])

    assert machine.notes == ["note", "open", ("down", "up"), "postponed", "inserted earlier"]


def test_an_inserted_event_is_internal(machine: Machine) -> None:
    """The handler can tell where an event comes from."""
    seen: list[Source] = []
    handle = machine.script.handle_event

    def note_source(happened: Happened[Event]) -> Actions[Event]:
        seen.append(happened.source)
        return handle(happened)

    machine.script.handle_event = note_source  # type: ignore[method-assign]
    machine.do(Event.NOTE, [NextEvent(Event.NOTE), StateTimeout(1.0, Event.NOTE)])
    machine.fire(Timer.STATE)
    machine.take(Event.NOTE, source=Source.INFO)

    assert seen == [Source.CAST, Source.INTERNAL, Source.TIMEOUT, Source.INFO]


@pytest.mark.parametrize("action", [NextEvent(Event.NOTE), POSTPONE, "rubbish"], ids=repr)
def test_entry_can_neither_insert_nor_postpone(machine: Machine, action: Any) -> None:
    """gen_statem's rule: on entry there is no event to postpone, and none that comes before those that wait."""
    machine.script.on_enter = lambda *_: action if action != "rubbish" else [action]

    with pytest.raises(TypeError, match="on entry of a state"):
        machine.take(Event.OPEN)


def test_an_entry_can_be_repeated(machine: Machine) -> None:
    """gen_statem's repeat_state from a state enter call: entered again, from itself, with what it had asked for."""
    left = [[REPEAT_STATE, StateTimeout(5.0, Event.NOTE)], REPEAT_STATE]
    machine.script.on_enter = lambda *_: left.pop(0) if left else None

    machine.take(Event.OPEN)

    assert machine.notes == ["open", ("down", "up"), ("up", "up"), ("up", "up")]
    assert [effect.seconds for effect in machine.of(StartTimer)] == [10.0, 5.0]
    assert len(machine.of(Moved)) == 1


def test_rubbish_is_no_action(machine: Machine) -> None:
    """What a handler returned is named."""
    for rubbish in (["rubbish"], "rubbish"):
        with pytest.raises(TypeError, match="'rubbish' is no action here"):
            machine.do(Event.NOTE, rubbish)


@pytest.mark.parametrize(
    ("action", "named"),
    [
        (lambda: StateTimeout(-1, Event.NOTE), "a timeout of -1: expected seconds >= 0"),
        (lambda: EventTimeout(math.nan, Event.NOTE), "a timeout of nan"),
        (lambda: NamedTimeout("n", True, Event.NOTE), "a timeout of True"),
        (lambda: NamedTimeout("n", cast(Any, "5"), Event.NOTE), "a timeout of '5'"),
        (lambda: NamedTimeout(Timer.STATE, 5.0, Event.NOTE), "the machine's own"),
        (lambda: NextEvent(cast(Any, "note")), "event 'note': expected a member"),
        (lambda: StateTimeout(1.0, cast(Any, "note")), "event 'note'"),
    ],
)
def test_an_action_is_checked_where_it_is_made(action: Callable[[], Any], named: str) -> None:
    """A negative time, a name that is the machine's own, an event that is none."""
    with pytest.raises((TypeError, ValueError), match=re.escape(named)):
        action()


def test_actions_may_come_without_an_event(machine: Machine) -> None:
    """For messages that are no events: inserted events, timeouts, answers."""
    machine.effects += machine.engine.do(
        [Answer("from", 1), NextEvent(Event.NOTE), StateTimeout(5.0, Event.OPEN)]
    )

    assert machine.notes == ["note"]
    assert machine.effects == [Answer("from", 1), StartTimer(Timer.STATE, 1, 5.0)]


# Timeouts


def test_a_declared_timeout_begins_with_its_state(machine: Machine) -> None:
    """And its event happens by itself; staying in the state does not restart it, leaving it ends it."""
    machine.take(Event.OPEN)
    assert machine.of(StartTimer) == [StartTimer(Timer.STATE, 1, 10.0)]
    machine.take(Event.NOTE)
    assert len(machine.of(StartTimer)) == 1

    machine.fire(Timer.STATE)

    assert machine.engine.state is State.DOWN
    assert machine.of(CancelTimer) == []
    machine.take(Event.OPEN)
    machine.take(Event.CLOSE)
    assert machine.of(CancelTimer) == [CancelTimer(Timer.STATE)]


@pytest.mark.parametrize("where", ["event", "entry"])
def test_a_state_timeout_of_a_handler_replaces_the_declared_one(machine: Machine, where: str) -> None:
    """It belongs to the state that its event leads to; the last one set is the one that runs."""
    mine = StateTimeout(3.0, Event.NOTE, "mine")
    if where == "entry":
        machine.script.on_enter = lambda *_: mine

    machine.do(Event.OPEN, mine if where == "event" else None)
    machine.script.on_enter = lambda *_: None
    *_, last = machine.of(StartTimer)
    assert (last.name, last.seconds) == (Timer.STATE, 3.0)
    machine.effects += machine.engine.expired(Timer.STATE, 1)
    assert "mine" not in machine.notes, "the declared one was replaced"
    machine.fire(Timer.STATE)

    assert machine.notes[-1] == "mine"
    assert machine.engine.state is State.UP


def test_a_state_timeout_ends_with_its_state_and_late_ones_mean_nothing(machine: Machine) -> None:
    """Its number is old: what the clock still tells of it changes nothing."""
    machine.do(Event.NOTE, StateTimeout(5.0, Event.NOTE, "late"))
    (timer,) = machine.of(StartTimer)

    machine.take(Event.OPEN)
    machine.effects += machine.engine.expired(timer.name, timer.number)

    assert CancelTimer(Timer.STATE) in machine.effects
    assert "late" not in machine.notes


def test_an_event_timeout_ends_with_any_event(machine: Machine) -> None:
    """Also one that is postponed, and a message that is none of the table's; alone, its event happens."""
    machine.do(Event.NOTE, EventTimeout(5.0, Event.NOTE, "too late"))
    machine.effects += machine.engine.do(None)
    machine.fire(Timer.EVENT)
    for other in (Event.NOTE, Event.SEND):
        machine.do(Event.NOTE, EventTimeout(5.0, Event.NOTE, "too late"))
        machine.take(other)
        machine.fire(Timer.EVENT)
    assert machine.of(CancelTimer) == [CancelTimer(Timer.EVENT)] * 3
    assert "too late" not in machine.notes

    machine.do(Event.NOTE, EventTimeout(5.0, Event.NOTE, "alone"))
    machine.fire(Timer.EVENT)

    assert machine.notes[-1] == "alone"


def test_named_timeouts_outlive_states_and_events(machine: Machine) -> None:
    """Any number of them; one of the same name replaces; they are cancelled by name, and that may be too late."""
    machine.do(Event.NOTE, [NamedTimeout("a", 5.0, Event.NOTE, "a"), NamedTimeout("b", 6.0, Event.NOTE, "b")])
    up(machine)
    machine.do(Event.NOTE, NamedTimeout("a", 7.0, Event.NOTE, "a again"))
    assert machine.of(CancelTimer) == [CancelTimer("a")]

    machine.fire("a")
    machine.do(Event.NOTE, [CancelTimeout("b"), CancelTimeout("a"), CancelTimeout(Timer.STATE)])
    machine.fire("b")

    assert [note for note in machine.notes if note != "note"] == ["a again"]
    assert machine.of(CancelTimer)[1:] == [CancelTimer("b"), CancelTimer(Timer.STATE)]


def test_a_timeout_of_zero_comes_after_what_waits_and_needs_no_clock(machine: Machine) -> None:
    """After inserted events, before anything from outside; an event timeout of zero gives way to any of them."""
    machine.do(
        Event.NOTE,
        [
            StateTimeout(0, Event.NOTE, "state"),
            EventTimeout(0, Event.NOTE, "event"),
            NamedTimeout("a", 0, Event.NOTE, "named"),
            NextEvent(Event.NOTE, "inserted"),
        ],
    )
    machine.do(Event.NOTE, EventTimeout(0, Event.NOTE, "alone"))

    assert machine.notes == ["note", "inserted", "state", "named", "note", "alone"]
    assert machine.of(StartTimer) == machine.of(CancelTimer) == []


def test_a_timeout_of_zero_that_was_replaced_comes_where_it_was_set_last(machine: Machine) -> None:
    """Once, with what it carried then."""
    zeros = [
        NamedTimeout(name, 0, Event.NOTE, content)
        for name, content in [("a", "old"), ("b", "b"), ("a", "new")]
    ]

    machine.do(Event.NOTE, zeros)

    assert machine.notes == ["note", "b", "new"]


def test_an_endless_timeout_ends_the_one_before(machine: Machine) -> None:
    """``infinity`` never comes; set over another, it cancels that."""
    up(machine)

    machine.do(Event.NOTE, StateTimeout(math.inf, Event.CLOSE))

    assert machine.effects[-1] == CancelTimer(Timer.STATE)
    assert len(machine.of(StartTimer)) == 1
