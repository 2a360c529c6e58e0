"""The actor around a transition table: gen_statem's calls, casts, timeouts and ends, with the tree's clock."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, joined, spec

from supervision import (
    IGNORE,
    NORMAL,
    SHUTDOWN,
    Continue,
    ExitReason,
    Ref,
    Restart,
    Started,
    StateMachine,
    Stop,
    TransitionTable,
    Tree,
    VirtualClock,
    sys,
)
from supervision.errors import ActorExited, StartError
from supervision.events import StateChanged
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.state_actions import (
    Actions,
    Answer,
    CancelTimeout,
    Happened,
    Illegal,
    NamedTimeout,
    NextEvent,
    StateTimeout,
)
from supervision.state_machine import Input
from supervision.statem import IllegalTransition


class State(enum.Enum):
    SHUT = "shut"
    OPEN = "open"
    GONE = "gone"


class Event(enum.Enum):
    PUSH = "push"
    PULL = "pull"
    KNOCK = "knock"
    ENTER = "enter"
    BREAK = "break"


class Door(StateMachine[State, Event]):
    """Opens, and shuts by itself; whoever wants to enter waits until it is open."""

    table = TransitionTable(
        "a door",
        State.SHUT,
        {
            State.SHUT: {Event.PUSH: State.OPEN, Event.KNOCK: State.SHUT, Event.BREAK: State.GONE},
            State.OPEN: {
                Event.PULL: State.SHUT,
                Event.KNOCK: State.OPEN,
                Event.ENTER: State.OPEN,
                Event.BREAK: State.GONE,
            },
            State.GONE: {},
        },
        postponed={State.SHUT: [Event.ENTER]},
        timeouts={State.OPEN: (30.0, Event.PULL)},
    )

    def init(self, journal: Journal | None = None, start: Any = None, at_terminate: Any = None) -> Any:
        self.journal = journal or Journal()
        self.at_terminate = at_terminate
        return start

    def handle_event(self, happened: Happened[Event]) -> Actions[Event]:
        if callable(happened.content):
            result: Actions[Event] = happened.content(self, happened)
            return result
        self.journal((happened.event.value, happened.content))
        return Answer(happened.from_, self.state.value) if happened.from_ is not None else None

    def state_enter(self, old: State, new: State) -> Actions[Event]:
        self.journal((old.value, new.value))
        return None

    def handle_other(self, message: Any) -> Actions[Event]:
        self.journal(("other", message))
        return NextEvent(Event.KNOCK, message) if message == "knock" else None

    def terminate(self, reason: ExitReason) -> None:
        self.journal(("terminate", self.state.value, reason))
        if self.at_terminate is not None:
            self.at_terminate()


Starter = Callable[..., Ref]


@pytest.fixture
def journal() -> Journal:
    """What the machines note."""
    return Journal()


@pytest.fixture
def start(tree: Tree, journal: Journal) -> Starter:
    """Start a door."""

    def started(kind: type[Any] = Door, start: Any = None, **options: Any) -> Ref:
        ref = tree.start_child(spec("door", kind, journal, start, restart=Restart.TEMPORARY, **options))
        assert ref is not None
        return ref

    return started


def test_events_come_by_call_cast_and_send(start: Starter, journal: Journal) -> None:
    """Bare, or with content; each in its turn; a call is answered by the handler, in the state before the event."""
    ref = start()

    ref.cast(Event.PUSH)
    ref.send(Input(Event.KNOCK, "twice"))
    assert ref.call(Input(Event.PULL, "shut it")) == "open"
    assert ref.call(Event.KNOCK) == "shut"

    assert journal.notes == [
        ("shut", "shut"),
        ("push", None),
        ("shut", "open"),
        ("knock", "twice"),
        ("pull", "shut it"),
        ("open", "shut"),
        ("knock", None),
    ]


def test_a_postponed_call_is_answered_in_a_later_state(start: Starter) -> None:
    """It waits, and so does its caller, until the state takes it."""
    ref = start()
    pending = ref.send_request(Event.ENTER)
    assert ref.call(Event.KNOCK) == "shut"
    assert not pending.check()

    ref.cast(Event.PUSH)

    assert pending.wait() == "open"


def test_an_answer_may_come_with_a_later_event(start: Starter, journal: Journal) -> None:
    """The machine is free meanwhile; ``from_.reply`` from anywhere is as good."""
    ref, asked = start(), Journal()
    pending = ref.send_request(Input(Event.KNOCK, lambda _, happened: asked(happened.from_)))
    assert ref.call(Event.KNOCK) == "shut"

    ref.cast(Input(Event.PUSH, lambda *_: Answer(asked.notes[0], "late")))

    assert pending.wait() == "late"


def test_timeouts_are_on_the_trees_clock(
    start: Starter, clock: VirtualClock, timers: Journal, journal: Journal
) -> None:
    """The declared one of the state, and a handler's own; the first ends with the state."""
    ref = start()
    ref.cast(Input(Event.PUSH, lambda *_: [NamedTimeout("n", 100.0, Event.KNOCK, "named")]))
    timers.wait(30.0)
    timers.wait(100.0)

    clock.advance(29.9)
    assert ref.call(Event.KNOCK) == "open"
    clock.advance(0.1)
    assert ref.call(Event.KNOCK) == "shut"
    ref.call(Event.PUSH)
    ref.call(Event.PULL)
    clock.advance(70.0)
    assert ref.call(Event.KNOCK) == "shut"

    assert ("knock", "named") in journal.notes
    assert [note for note in journal.notes if note[0] == "pull"] == [("pull", None)] * 2


