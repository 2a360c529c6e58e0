"""What stays of pykka on our actors: its references, futures and proxies."""

from __future__ import annotations

from typing import Any

import pykka
import pytest
from plain_actors import FOREVER, started
from scripted import Boom, Journal, Probe, do, joined

from supervision import NORMAL, Stop, Tree


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
