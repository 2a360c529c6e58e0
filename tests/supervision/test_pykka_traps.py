"""pykka's seven traps, each closed: for our actors, and for plain pykka actors where they have it.

And what stays of pykka: its references, futures and proxies, on our actors too.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from scripted import Boom, Gate, Journal, Probe, TrappingProbe, boom, crash, do, joined, named, spec

from supervision import KILLED, NOREPLY, NORMAL, Ref, Restart, Stop, Tree, crashed
from supervision._pykka import AskedFrom, Envelope, Inbox
from supervision.cell import Cell
from supervision.errors import ActorExited, CallTimeout, StartError
from supervision.exit_reason import Crashed
from supervision.ref import cell_of
from supervision.supervisor import which_children

#: Real seconds after which an ask is taken to wait for ever.
FOREVER = 20.0


class Plain(pykka.ThreadingActor):
    """An actor as written for pykka; *journal* hears its hooks, messages that can be called are run."""

    def __init__(self, journal: Journal | None = None, on_start: Callable[[], object] | None = None) -> None:
        super().__init__()
        self.journal = journal or Journal()
        self._on_start = on_start

    def on_start(self) -> None:
        self.journal("on_start")
        if self._on_start is not None:
            self._on_start()

    def on_stop(self) -> None:
        self.journal("on_stop")

    def on_failure(self, *error: Any) -> None:
        self.journal("on_failure")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.journal(message)
        return message


@pytest.fixture(params=[TrappingProbe, Plain])
def any_kind(request: pytest.FixtureRequest) -> type[Any]:
    """Our actor and pykka's."""
    kind: type[Any] = request.param
    return kind


def started(tree: Tree, kind: type[Any], *args: Any, id: str = "a") -> Ref:
    """Start a temporary child."""
    ref = tree.start_child(spec(id, kind, *args, restart=Restart.TEMPORARY))
    assert ref is not None
    return ref


def pykka_ref(ref: Ref, kind: type[Any]) -> pykka.ActorRef[Any]:
    """Return pykka's own reference to the actor."""
    own: pykka.ActorRef[Any] = (
        ref.call(lambda actor: actor.actor_ref) if kind is Plain else do(ref, lambda actor: actor.actor_ref)
    )
    return own


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


# What pykka provides, on our actors


def test_pykkas_ask_tell_and_futures_work_on_our_actors(tree: Tree) -> None:
    """``ask`` is a call, ``tell`` a cast; with block=False the answer is pykka's future; From works as for calls."""
    journal = Journal()
    own = do(started(tree, Probe, journal), lambda actor: actor.actor_ref)

    own.tell("told")
    assert own.ask("asked", timeout=FOREVER) == "asked"
    assert own.ask("later", block=False).get(timeout=FOREVER) == "later"

    def answers_twice(_: Any, from_: Any) -> Any:
        journal((from_.reply("first"), from_.reply("second"), from_.fail(Boom())))
        return "third"

    assert own.ask(answers_twice, timeout=FOREVER) == "first"
    assert own.ask("lives", timeout=FOREVER) == "lives"
    assert journal.notes == ["told", (True, False, False)]


def test_pykkas_ask_ends_our_actor_by_stop(tree: Tree) -> None:
    """``Stop`` with a reply answers the asker; without one the asker learns that the actor is gone."""
    one, two = started(tree, Probe, id="one"), started(tree, Probe, id="two")

    assert (
        do(one, lambda actor: actor.actor_ref).ask(lambda *_: Stop(NORMAL, "bye"), timeout=FOREVER) == "bye"
    )
    with pytest.raises(pykka.ActorDeadError, match="normal"):
        do(two, lambda actor: actor.actor_ref).ask(lambda *_: Stop(NORMAL), timeout=FOREVER)

    assert joined(one) == joined(two) == NORMAL


def test_pykkas_stop_ends_our_actor_and_waits(tree: Tree) -> None:
    """After terminate, as pykka's stop returns after on_stop; a second one says that it was dead."""
    journal = Journal()
    ref = started(tree, Probe, journal)
    own = do(ref, lambda actor: actor.actor_ref)

    assert own.stop(timeout=FOREVER)

    assert journal.notes == [("terminate", "a", NORMAL)]
    assert not own.is_alive()
    assert not own.stop(timeout=FOREVER)
    assert joined(ref) == NORMAL


def test_our_actor_may_stop_itself_as_pykka_actors_do(tree: Tree) -> None:
    """``self.stop()`` from inside: normal, after terminate."""
    journal = Journal()
    ref = started(tree, Probe, journal)

    ref.cast(lambda actor: actor.stop())

    assert joined(ref) == NORMAL
    assert journal.notes == [("terminate", "a", NORMAL)]


def quit_python(_: Any) -> None:
    """Do what ends a Python program."""
    raise SystemExit(3)


class Counter(Probe):
    """An actor to be used through a proxy."""

    count = 0

    def add(self, number: int) -> int:
        """Count on."""
        self.count += number
        return self.count

    def fail(self) -> None:
        """Fail."""
        raise Boom


