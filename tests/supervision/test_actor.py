"""What an actor's handlers get, and what they may answer."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    Starter,
    do,
    in_thread,
)

from supervision import (
    NOREPLY,
    SHUTDOWN,
    Actor,
    ChildSpec,
    Continue,
    Tree,
    VirtualClock,
)
from supervision.errors import ActorExited, CallTimeout
from supervision.ref import cell_of
from supervision.requests import From

# Messages


def test_call_cast_and_info_are_handled_in_order_in_the_actors_thread(start: Starter) -> None:
    """One at a time, in the order sent, none in the sender's thread."""
    journal = Journal()
    ref = start("a", Probe, journal)

    ref.cast("first")
    ref.send("second")
    ref.cast(lambda _: journal(threading.current_thread().name))
    answer = ref.call("third")

    assert answer == "third"
    assert journal.notes == ["first", "second", ref.name]


def test_continue_runs_before_any_message_and_after_the_starter_was_answered(start: Starter) -> None:
    """``init`` returning Continue(term): handle_continue(term) comes first, though messages wait already."""
    journal, opened = Journal(), Gate()

    def init(actor: Any) -> Continue:
        actor.ref.send("sent by init")
        return Continue("continued")

    def waiting(actor: Any) -> Continue:
        return Continue(lambda _: opened.pass_through())

    do(start("a", Probe, journal, init))
    late = start("b", Probe, None, waiting)  # returned: its start does not wait for handle_continue
    opened.set()
    do(late)

    assert journal.notes == ["continued", "sent by init"]


def test_a_reply_may_come_later_from_another_thread(start: Starter) -> None:
    """NOREPLY leaves the caller waiting and the actor free; the first answer counts, a later one changes nothing."""
    ref, journal, asked = start(), Journal(), Journal()

    def later(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    caller = in_thread(lambda: ref.call(later), journal)
    asked.wait_until(bool)
    assert do(ref, lambda _: "free") == "free"

    assert asked.notes[0].reply("answer")
    assert not asked.notes[0].reply("second")
    assert not asked.notes[0].fail(Boom())
    caller.join()
    assert journal.notes == ["answer"]


def test_from_can_fail_the_caller_and_the_actor_lives_on(start: Starter) -> None:
    """The caller's own mistake is raised in the caller."""
    ref = start()

    def refuse(_: Any, from_: From) -> Any:
        from_.fail(Boom("your fault"))
        return NOREPLY

    with pytest.raises(Boom, match="your fault"):
        ref.call(refuse)
    assert ref.is_alive()


def test_nothing_is_kept_of_a_call_that_was_answered(start: Starter) -> None:
    """An actor's books hold open calls only, however they are answered, or given up."""
    ref, asked = start(), Journal()

    def later(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    def at_once(_: Any, from_: From) -> Any:
        from_.reply(1)
        return NOREPLY

    assert ref.call(at_once) == 1
    assert ref.call(lambda *_: 2) == 2
    caller = in_thread(lambda: ref.call(later), Journal())
    asked.wait_until(bool)
    assert cell_of(ref)._open == set(asked.notes)
    asked.notes[0].reply(3)
    caller.join()

    assert cell_of(ref)._open == set()
    assert ref.call(lambda *_: 4) == 4
    ref.cast(lambda actor: asked(actor._cell.in_hand))
    do(ref)
    assert asked.notes[1:] == [None]


def test_nothing_is_kept_of_a_call_that_was_given_up(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """Whether its handler put the answer off before or after the caller's time ran out; a late reply is told so."""
    ref, journal, held, asked = start(), Journal(), Gate(), Journal()

    def put_off(_: Any, from_: From) -> Any:
        asked(from_)
        return NOREPLY

    def slow(_: Any, from_: From) -> Any:
        held.pass_through()
        return put_off(None, from_)

    for request in (put_off, slow):
        caller = in_thread(functools.partial(ref.call, request, timeout=5.0), journal)
        timers.wait(clock.now() + 5.0)
        if request is put_off:
            asked.wait_for(1)
        clock.advance(5.0)
        caller.join()
    held.set()
    do(ref)

    assert len(journal.of(CallTimeout)) == 2
    assert [from_.reply("late") for from_ in asked.notes] == [False, False]
    assert cell_of(ref)._open == set()


# Timers and status


def test_send_after_sends_when_the_time_has_come(start: Starter, clock: VirtualClock) -> None:
    """On the tree's clock, to handle_info; a cancelled one is not sent, one to an actor that is down is dropped."""
    journal = Journal()
    ref = start("a", Probe, journal)
    do(ref, lambda actor: actor.send_after(5.0, "later") and None)
    cancelled = do(ref, lambda actor: actor.send_after(5.0, "cancelled"))
    do(ref, lambda actor: actor.send_after(50.0, "after its end") and None)

    assert cancelled.cancel()
    clock.advance(4.9)
    do(ref)
    assert journal.notes == []
    clock.advance(0.1)
    do(ref)
    assert journal.notes == ["later"]
    ref.stop()
    clock.advance(100.0)

    assert journal.notes[1:] == [("terminate", "a", SHUTDOWN)]


@pytest.mark.parametrize("error", [Boom, SystemExit])
def test_a_status_that_fails_is_shown_as_failed(
    tree: Tree, start: Starter, error: type[BaseException]
) -> None:
    """Being looked at ends nobody."""

    class Shy(Probe):
        def status(self) -> dict[str, object]:
            raise error

    ref = start("shy", Shy)

    text = tree.as_text()

    assert "status=failed: " + error.__name__ in text
    assert ref.is_alive()


def test_an_actor_knows_itself_and_its_surroundings(tree: Tree, start: Starter) -> None:
    """Its ref, its tree's context and clock."""
    ref = start()

    assert do(ref, lambda actor: (actor.ref, actor.context is tree.context, actor.clock is tree.clock)) == (
        ref,
        True,
        True,
    )


def test_the_callers_error_leads_to_the_line_that_failed(tree: Tree) -> None:
    """ActorExited has the exception that ended the actor as its cause, traceback and all."""
    ref = tree.start_child(ChildSpec(id="broken", start=Broken))
    assert ref is not None
    with pytest.raises(ActorExited) as caught:
        ref.call("anything")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.__cause__.__traceback__ is not None


class Broken(Actor):
    """Fails at every call."""

    def handle_call(self, request: object, from_: From) -> object:
        return 1 / 0
