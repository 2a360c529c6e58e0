"""Requests that are sent without waiting: OTP's send_request, wait_response, receive_response, check_response."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, boom, do, spec

from supervision import NOREPLY, Ref, Response, Restart, Tree, VirtualClock, crashed
from supervision.errors import ActorExited, CallSelf, CallTimeout, NoProcess, RequestAbandoned
from supervision.ref import cell_of

Starter = Callable[..., Ref]


@pytest.fixture
def start(tree: Tree) -> Starter:
    """Start a temporary probe."""

    def started(id: str = "a", *args: Any) -> Ref:
        ref = tree.start_child(spec(id, Probe, *args, restart=Restart.TEMPORARY))
        assert ref is not None
        return ref

    return started


def test_several_requests_are_on_their_way_at_once(start: Starter) -> None:
    """Sent without waiting, handled in order; each answer is at its own request, as often as it is asked for."""
    ref, held = start(), Gate()
    ref.cast(lambda _: held.pass_through())

    requests = [ref.send_request(number) for number in range(3)]
    assert not any(request.check() for request in requests)
    held.set()

    assert [request.wait() for request in requests] == [0, 1, 2]
    assert [request.wait(0) for request in requests] == [0, 1, 2]
    assert all(request.check() for request in requests)
    assert "request to" in repr(requests[0])


@pytest.mark.parametrize("reply_to", ["t/b", 5, Probe])
def test_who_is_to_hear_of_the_answer_is_checked_in_the_caller(start: Starter, reply_to: Any) -> None:
    """What is no handle is refused, and nothing is sent: it would be the other's failure."""
    ref = start()

    with pytest.raises(TypeError, match="expected a Ref"):
        ref.send_request(boom, reply_to=reply_to)
    assert do(ref, lambda _: "well") == "well"


def test_a_listener_that_fails_cannot_keep_an_end_from_being_told(tree: Tree, start: Starter) -> None:
    """Whoever waits, is linked or watches hears of the end; the actor is down."""
    ref, watcher, journal = start(), start("watcher", Journal()), Journal()
    request = ref.send_request(lambda *_: NOREPLY)
    request._request.listener = boom
    other = ref.send_request(lambda *_: NOREPLY, reply_to=tree.start_child(spec("hears", Probe, journal)))
    ref.monitor(watcher)
    do(ref)

    ref.exit(crashed("end"))

    assert ref.join() == crashed("end")
    assert not ref.is_alive()
    with pytest.raises(ActorExited):
        other.wait()
    assert tree.start_child(spec("a", Probe)) is not None


def test_a_wait_that_timed_out_can_be_repeated(start: Starter, clock: VirtualClock, timers: Journal) -> None:
    """wait_response: the request stands. 0 does not wait."""
    ref, held, outcome = start(), Gate(), Journal()
    request = ref.send_request(lambda *_: held.pass_through() or "late")

    def wait() -> None:
        with pytest.raises(CallTimeout) as raised:
            request.wait(5.0)
        outcome(raised.value.timeout)

    with pytest.raises(CallTimeout):
        request.wait(0)
    waiter = threading.Thread(target=wait)
    waiter.start()
    timers.wait(5.0)
    clock.advance(5.0)
    waiter.join()
    held.set()

    assert outcome.notes == [5.0]
    assert request.wait() == "late"


