"""How a handler, or what goes wrong around it, ends its actor."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import (
    Boom,
    Journal,
    Probe,
    Starter,
    boom,
    in_thread,
    joined,
)

from supervision import (
    NORMAL,
    SHUTDOWN,
    Actor,
    Continue,
    Ref,
    Stop,
    VirtualClock,
    crashed,
    shutdown,
)
from supervision.errors import ActorExited
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.supervisor import which_children


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, shutdown("x"), crashed("term")], ids=str)
@pytest.mark.parametrize("by", ["call", "cast", "info", "continue"])
def test_stop_ends_the_actor_after_terminate(start: Starter, by: str, reason: Any) -> None:
    """From any handler; ``terminate`` runs with the reason, and everybody is told it."""
    journal = Journal()
    begin = (lambda _: Continue(lambda _: Stop(reason))) if by == "continue" else None
    ref = start("a", Probe, journal, begin)
    match by:
        case "call":
            assert ref.call(lambda *_: Stop(reason, "bye")) == "bye"
        case "cast":
            ref.cast(lambda _: Stop(reason))
        case "info":
            ref.send(lambda _: Stop(reason))

    assert joined(ref) == reason
    assert journal.notes == [("terminate", "a", reason)]


def test_stop_without_a_reply_is_the_callers_error(start: Starter) -> None:
    """As gen_server's ``{stop, Reason, State}``: the caller learns the reason, not a None."""
    ref = start()

    with pytest.raises(ActorExited) as raised:
        ref.call(lambda *_: Stop(shutdown("full")))

    assert raised.value.reason == shutdown("full")
    assert start("b").call(lambda *_: Stop(NORMAL, None)) is None


@pytest.mark.parametrize("by", ["call", "cast", "info", "continue"])
@pytest.mark.parametrize(
    "error", [Boom("x"), SystemExit(3), KeyboardInterrupt()], ids=lambda e: type(e).__name__
)
def test_an_exception_in_a_handler_is_the_exit_reason(start: Starter, by: str, error: BaseException) -> None:
    """Any exception ends the actor with crashed(that exception), after ``terminate``; its caller gets ActorExited."""
    journal = Journal()

    def fail(*_: Any) -> Any:
        raise error

    ref = start("a", Probe, journal, (lambda _: Continue(fail)) if by == "continue" else None)
    match by:
        case "call":
            with pytest.raises(ActorExited) as raised:
                ref.call(fail)
            assert raised.value.reason == crashed(error)
        case "cast":
            ref.cast(fail)
        case "info":
            ref.send(fail)

    assert joined(ref) == crashed(error)
    assert journal.notes == [("terminate", "a", crashed(error))]


def test_a_handler_that_returns_rubbish_crashes_with_the_remedy(start: Starter) -> None:
    """The text names the handler, what it returned, and what was expected."""
    ref = start()

    ref.cast(lambda _: "stop")

    reason = joined(ref)
    assert "handle_cast returned 'stop'; expected None or Stop(reason)" in str(reason)


@pytest.mark.parametrize("send", [lambda ref: ref.call("x"), lambda ref: ref.cast("x")], ids=["call", "cast"])
def test_what_an_actor_does_not_take_crashes_it_with_a_reason(
    start: Starter, send: Callable[[Ref], Any]
) -> None:
    """A call or cast to an actor without that handler; stray messages to ``handle_info`` are dropped, as OTP does."""
    ref = start("a", Actor)
    ref.send("stray")
    assert which_children(named_root(ref)), "the stray message was dropped"

    with contextlib.suppress(ActorExited):
        send(ref)

    assert re.search("takes no (calls|casts); it was sent 'x'", str(joined(ref)))


def named_root(ref: Ref) -> Ref:
    """Return the supervisor that started *ref*."""
    parent = cell_of(ref).parent
    assert parent is not None
    return parent


def test_a_terminate_that_raises_replaces_the_reason(start: Starter) -> None:
    """What it failed with is told, so that a failed clean-up is not called a proper end."""
    ref = start("a", Probe, None, None, boom)

    ref.cast(lambda _: Stop(NORMAL))

    reason = joined(ref)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


def test_whatever_goes_wrong_around_the_handlers_is_the_exit_reason(
    start: Starter, clock: VirtualClock
) -> None:
    """An actor whose thread ended is down, even if it was its loop that failed (here: by its clock)."""
    now = clock.now

    def failing_now() -> float:
        if threading.current_thread().name.endswith("/a"):
            raise Boom
        return now()

    vars(clock)["now"] = failing_now  # the loop looks it up when it begins
    ref = start()
    in_thread(lambda: ref.call("x", timeout=0), Journal()).join()
    reason = joined(ref)
    del vars(clock)["now"]

    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)
