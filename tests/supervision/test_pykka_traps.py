"""pykka's seven traps, each closed: for our actors, and for plain pykka actors where they have it."""

from __future__ import annotations

import math
import threading
from typing import Any

import pykka
import pytest
from plain_actors import FOREVER, Plain, pykka_ref, started
from scripted import Boom, Gate, Journal, Probe, TrappingProbe, boom, do, joined

from supervision import KILLED, NOREPLY, NORMAL, Stop, Tree, crashed
from supervision._pykka import AskedFrom, Envelope, Inbox
from supervision.cell import Cell
from supervision.errors import ActorExited, CallTimeout, StartError
from supervision.exit_reason import Crashed
from supervision.ref import cell_of


@pytest.fixture(params=[TrappingProbe, Plain])
def any_kind(request: pytest.FixtureRequest) -> type[Any]:
    """Our actor and pykka's."""
    kind: type[Any] = request.param
    return kind


# 1


def test_trap_1_an_ask_that_lands_after_the_end_is_answered(tree: Tree, any_kind: type[Any]) -> None:
    """A reference of pykka checks that the actor is alive, then puts; here the actor ends exactly between the two."""
    ref = started(tree, any_kind)
    own = pykka_ref(ref, any_kind)
    inbox: Any = own.actor_inbox

    class EndsFirst:
        """The mailbox as the reference sees it: before its put the actor ends, and its mailbox is emptied."""

        def put(self, item: Any) -> None:
            ref.stop()
            inbox.put(item)

    own.actor_inbox = EndsFirst()  # type: ignore[assignment]

    with pytest.raises(pykka.ActorDeadError, match="ended before it replied"):
        own.ask("x", timeout=FOREVER)


def test_trap_1_our_call_that_lands_after_the_end_is_answered(tree: Tree, any_kind: type[Any]) -> None:
    """The same for our own call; and an ask in time is answered, the twin."""
    ref = started(tree, any_kind)
    assert pykka_ref(ref, any_kind).ask("x", timeout=FOREVER) == "x"
    cell: Any = cell_of(ref)
    put = cell._put

    def ends_first(item: Any) -> None:
        cell._put = put
        ref.stop()
        put(item)

    cell._put = ends_first

    with pytest.raises(ActorExited, match="shutdown"):
        ref.call("x")


def test_trap_1_the_mailbox_answers_whatever_lies_in_it_when_it_closes() -> None:
    """Asks get an error, stops are granted, tells are dropped; before and after; and its owner finds a wake-up."""
    inbox, refused = Inbox(), Journal()
    futures = [pykka.ThreadingFuture[Any]() for _ in range(4)]
    stop = pykka.messages._ActorStop()

    def refuse(question: Any) -> None:
        refused(type(question))
        question.refuse("t/a", NORMAL)

    inbox.put(Envelope("before", reply_to=futures[0]))
    inbox.put(Envelope(stop, reply_to=futures[1]))
    inbox.put(Envelope("told"))
    inbox.close(refuse)
    inbox.put(Envelope("after", reply_to=futures[2]))
    inbox.put(Envelope(stop, reply_to=futures[3]))

    for asked in (futures[0], futures[2]):
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=0)
    assert futures[1].get(timeout=0) is None
    assert futures[3].get(timeout=0) is None
    assert refused.notes == [AskedFrom, AskedFrom]
    assert not inbox.empty()


def test_trap_1_what_is_put_aside_of_a_closed_mailbox_is_answered() -> None:
    """Whoever holds still has a message in hand in the moment of its kill; before and after, it is refused."""
    inbox, futures = Inbox(), [pykka.ThreadingFuture[Any]() for _ in range(2)]

    inbox.put_aside(Envelope("before", reply_to=futures[0]))
    inbox.close(lambda question: question.refuse("t/a", KILLED))
    inbox.put_aside(Envelope("after", reply_to=futures[1]))

    for future in futures:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=0)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_trap_1_an_ask_whose_answer_was_put_off_is_answered_at_the_end(tree: Tree, how: str) -> None:
    """NOREPLY, and then the actor ends: who asked through pykka has no timeout, and is told."""
    ref = started(tree, Probe)
    future = do(ref, lambda actor: actor.actor_ref).ask(lambda *_: NOREPLY, block=False)
    do(ref)

    ref.exit(KILLED) if how == "kill" else ref.stop()

    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=FOREVER)