def test_everyone_who_waits_for_a_request_is_woken(start: Starter, timers: Journal) -> None:
    """Several threads may wait for one answer."""
    ref, held, outcome = start(), Gate(), Journal()
    request = ref.send_request(lambda *_: held.pass_through() or "answer")
    waiters = [threading.Thread(target=lambda: outcome(request.wait(7.0))) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    timers.wait_until(lambda notes: notes.count(7.0) == 3)

    held.set()
    for waiter in waiters:
        waiter.join()

    assert outcome.notes == ["answer"] * 3


def test_a_request_that_is_abandoned_is_neither_handled_nor_answered(start: Starter) -> None:
    """In the mailbox it is passed over; in a handler's hands its answer goes nowhere; nothing is kept of it."""
    journal, held = Journal(), Gate()
    ref = start("a", journal)
    in_hand = ref.send_request(lambda *_: journal("begun") or held.pass_through() or "late")
    waiting = ref.send_request(lambda *_: journal("never"))
    journal.wait("begun")

    for request in (in_hand, waiting):
        request.abandon()
        with pytest.raises(RequestAbandoned):
            request.wait()
    held.set()
    do(ref)

    assert journal.notes == ["begun"]
    assert cell_of(ref)._open == set()


def test_an_answer_that_is_there_cannot_be_abandoned(start: Starter) -> None:
    """The twin: it came first, and stays."""
    request = start().send_request("x")
    assert request.wait() == "x"

    request.abandon()

    assert request.wait() == "x"


def test_receive_abandons_what_does_not_come_in_time(start: Starter) -> None:
    """receive_response: after its timeout the request is given up; in time it is as wait."""
    ref, held = start(), Gate()
    request = ref.send_request(lambda *_: held.pass_through())

    with pytest.raises(CallTimeout):
        request.receive(0)
    with pytest.raises(RequestAbandoned):
        request.wait()
    held.set()

    assert ref.send_request("x").receive() == "x"


def test_what_becomes_of_the_actor_is_told_where_one_waits(start: Starter) -> None:
    """It ends before it replies: ActorExited. It was down already: NoProcess, at once. Sending never fails."""
    ref = start()
    request = ref.send_request(boom)
    with pytest.raises(ActorExited) as raised:
        request.wait()
    assert isinstance(raised.value.__cause__, Boom)
    ref.join()

    late = ref.send_request("x")

    assert late.check()
    with pytest.raises(NoProcess):
        late.wait()
    with pytest.raises(NoProcess):
        pickle.loads(pickle.dumps(ref)).send_request("x")


def test_an_actor_hears_of_the_answer_as_a_message(start: Starter) -> None:
    """``reply_to``: one Response for each request, also for one that failed; so no actor has to block."""
    journal = Journal()
    asker, ref, held = start("asker", journal), start(), Gate()
    ref.cast(lambda _: held.pass_through())

    good, bad = ref.send_request("x", reply_to=asker), ref.send_request(boom, reply_to=asker)
    abandoned = ref.send_request("y", reply_to=asker)
    abandoned.abandon()
    do(asker)
    assert journal.notes == []
    held.set()
    journal.wait_for(2)
    ref.join()
    dead = ref.send_request("z", reply_to=asker)
    do(asker)

    assert journal.notes == [Response(good), Response(bad), Response(dead)]
    assert good.wait(0) == "x"


def test_a_second_reply_makes_no_second_response(start: Starter) -> None:
    """The first answer is the answer, and is told once."""
    journal = Journal()
    asker, ref = start("asker", journal), start()

    request = ref.send_request(
        lambda _, from_: (from_.reply(1) and from_.reply(2)) or NOREPLY, reply_to=asker
    )
    do(ref)
    do(asker)

    assert journal.notes == [Response(request)]


def test_an_actor_that_waits_for_itself_is_told(start: Starter) -> None:
    """A request to itself is fine, and answered when the handler has returned; waiting there would last for ever."""
    journal = Journal()
    ref = start("a", journal)

    def ask_self(actor: Any) -> Any:
        request = actor.ref.send_request("x")
        with pytest.raises(CallSelf):
            request.wait()
        return request

    assert do(ref, ask_self).wait() == "x"


def test_a_request_is_open_until_it_is_answered(start: Starter) -> None:
    """A reply that comes later, from anywhere, is the request's as it is a call's."""
    ref, asked = start(), Journal()
    request = ref.send_request(lambda _, from_: asked(from_) or NOREPLY)
    asked.wait_for(1)

    assert not request.check()
    assert asked.notes[0].reply("later")

    assert request.wait() == "later"
