"""What only a mutation showed: ends, ties and timeouts in moments that hardly ever come."""

from __future__ import annotations

import math
from typing import Any

import pykka
import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    Starter,
    TrappingProbe,
    boom,
    crash,
    do,
    in_thread,
    joined,
    spec,
)

from supervision import (
    NORMAL,
    ChildSpec,
    Exit,
    Ref,
    Stop,
    Tree,
    VirtualClock,
    shutdown,
    sys,
)
from supervision.errors import ActorExited, CallTimeout, NoProcess, StartError
from supervision.events import ActorStopped
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.starting import start_child


class PlainFailing(pykka.ThreadingActor):
    def on_start(self) -> None:
        raise Boom


@pytest.mark.parametrize(
    "child", [spec("a", Probe, None, boom), spec("a", PlainFailing)], ids=["ours", "plain"]
)
def test_a_failed_start_is_told_once(tree: Tree, start: Starter, events: Journal, child: ChildSpec) -> None:
    """By the starter's error: its parent gets no exit signal for it as well, and no event says that it ended."""
    journal = Journal()
    parent = start("parent", TrappingProbe, journal)
    events_before = events.notes

    with pytest.raises(StartError):
        start_child(child, tree.context, f"{parent.name}/a", parent)
    do(parent)

    assert journal.notes == []
    assert events.notes == events_before


def test_a_child_that_ends_after_its_start_is_told_to_its_parent(
    tree: Tree, start: Starter, events: Journal
) -> None:
    """The twin: one signal, one event."""
    journal = Journal()
    parent = start("parent", TrappingProbe, journal)

    child = start_child(spec("a"), tree.context, f"{parent.name}/a", parent)
    assert isinstance(child, Ref)
    crash(child)
    do(parent)

    assert [note.ref for note in journal.of(Exit)] == [child]
    assert [note.actor for note in events.of(ActorStopped)] == [child.name]


def test_two_that_link_each_other_at_once_do_not_wait_for_each_other(start: Starter) -> None:
    """Whoever links whom, the two locks are taken in one order: else each could hold the lock that the other wants."""
    taken = Journal()

    class Noting:
        """The lock of an actor's ties that notes when it is taken."""

        def __init__(self, name: str, lock: Any) -> None:
            self.name, self.lock = name, lock

        def __enter__(self) -> None:
            self.lock.acquire()
            taken(self.name)

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    a, b = cell_of(start("a")).ties, cell_of(start("b")).ties
    for name, ties in (("a", a), ("b", b)):
        vars(ties)["_lock"] = Noting(name, ties._lock)

    a.link(b)
    b.link(a)

    first, second, third, fourth = taken.notes
    assert {first, second} == {"a", "b"}
    assert (third, fourth) == (first, second)


@pytest.mark.parametrize("given", ["normal", "kill", 5])
def test_an_end_without_an_exit_reason_is_refused_in_the_caller(start: Starter, given: Any) -> None:
    """``stop``, ``exit`` and ``Stop`` check it; the actor lives on."""
    ref = start("a")
    for end in (ref.stop, ref.exit, Stop):
        with pytest.raises(TypeError, match="expected NORMAL"):
            end(given)

    assert ref.call("well") == "well"


def test_a_watcher_or_link_that_is_no_handle_is_refused(start: Starter) -> None:
    """Named, with what was expected; nothing is tied."""
    ref = start("a")
    for tie in (ref.monitor, ref.link, ref.unlink):
        with pytest.raises(TypeError, match="expected a Ref"):
            tie("b")  # type: ignore[arg-type]

    def arm(actor: Any) -> None:
        with pytest.raises(TypeError, match="expected a Ref"):
            actor.send_after(1.0, "x", to="b")

    do(ref, arm)
    assert cell_of(ref).ties.surroundings().monitored_by == ()


def test_a_call_during_terminate_waits_for_the_end(start: Starter) -> None:
    """As OTP's: the caller is told the exit reason, as those are who called before; so is a request without a wait."""
    journal, held, outcomes, asked = Journal(), Gate(), Journal(), Journal()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    cell: Any = cell_of(ref)
    opened = cell.opened
    cell.opened = lambda question: asked(opened(question))
    ref.cast(lambda _: Stop(shutdown("enough")))
    journal.wait(("terminate", "a", shutdown("enough")))

    caller = in_thread(lambda: ref.call("is it up?"), outcomes)
    request = ref.send_request("is it up?")
    asked.wait_for(2)
    assert not request.check()
    held.set()
    caller.join()

    assert [error.reason for error in outcomes.of(ActorExited)] == [shutdown("enough")]
    with pytest.raises(ActorExited):
        request.wait(0)
    joined(ref)
    with pytest.raises(NoProcess):
        ref.call("is it up?")


def test_a_call_during_terminate_has_its_timeout(
    start: Starter, clock: VirtualClock, timers: Journal
) -> None:
    """However long terminate takes."""
    journal, held, outcomes = Journal(), Gate(), Journal()
    ref = start("a", Probe, journal, None, lambda _: held.pass_through())
    ref.cast(lambda _: Stop(NORMAL))
    journal.wait(("terminate", "a", NORMAL))

    caller = in_thread(lambda: ref.call("is it up?", timeout=2.5), outcomes)
    timers.wait(2.5)
    clock.advance(2.5)
    caller.join()
    held.set()

    assert len(outcomes.of(CallTimeout)) == 1
    assert joined(ref) == NORMAL


def test_a_stop_that_ends_otherwise_is_told_by_join(start: Starter) -> None:
    """``stop`` says that it is down; with which reason, when terminate failed, ``join`` says."""
    ref = start("a", Probe, None, None, boom)

    assert ref.stop(shutdown("enough"))

    reason = ref.join(timeout=0)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


@pytest.mark.parametrize(
    ("given", "error"), [(None, TypeError), ("5", TypeError), (-1, ValueError), (math.nan, ValueError)]
)
def test_a_timeout_that_is_none_is_refused_in_the_caller(start: Starter, given: Any, error: Any) -> None:
    """Named, with what was expected; nothing was sent."""
    journal = Journal()
    ref = start("a", Probe, journal)
    pending = ref.send_request("asked")
    waits: list[Any] = [
        lambda: ref.call(journal, timeout=given),
        lambda: pending.wait(given),
        lambda: pending.receive(given),
        lambda: ref.stop(timeout=given),
        lambda: ref.join(timeout=given),
        lambda: sys.get_state(ref, timeout=given),
    ]

    for wait in waits:
        with pytest.raises(
            error, match=rf"timeout {given!r}: expected seconds >= 0.*math.inf waits for ever"
        ):
            wait()

    assert pending.wait() == "asked"
    assert ref.is_alive()
    assert journal.notes == []