def test_nothing_is_kept_of_a_timer_that_ended(start: Starter, clock: VirtualClock) -> None:
    """Expired, replaced or cancelled: names may be as many as one likes."""
    ref, machines = start(), Journal()
    named = [NamedTimeout(name, 5.0 + name, Event.KNOCK) for name in range(3)]
    ref.call(Input(Event.KNOCK, lambda actor, h: [machines(actor._machine), *named, Answer(h.from_)][1:]))
    again = [NamedTimeout(0, 50.0, Event.KNOCK), CancelTimeout(1)]
    ref.call(Input(Event.KNOCK, lambda _, h: [*again, Answer(h.from_)]))

    clock.advance(10.0)
    ref.call(Event.KNOCK)

    assert set(machines.notes[0].timers) == {0}
    clock.advance(50.0)
    ref.call(Event.KNOCK)
    assert machines.notes[0].timers == {}


def test_a_timer_that_was_cancelled_as_it_fired_means_nothing(
    start: Starter, clock: VirtualClock, timers: Journal, journal: Journal
) -> None:
    """Its message lies in the mailbox behind the event that ends it: it is dropped, as OTP flushes it."""
    ref, held = start(), Gate()
    ref.cast(Input(Event.KNOCK, lambda *_: StateTimeout(5.0, Event.KNOCK, "late")))
    timers.wait(5.0)
    ref.cast(Input(Event.PUSH, lambda *_: held.pass_through()))
    clock.advance(5.0)
    held.set()
    ref.call(Event.KNOCK)

    assert ("knock", "late") not in journal.notes


def test_an_illegal_event_crashes_the_machine(start: Starter, journal: Journal) -> None:
    """With the typed error, after terminate; its caller has it as the cause."""
    ref = start()

    with pytest.raises(ActorExited) as raised:
        ref.call(Event.PULL)

    assert isinstance(raised.value.__cause__, IllegalTransition)
    reason = joined(ref)
    assert isinstance(reason, Crashed)
    assert journal.notes[-1] == ("terminate", "shut", reason)


def test_an_illegal_event_may_be_refused(start: Starter) -> None:
    """As declared: the caller is told, a cast is dropped, the machine goes on."""

    class Polite(Door):
        illegal = Illegal.REFUSE

    ref = start(Polite)

    with pytest.raises(IllegalTransition, match="a door that is shut cannot take 'pull'"):
        ref.call(Event.PULL)
    ref.cast(Event.PULL)

    assert ref.call(Event.KNOCK) == "shut"


def test_a_handler_that_fails_crashes_the_machine(start: Starter) -> None:
    """As in any actor; who waits is told, those that are postponed, too."""
    ref = start()
    waiting = ref.send_request(Event.ENTER)

    def fail(*_: Any) -> Any:
        raise Boom

    ref.cast(Input(Event.KNOCK, fail))

    assert isinstance(joined(ref), Crashed)
    with pytest.raises(ActorExited, match="Boom"):
        waiting.wait()


def test_a_final_state_is_the_end(start: Starter, journal: Journal, clock: VirtualClock) -> None:
    """``normal``, after its entry and terminate; replies of its last event came before, as in stop_and_reply."""
    held = Gate()
    ref = start(kwargs={"at_terminate": held.pass_through})
    ref.call(Event.PUSH)
    pending = ref.send_request(Event.BREAK)

    assert pending.wait() == "open"
    held.set()
    assert joined(ref) == NORMAL
    assert journal.notes[-3:] == [("break", None), ("open", "gone"), ("terminate", "gone", NORMAL)]


def test_a_handler_may_stop_the_machine(start: Starter, clock: VirtualClock) -> None:
    """With any reason; its timers end with it."""
    ref, machines = start(), Journal()
    ref.call(Event.PUSH)

    ref.cast(Input(Event.KNOCK, lambda actor, _: machines(actor._machine) or Stop(SHUTDOWN)))

    assert joined(ref) == SHUTDOWN
    (running,) = machines.notes[0].timers.values()
    assert not running.timer.is_pending()


