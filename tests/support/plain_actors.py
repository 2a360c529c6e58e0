"""Actors as written for pykka, and how tests start them beside ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pykka
from scripted import Journal, do, spec

from supervision import Ref, Restart, Tree

__all__ = ["FOREVER", "Plain", "pykka_ref", "started"]

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
