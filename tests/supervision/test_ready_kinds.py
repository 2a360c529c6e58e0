"""What can await its ``ready`` besides a plain actor: functions, machines, supervisors."""

from __future__ import annotations

import enum
import functools
import math
from typing import Any

import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    in_thread,
    joined,
    named,
    spec,
)
from supervisors import ALL, refs

from supervision import (
    NORMAL,
    AwaitReady,
    Continue,
    Restart,
    StateMachine,
    Supervisor,
    SupFlags,
    TransitionTable,
    Tree,
    VirtualClock,
)
from supervision.errors import StartError
from supervision.events import ActorStarted, ActorStopped
from supervision.task import awaits_ready, ready, self_ref, stopping

# Functions


@awaits_ready
def feed(journal: Journal, held: Gate) -> None:
    """Connect, be ready, and run until told."""
    journal(self_ref())
    held.pass_through()
    journal([ready("connected"), ready("again")])
    stopping(math.inf)
    journal("told")


@pytest.mark.parametrize("wrap", [lambda function: function, functools.partial], ids=["plain", "partial"])
def test_a_function_counts_as_started_when_it_says_so(tree: Tree, wrap: Any) -> None:
    """Declared by a decorator, for it has no ``init`` to say so; found through a ``partial``, too."""
    journal, outcome, held = Journal(), Journal(), Gate()
    starter = in_thread(lambda: tree.start_child(spec("f", wrap(feed), journal, held)), outcome)
    journal.wait_for(1)
    assert outcome.notes == []
    held.set()
    starter.join()

    assert outcome.notes == [named(tree, "f")] == [journal.notes[0]]
    assert named(tree, "f").info == "connected"
    journal.wait([True, False])


def test_a_function_that_does_not_await_it_has_started_before(tree: Tree) -> None:
    """The twin: nobody waits, and ``ready`` says so. Where no function runs there is nothing to be ready."""
    journal, held = Journal(), Gate()
    ref = tree.start_child(
        spec("f", lambda: held.pass_through() or journal(ready("late")), restart=Restart.TEMPORARY)
    )
    assert ref is not None
    held.set()

    assert joined(ref) == NORMAL
    assert journal.notes == [False]
    assert ref.info is None
    with pytest.raises(LookupError):
        ready()


@pytest.mark.parametrize("end", ["return", "raise"])
def test_a_function_that_ends_before_it_is_ready_did_not_start(tree: Tree, events: Journal, end: str) -> None:
    """To return is an end with ``normal``, and no start, either."""

    @awaits_ready
    def short() -> None:
        if end == "raise":
            raise Boom

    with pytest.raises(StartError) as raised:
        tree.start_child(spec("f", short, restart=Restart.TEMPORARY))

    reason = raised.value.reason
    assert reason == NORMAL if end == "return" else isinstance(reason.error, Boom)
    assert events.of(ActorStarted) + events.of(ActorStopped) == []
    assert tree.registry.names() == (tree.name,)


def test_a_function_that_is_not_ready_in_time_is_told_to_stop(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """It hears it in ``stopping``, and has its shutdown time for it."""
    journal, outcome = Journal(), Journal()

    @awaits_ready
    def slow() -> None:
        journal(stopping(math.inf))
        journal(ready())

    starter = in_thread(lambda: tree.start_child(spec("f", slow, start_timeout=7.0)), outcome)
    timers.wait(7.0)
    clock.advance(7.0)
    starter.join()

    assert [error.reason for error in outcome.of(StartError)] == ["it was not ready within 7 s"]
    assert journal.notes == [True, False]
    assert tree.unstopped() == ()


# Machines


class Lamp(enum.Enum):
    COLD = "cold"
    LIT = "lit"


class Switch(enum.Enum):
    WARM = "warm"


class Tube(StateMachine[Lamp, Switch]):
    """A lamp that is ready when it is lit, which takes 3 s."""

    table = TransitionTable(
        "a lamp",
        Lamp.COLD,
        {Lamp.COLD: {Switch.WARM: Lamp.LIT}, Lamp.LIT: {Switch.WARM: Lamp.LIT}},
        timeouts={Lamp.COLD: (3.0, Switch.WARM)},
    )

    def init(self, answer: Any) -> Any:
        return answer

    def state_enter(self, old: Lamp, new: Lamp) -> None:
        if new is Lamp.LIT:
            self.ready(new)


def test_a_machine_is_ready_in_the_state_that_says_so(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """It enters its initial state, and its timeouts run, while its starter waits."""
    outcome = Journal()
    starter = in_thread(lambda: tree.start_child(spec("m", Tube, AwaitReady(), start_timeout=7.0)), outcome)
    timers.wait(3.0)
    assert outcome.notes == []
    clock.advance(3.0)
    starter.join()

    assert outcome.notes == [named(tree, "m")]
    assert named(tree, "m").info is Lamp.LIT


def test_a_machine_that_awaits_it_cannot_continue(tree: Tree) -> None:
    """As with ``Started``: what a machine does first is to enter its state."""
    with pytest.raises(
        StartError, match=r"expected None, actions, IGNORE, Stop, Started\(info\) or AwaitReady\(\)"
    ):
        tree.start_child(spec("m", Tube, AwaitReady(Continue(1))))


# Supervisors


def test_a_supervisor_can_wait_for_its_own_word(tree: Tree) -> None:
    """A supervisor is an actor: its children run, and it starts when it says so."""

    class Careful(Supervisor):
        def init(self, flags: SupFlags = ALL, specs: Any = ()) -> Any:
            return super().init(flags, specs) or AwaitReady()

        def handle_cast(self, message: Any) -> None:
            self.ready(message)

    outcome, journal = Journal(), Journal()
    child = spec("a", Probe, None, lambda actor: journal(actor.ref))
    careful = spec("sup", Careful, ALL, [child], type="supervisor", restart=Restart.TEMPORARY)
    starter = in_thread(lambda: tree.start_child(careful), outcome)
    journal.wait_for(1)
    sup = named(tree, "sup")
    assert refs(sup) == {"a": journal.notes[0]}
    assert outcome.notes == []

    sup.cast("complete")
    starter.join()

    assert outcome.notes == [sup]
    assert sup.info == "complete"