@pytest.mark.parametrize("signal", [True, False], ids=["signal", "kill"])
def test_trap_1_a_message_in_hand_at_the_end_is_answered(
    tree: Tree, any_kind: type[Any], signal: bool
) -> None:
    """A signal or a kill is found with an ask just taken from the mailbox: it is refused with the rest."""
    ref = started(tree, any_kind)
    own, held, busy = pykka_ref(ref, any_kind), Gate(), Gate()

    def hold(*_: Any) -> None:
        busy.set()
        held.pass_through()

    own.tell(hold)
    busy.pass_through()
    future = own.ask("x", block=False)

    if signal:
        ref.exit(crashed("x"), sender=tree.root)
    else:
        ref.exit(KILLED)
    held.set()

    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=FOREVER)


@pytest.mark.parametrize("through", ["pykka", "call"])
def test_trap_1_a_message_taken_just_before_a_kill_is_answered(
    tree: Tree, any_kind: type[Any], through: str
) -> None:
    """The narrowest place: out of the mailbox, and not yet in a handler's hands."""
    ref, outcome, taken, held = started(tree, any_kind), Journal(), Gate(), Gate()
    own: Any = pykka_ref(ref, any_kind)
    inbox: Any = cell_of(ref).inbox
    get = inbox.get

    def held_get() -> Any:
        item = get()
        taken.set()
        held.pass_through()
        return item

    inbox.get = held_get
    own.ask(lambda *_: None, timeout=FOREVER)  # from now on it takes messages through held_get

    def ask() -> None:
        try:
            outcome(own.ask("x") if through == "pykka" else ref.call("x", timeout=math.inf))
        except (pykka.ActorDeadError, ActorExited) as error:
            outcome(error)

    asker = threading.Thread(target=ask)
    asker.start()
    taken.pass_through()
    ref.exit(KILLED)
    held.set()
    asker.join(FOREVER)

    assert [str(error).endswith("killed") or "killed." in str(error) for error in outcome.notes] == [True]


@pytest.mark.parametrize("through", ["pykka", "call"])
@pytest.mark.parametrize("first", ["kill", "hand"])
def test_trap_1_a_kill_in_the_moment_in_which_a_handler_gets_its_message(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, through: str, first: str
) -> None:
    """Just before it is noted as in hand, or just after: in each case who asked is told, and soon."""
    ref = started(tree, Probe)
    own = pykka_ref(ref, Probe)

    def put(cell: Any, question: Any) -> None:
        if cell.ref == ref and question is not None and first == "kill":
            cell.kill()
        vars(cell)["hand"] = question
        if cell.ref == ref and question is not None and first == "hand":
            cell.kill()

    monkeypatch.setattr(Cell, "in_hand", property(lambda cell: vars(cell).get("hand"), put), raising=False)

    with pytest.raises((pykka.ActorDeadError, ActorExited), match="killed"):
        own.ask("x", timeout=FOREVER) if through == "pykka" else ref.call("x", timeout=math.inf)


# 2


def test_trap_2_an_exception_while_answering_an_ask_ends_our_actor(tree: Tree) -> None:
    """The asker gets the exception; the actor does not go on in a broken state, its supervisor hears of it."""
    ref = started(tree, Probe)

    with pytest.raises(Boom):
        do(ref, lambda actor: actor.actor_ref).ask(boom, timeout=FOREVER)

    reason = joined(ref)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, Boom)


def test_trap_2_a_plain_actor_keeps_pykkas_rule(tree: Tree) -> None:
    """It was written for it: an exception in an ask, or in our call, goes to the asker, and the actor lives on."""
    ref = started(tree, Plain)

    with pytest.raises(Boom):
        pykka_ref(ref, Plain).ask(boom, timeout=FOREVER)
    with pytest.raises(Boom):
        ref.call(boom)

    assert ref.call("lives") == "lives"


# 3


def test_trap_3_down_comes_after_the_last_hook(tree: Tree, any_kind: type[Any]) -> None:
    """While an actor cleans up it is not down: no watcher is told, its name is its own."""
    journal, held = Journal(), Gate()

    def clean_up(_: Any = None) -> None:
        journal("cleaning")
        held.pass_through()
        journal("cleaned")

    class Slow(any_kind):  # type: ignore[misc]
        def terminate(self, reason: Any) -> None:
            clean_up()

        def on_stop(self) -> None:
            clean_up()

    ref, watcher = started(tree, Slow), started(tree, Probe, journal, id="watcher")
    ref.monitor(watcher)
    ref.stop(timeout=0)
    journal.wait("cleaning")
    do(watcher)

    assert ref.is_alive()
    assert tree.registry.whereis(ref.name) == ref
    assert journal.notes == ["cleaning"]
    held.set()
    joined(ref)
    do(watcher)
    assert [getattr(note, "ref", note) for note in journal.notes] == ["cleaning", "cleaned", ref]
    assert tree.registry.whereis(ref.name) is None


# 4


