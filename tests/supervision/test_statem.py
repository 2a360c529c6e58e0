"""The state machine mechanism."""

from __future__ import annotations

import enum
import math
import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from supervision.errors import SupervisionError
from supervision.statem import IllegalTransition, TransitionTable


class State(enum.Enum):
    SHUT = "shut"
    OPEN = "open"
    GONE = "gone"


class Event(enum.Enum):
    PUSH = "push"
    PULL = "pull"
    BREAK = "break"


ROWS: Mapping[State, Mapping[Event, State]] = {
    State.SHUT: {Event.PUSH: State.OPEN, Event.BREAK: State.GONE},
    State.OPEN: {Event.PULL: State.SHUT, Event.PUSH: State.OPEN},
    State.GONE: {},
}
DOOR = TransitionTable("a door", State.SHUT, ROWS)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_pair_leads_where_the_table_says_or_is_refused(state: State, event: Event) -> None:
    """A legal event gives the declared state; every other raises, and takes() tells beforehand."""
    target = ROWS[state].get(event)

    assert DOOR.takes(state, event) is (target is not None)
    if target is not None:
        assert DOOR.next(state, event) is target
    else:
        with pytest.raises(IllegalTransition):
            DOOR.next(state, event)


def test_an_illegal_event_changes_nothing() -> None:
    """After the refusal the table answers as before, and the legal event is still taken."""
    before = list(DOOR.edges())
    with pytest.raises(IllegalTransition):
        DOOR.next(State.SHUT, Event.PULL)

    assert list(DOOR.edges()) == before
    assert DOOR.next(State.SHUT, Event.PUSH) is State.OPEN


def test_the_refusal_teaches_and_pickles() -> None:
    """The text says who, in which state, got what, and what it could have taken."""
    with pytest.raises(IllegalTransition) as raised:
        DOOR.next(State.SHUT, Event.PULL)

    assert str(raised.value) == "a door that is shut cannot take 'pull'; it can take push, break"
    assert isinstance(raised.value, SupervisionError)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.subject, copy.state, copy.event, copy.possible) == (
        "a door",
        "shut",
        "pull",
        ("push", "break"),
    )
    with pytest.raises(IllegalTransition, match="nothing: it is a final state"):
        DOOR.next(State.GONE, Event.PUSH)


def test_a_final_state_takes_nothing() -> None:
    """A state is final exactly when its row is empty."""
    assert [state for state in State if DOOR.is_final(state)] == [State.GONE]


def test_a_table_must_be_total() -> None:
    """A state without a row is a mistake of the declaration, named when it is made."""
    with pytest.raises(ValueError, match="a door: no row for gone; a final state has an empty one"):
        TransitionTable("a door", State.SHUT, {State.SHUT: {Event.PUSH: State.OPEN}, State.OPEN: {}})


def test_every_state_must_be_reachable() -> None:
    """A state that nothing leads to is dead code, named when the table is made."""
    with pytest.raises(ValueError, match="a door: nothing leads to gone, open"):
        TransitionTable(
            "a door", State.SHUT, {State.SHUT: {}, State.OPEN: {Event.PUSH: State.GONE}, State.GONE: {}}
        )


def test_the_table_keeps_what_was_checked() -> None:
    """Changing the mapping that was given changes no machine."""
    rows = {state: dict(row) for state, row in ROWS.items()}
    table = TransitionTable("a door", State.SHUT, rows)
    rows[State.SHUT].clear()

    assert table.next(State.SHUT, Event.PUSH) is State.OPEN


def test_the_diagram_is_the_table() -> None:
    """The Mermaid text has the initial state, every edge, and the final states."""
    assert DOOR.as_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> shut",
        "    shut --> open: push",
        "    shut --> gone: break",
        "    open --> shut: pull",
        "    open --> open: push",
        "    gone --> [*]",
    ]