def test_other_messages_are_no_events(start: Starter, journal: Journal) -> None:
    """What is sent and is no event goes to handle_other, which may make one of it; a call or cast of it crashes."""
    ref = start()
    ref.send("knock")
    ref.send("other")
    ref.call(Event.KNOCK)

    assert journal.notes[1:4] == [("other", "knock"), ("knock", "knock"), ("other", "other")]
    with pytest.raises(ActorExited, match="Door takes no calls; it was sent 'pull'"):
        ref.call("pull")
    ref = start()
    ref.cast("pull")
    assert "takes no casts" in str(joined(ref))


def test_init_may_act_ignore_stop_or_inform(start: Starter, tree: Tree, journal: Journal) -> None:
    """Actions are carried out after the starter was answered; the rest is as for any actor."""
    ref = start(start=[NextEvent(Event.PUSH)])
    assert ref.call(Event.KNOCK) == "open"
    ref.stop()
    assert tree.start_child(spec("ignored", Door, None, IGNORE)) is None
    with pytest.raises(StartError, match="shutdown"):
        start(start=Stop(SHUTDOWN))
    informed = start(start=Started("info"))
    assert informed.info == "info"
    assert informed.call(Event.KNOCK) == "shut"
    informed.stop()
    for refused in (Continue(1), Started(1, Continue(1))):
        with pytest.raises(StartError, match="expected None, actions, IGNORE, Stop"):
            start(start=refused)


def test_a_machine_shows_its_state(tree: Tree, start: Starter, events: Journal) -> None:
    """In the tree, in events, to sys.get_state as (state, data); which can be replaced, without an entry."""
    ref = start()
    ref.call(Event.PUSH)

    assert tree.as_text().splitlines()[-1] == "└─ door  state=open"
    (event,) = events.of(StateChanged)
    assert event.describe() == f"{ref.name}: shut -> open by push"
    state, data = sys.get_state(ref)
    assert (state, set(data)) == (State.OPEN, {"journal", "at_terminate"})
    sys.replace_state(ref, lambda both: (State.SHUT, both[1]))
    assert ref.call(Event.KNOCK) == "shut"


def test_a_machine_whose_members_have_no_text_is_shown_by_their_names(tree: Tree, events: Journal) -> None:
    """In the tree, in events and in the error of who called in vain."""

    class Phase(enum.Enum):
        COLD = enum.auto()
        WARM = enum.auto()

    class Step(enum.Enum):
        HEAT = enum.auto()

    class Heater(StateMachine[Phase, Step]):
        table = TransitionTable(
            "a heater", Phase.COLD, {Phase.COLD: {Step.HEAT: Phase.WARM}, Phase.WARM: {Step.HEAT: Phase.COLD}}
        )

    ref = tree.start_child(spec("heater", Heater))
    assert ref is not None
    ref.cast(Step.HEAT)

    assert sys.get_state(ref)[0] is Phase.WARM
    assert tree.as_text().splitlines()[-1] == "└─ heater  state=WARM"
    (event,) = events.of(StateChanged)
    assert event.describe() == f"{ref.name}: COLD -> WARM by HEAT"


@pytest.mark.parametrize("state", [5, (State.OPEN,), {"journal": None}])
def test_a_replacement_that_is_no_pair_is_refused(start: Starter, state: Any) -> None:
    """Named, with what was expected; the machine stays as it is."""
    ref = start()

    with pytest.raises(TypeError, match="expected a pair"):
        sys.replace_state(ref, lambda _: state)

    assert ref.call(Event.KNOCK) == "shut"


def test_a_machine_holds_still_and_goes_on(start: Starter) -> None:
    """sys.suspend and resume, as for any actor."""
    ref = start()
    sys.suspend(ref)
    pending = ref.send_request(Event.KNOCK)
    assert sys.get_status(ref).status["state"][0] is State.SHUT
    assert not pending.check()

    sys.resume(ref)

    assert pending.wait() == "shut"


def test_a_machine_is_watched_like_any_actor(start: Starter, tree: Tree) -> None:
    """Its crash is its supervisor's business; nothing is left of it."""
    ref = start()

    ref.cast(Event.PULL)
    joined(ref)

    assert tree.registry.whereis(ref.name) is None
    assert cell_of(ref)._open == set()


def test_a_state_that_is_none_of_the_tables_is_not_taken(start: Starter) -> None:
    """``sys.replace_state`` is told; the machine stays as it was."""
    ref = start()
    with pytest.raises(TypeError, match="state 'open': expected a member of State"):
        sys.replace_state(ref, lambda state: ("open", state[1]))

    assert ref.call(Event.KNOCK) == "shut"