@pytest.mark.parametrize("error", [Boom, SystemExit], ids=lambda error: error.__name__)
def test_trap_4_a_start_that_fails_is_a_failed_start(
    tree: Tree, any_kind: type[Any], error: type[BaseException]
) -> None:
    """The starter is told before it gets a ref; pykka returns one, and no hook ever runs."""
    journal = Journal()

    def fail(*_: Any) -> Any:
        raise error

    with pytest.raises(StartError, match=error.__name__):
        started(tree, any_kind, journal, fail)

    assert tree.registry.whereis(f"{tree.name}/a") is None
    assert journal.notes in ([], ["on_start"])
    assert started(tree, any_kind).is_alive(), "the id is free"


# 5


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt], ids=lambda error: error.__name__)
@pytest.mark.parametrize("asked", [True, False], ids=["ask", "tell"])
def test_trap_5_a_base_exception_ends_that_actor_alone(
    tree: Tree, any_kind: type[Any], asked: bool, error: type[BaseException]
) -> None:
    """It is that actor's exit reason; pykka would stop every actor of the process. Who asked is told."""
    bystander = Plain.start()
    sibling = started(tree, Plain, id="sibling")
    ref = started(tree, any_kind)
    own = pykka_ref(ref, any_kind)

    def fail(*_: Any) -> Any:
        raise error

    if asked:
        with pytest.raises((pykka.ActorDeadError, error)):
            own.ask(fail, timeout=FOREVER)
    else:
        own.tell(fail)

    reason = joined(ref)
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, error)
    assert bystander.is_alive()
    assert sibling.call("lives") == "lives"
    bystander.stop()


def test_trap_5_who_calls_a_plain_actor_that_fails_so_is_told(tree: Tree) -> None:
    """Our call, too: ActorExited with the reason. And on_stop runs, as pykka would have it."""
    journal = Journal()
    ref = started(tree, Plain, journal)

    def fail(_: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(ActorExited, match="SystemExit"):
        ref.call(fail)

    joined(ref)
    assert journal.notes == ["on_start", "on_stop"]


# 6


def test_trap_6_pykkas_registry_knows_none_of_ours(tree: Tree, any_kind: type[Any]) -> None:
    """So stop_all() stops pykka's own actors, and none of a tree; a registry for the process is not used."""
    ref = started(tree, any_kind)
    own = Plain.start()

    assert pykka.ActorRegistry.get_all() == [own]
    pykka.ActorRegistry.stop_all()

    assert not own.is_alive()
    assert pykka_ref(ref, any_kind).ask("x", timeout=FOREVER) == "x"
    assert tree.is_running()


# 7


def test_trap_7_whoever_is_dying_answers_nobody_any_more(tree: Tree) -> None:
    """Once a handler has said Stop, what waits in the mailbox is refused, and so is what comes; ours and pykka's."""
    journal, held, outcome = Journal(), Gate(), Journal()
    ref = started(tree, Probe, journal, None, lambda _: held.pass_through())
    own = do(ref, lambda actor: actor.actor_ref)
    entered, go = Gate(), Gate()

    def dies(_: Any) -> Stop:
        entered.set()
        go.pass_through()
        return Stop(NORMAL)

    ref.cast(dies)
    entered.pass_through()
    ref.cast("cast before the stop")
    future = own.ask("asked before the stop", block=False)
    go.set()
    journal.wait(("terminate", "a", NORMAL))

    late = ref.send_request("is it up?")
    with pytest.raises(CallTimeout):
        late.wait(0)
    with pytest.raises(pykka.ActorDeadError):
        own.ask("is it up?", timeout=FOREVER)
    ref.cast("cast after")
    held.set()
    joined(ref)
    with pytest.raises(ActorExited):
        late.wait(0)
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=FOREVER)

    assert journal.notes == [("terminate", "a", NORMAL)]
    assert outcome.notes == []


def test_trap_7_a_plain_actor_refuses_once_its_last_hook_runs(tree: Tree) -> None:
    """A plain actor handles what came before a stop, as it documents; from on_stop on nothing more."""
    journal, held = Journal(), Gate()

    class Slow(Plain):
        def on_stop(self) -> None:
            super().on_stop()
            held.pass_through()

    ref = started(tree, Slow, journal)
    own = pykka_ref(ref, Plain)
    own.tell(lambda actor: actor.stop())
    journal.wait("on_stop")

    late = ref.send_request("is it up?")
    with pytest.raises(CallTimeout):
        late.wait(0)
    with pytest.raises(pykka.ActorDeadError):
        own.ask("is it up?", timeout=FOREVER)
    held.set()
    assert joined(ref) == NORMAL
    with pytest.raises(ActorExited):
        late.wait(0)
