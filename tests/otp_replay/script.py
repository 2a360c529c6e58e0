"""What a scripted child does: the behaviour keys of a CHILD, as decisions that both worlds carry out."""

from __future__ import annotations

import enum
from typing import final

import attrs

from supervision.exit_reason import SHUTDOWN, ExitReason
from tests.otp_replay.scenario import Blueprint
from tests.otp_replay.terms import reason_of

__all__ = ["Farewell", "Init", "InitKind", "farewell_of", "init_of"]


@final
class InitKind(enum.Enum):
    """How an init callback ends."""

    OK = "ok"
    IGNORE = "ignore"
    ERROR = "error"  #: it answers that it stops
    RAISE = "raise"


@final
@attrs.frozen
class Init:
    """One start attempt."""

    kind: InitKind
    detail: str = ""  #: the reason of a failure; of a success, what else it answers, if anything
    gated: bool = False  #: whether it waits at the gate first


@final
@attrs.frozen
class Farewell:
    """What a terminate callback does, after it was noted that it runs."""

    reason: ExitReason  #: that the process ends with
    delay: float = 0.0  #: seconds; ``math.inf`` never returns


def init_of(blueprint: Blueprint, number: int) -> Init:
    """Return what the *number*-th start attempt of *blueprint* does."""
    text = blueprint.attempt(number)
    if text in ("ok", "ignore"):
        return Init(InitKind(text))
    if blueprint.plan is not None:
        if text.startswith("raise:"):
            return Init(InitKind.RAISE, text.removeprefix("raise:"))
        return Init(InitKind.ERROR, f"{{bad_return,{{otp_sup,init,{text}}}}}")
    kind, _, detail = text.removeprefix("gate_").partition(":")
    if kind == "extra":
        return Init(InitKind.OK, detail)
    return Init(InitKind(kind), detail, text.startswith("gate_"))


def farewell_of(blueprint: Blueprint, reason: ExitReason, *, asked: bool) -> Farewell:
    """Return what the terminate callback of *blueprint* does when it is run with *reason*.

    Args:
        blueprint: The worker's.
        reason: What the callback is given.
        asked: Whether the supervisor asked; a child that stops itself does nothing special.
    """
    if not asked or reason != SHUTDOWN:
        return Farewell(reason)
    what, _, detail = blueprint.on_shutdown.partition(":")
    match what:
        case "refuse":
            return Farewell(reason, float("inf"))
        case "slow":
            return Farewell(reason, int(detail) / 1000)
        case "exit":
            return Farewell(reason_of(detail))
    return Farewell(reason)