def test_a_table_says_what_waits_and_what_happens_by_itself() -> None:
    """Postponed events and timeouts are declared beside the rows, asked for by state, and part of the diagram."""
    table = TransitionTable(
        "a door",
        State.SHUT,
        ROWS,
        postponed={State.SHUT: [Event.PULL], State.OPEN: []},
        timeouts={State.OPEN: (2.5, Event.PULL)},
    )

    assert table.postpones(State.SHUT, Event.PULL)
    assert not table.postpones(State.OPEN, Event.PULL)
    assert not table.takes(State.SHUT, Event.PULL)
    assert table.timeout_of(State.OPEN) == (2.5, Event.PULL)
    assert table.timeout_of(State.SHUT) is None
    assert table.event_types == (Event,)
    assert table.as_mermaid().splitlines()[4:] == [
        "    open --> shut: pull after 2.5 s",
        "    open --> open: push",
        "    note right of shut: postpones pull",
        "    gone --> [*]",
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"postponed": {State.SHUT: [Event.PUSH]}}, "shut both takes and postpones push"),
        ({"postponed": {State.GONE: [Event.PUSH]}}, "gone is final and cannot postpone"),
        ({"timeouts": {State.OPEN: (0, Event.PULL)}}, "the timeout of open is 0; expected seconds > 0"),
        ({"timeouts": {State.OPEN: (math.inf, Event.PULL)}}, "the timeout of open is inf"),
        (
            {"timeouts": {State.SHUT: (1.0, Event.PULL)}},
            "shut does not take 'pull', the event of its timeout",
        ),
    ],
    ids=str,
)
def test_what_contradicts_the_rows_is_refused(options: Any, complaint: str) -> None:
    """When the table is made, by what is wrong."""
    with pytest.raises(ValueError, match=complaint):
        TransitionTable("a door", State.SHUT, ROWS, **options)


class Phase(enum.Enum):
    COLD = enum.auto()
    WARM = enum.auto()


class Step(enum.IntEnum):
    HEAT = 1
    COOL = 2


def test_members_without_a_text_go_by_their_names() -> None:
    """``enum.auto()`` and numbers are fine: in the diagram, in an illegal event's text, in what is wrong with a table."""
    heater = TransitionTable(
        "a heater",
        Phase.COLD,
        {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {Step.COOL: Phase.COLD}},
        postponed={Phase.COLD: [Step.COOL]},
        timeouts={Phase.WARM: (5.0, Step.COOL)},
    )

    assert heater.as_mermaid().splitlines()[1:] == [
        "    [*] --> COLD",
        "    COLD --> WARM: HEAT",
        "    WARM --> COLD: COOL after 5 s",
        "    note right of COLD: postpones COOL",
    ]
    with pytest.raises(IllegalTransition, match="that is WARM cannot take 'HEAT'; it can take COOL"):
        heater.next(Phase.WARM, Step.HEAT)


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ({Phase.COLD: {}}, {}, "no row for WARM"),
        ({Phase.COLD: {}, Phase.WARM: {}}, {}, "nothing leads to WARM"),
        (
            {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {}},
            {"postponed": {Phase.COLD: [Step.HEAT]}},
            "COLD both takes and postpones HEAT",
        ),
        (
            {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {}},
            {"postponed": {Phase.WARM: [Step.HEAT]}},
            "WARM is final",
        ),
        (
            {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {}},
            {"timeouts": {Phase.COLD: (0, Step.HEAT)}},
            "timeout of COLD",
        ),
        (
            {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {}},
            {"timeouts": {Phase.COLD: (1.0, Step.COOL)}},
            "COLD does not take 'COOL'",
        ),
    ],
)
def test_a_wrong_table_of_members_without_a_text_is_told(rows: Any, more: Any, told: str) -> None:
    """The ValueError names them, too."""
    with pytest.raises(ValueError, match=told):
        TransitionTable("a heater", Phase.COLD, rows, **more)


class Mood(enum.Enum):
    WAITING = "waiting for input"
    END = "end"
    S4 = "s4"
    DASHED = 'in-flight "x"'


class Word(enum.Enum):
    SAID = "said: yes; no #1"


def test_what_mermaid_would_misread_is_quoted() -> None:
    """A state that is no plain word, or one of Mermaid's, has one and a description; labels have no sign of Mermaid's."""
    table = TransitionTable(
        "a talk",
        Mood.WAITING,
        {
            Mood.WAITING: {Word.SAID: Mood.END},
            Mood.END: {Word.SAID: Mood.S4},
            Mood.S4: {Word.SAID: Mood.DASHED},
            Mood.DASHED: {},
        },
    )

    label = "said#58; yes#59; no #35;1"
    assert table.as_mermaid().splitlines() == [
        "stateDiagram-v2",
        '    state "waiting for input" as s1',
        '    state "end" as s2',
        '    state "in-flight #quot;x#quot;" as s4_',
        "    [*] --> s1",
        f"    s1 --> s2: {label}",
        f"    s2 --> s4: {label}",
        f"    s4 --> s4_: {label}",
        "    s4_ --> [*]",
    ]