def test_pykkas_proxies_work_on_our_actors(tree: Tree) -> None:
    """Methods, attributes read and set; an exception goes to the caller and, as in any handler, ends the actor."""
    ref = started(tree, Counter)
    proxy: Any = do(ref, lambda actor: actor.actor_ref).proxy()

    assert proxy.add(2).get(timeout=FOREVER) == 2
    proxy.count = 40
    assert proxy.add(2).get(timeout=FOREVER) == 42
    assert proxy.count.get(timeout=FOREVER) == 42
    proxy.add.defer(1)
    assert proxy.count.get(timeout=FOREVER) == 43
    with pytest.raises(Boom):
        proxy.fail().get(timeout=FOREVER)

    assert "Boom" in str(joined(ref))


# Plain actors under a supervisor, unchanged


@pytest.mark.parametrize(
    ("end", "text", "hooks"),
    [
        (lambda own: own.tell(boom), "crashed(Boom)", ["on_start", "on_failure"]),
        (lambda own: own.tell(lambda actor: actor.stop()), "normal", ["on_start", "on_stop"]),
        (lambda own: own.stop(), "normal", ["on_start", "on_stop"]),
        (
            lambda own: own.tell(quit_python),
            "crashed(SystemExit: 3)",
            ["on_start", "on_stop"],
        ),
    ],
    ids=["crash in tell", "stop from inside", "ref.stop", "BaseException"],
)
def test_a_supervisor_sees_every_end_of_a_plain_actor(
    tree: Tree, events: Journal, end: Callable[[Any], Any], text: str, hooks: list[str]
) -> None:
    """With the right exit reason; its hooks run as pykka runs them, and it is restarted."""
    journal = Journal()
    tree.start_child(spec("a", Plain, journal))
    old = named(tree, "a")

    end(pykka_ref(old, Plain))

    assert str(joined(old)) == text
    (row,) = which_children(tree.root)
    assert row.restarts == 1
    assert row.ref is not None
    assert row.ref.incarnation != old.incarnation
    assert journal.notes == [*hooks, "on_start"]
    assert f"{old.name} ended: {text}" in [event.describe() for event in events.notes]


def test_a_plain_actor_is_stopped_with_its_on_stop(tree: Tree) -> None:
    """Its supervisor's shutdown runs on_stop, as pykka's stop does: it knows no exit signals."""
    journal = Journal()
    ref = started(tree, Plain, journal)

    tree.stop()

    assert journal.notes == ["on_start", "on_stop"]
    assert str(joined(ref)) == "shutdown"


def test_a_plain_actor_dies_of_another_link(tree: Tree) -> None:
    """A crashed peer takes it along, without on_stop; a normal end of the peer does not."""
    journal = Journal()
    ref = started(tree, Plain, journal)
    done, broken = started(tree, Probe, id="done"), started(tree, Probe, id="broken")
    cell_of(ref).ties.link(cell_of(done).ties)
    cell_of(ref).ties.link(cell_of(broken).ties)

    done.stop(NORMAL)
    assert ref.call("lives") == "lives"
    crash(broken)

    assert str(joined(ref)) == "crashed(Boom)"
    assert journal.notes == ["on_start", "lives"]


@pytest.mark.parametrize("hook", ["on_stop", "on_failure"])
def test_a_hook_that_fails_is_the_exit_reason(tree: Tree, hook: str) -> None:
    """The last thing that went wrong is told."""

    class Failing(Plain):
        def on_stop(self) -> None:
            raise ValueError("in the hook")

        on_failure = on_stop

    ref = started(tree, Failing)

    pykka_ref(ref, Plain).tell(boom if hook == "on_failure" else lambda actor: actor.stop())

    assert "Error" in str(joined(ref))


def test_a_plain_actor_takes_casts_sends_and_calls(tree: Tree) -> None:
    """All of them reach on_receive; it is shown in the tree without a status."""
    journal = Journal()
    ref = started(tree, Plain, journal)

    ref.cast("cast")
    ref.send("sent")
    assert ref.call("called") == "called"

    assert journal.notes == ["on_start", "cast", "sent", "called"]
    assert tree.as_text().splitlines()[-1] == "└─ a"


def test_a_killed_plain_actor_ends_its_thread(tree: Tree) -> None:
    """Waiting for a message, or busy: it does nothing more, and no hook runs."""
    journal, held = Journal(), Gate()
    idle, busy = started(tree, Plain, journal, id="idle"), started(tree, Plain, journal, id="busy")

    def hold(_: Any) -> None:
        journal("busy")
        held.pass_through()

    busy.cast(hold)
    journal.wait("busy")

    for ref in (idle, busy):
        ref.exit(KILLED)
    held.set()

    for ref in (idle, busy):
        thread = cell_of(ref).thread
        assert thread is not None
        thread.join()
    assert journal.notes == ["on_start", "on_start", "busy"]


def test_a_plain_class_that_was_supervised_is_still_pykkas() -> None:
    """The class itself is unchanged: outside a tree it is a pykka actor as before."""
    own = Plain.start()

    assert own.ask("x", timeout=FOREVER) == "x"
    assert pykka.ActorRegistry.get_all() == [own]
    own.stop()
