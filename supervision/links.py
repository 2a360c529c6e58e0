"""What ties actors to each other, and what an exit signal does to the one that receives it: one pure rule.

How signals travel is in ``cell``; a kill is no signal to decide about, it ends the cell at once.
"""

from __future__ import annotations

import enum
from typing import final

import attrs

from supervision.exit_reason import ExitReason, Normal
from supervision.ref import Ref

__all__ = ["Effect", "ExitSignal", "Surroundings", "effect_of_exit"]


@final
class ExitSignal:
    """An exit signal that has arrived and was not looked at yet."""

    __slots__ = ("reason", "sender")

    def __init__(self, sender: Ref, reason: ExitReason) -> None:
        self.sender = sender
        self.reason = reason


@final
@attrs.frozen
class Surroundings:
    """Who is tied to an actor."""

    links: tuple[Ref, ...]
    monitors: tuple[Ref, ...]  #: whose ends it is to be told of
    monitored_by: tuple[Ref, ...]


@final
class Effect(enum.Enum):
    """What becomes of an exit signal."""

    DIE = "die"  #: the receiver ends at once, without ``terminate``
    TERMINATE = "terminate"  #: the receiver runs ``terminate`` and ends: a trapping actor, told by its parent
    DELIVER = "deliver"  #: the receiver traps exits: it gets an ``Exit`` message
    IGNORE = "ignore"


def effect_of_exit(reason: ExitReason, *, trap_exit: bool, from_parent: bool) -> Effect:
    """Return what an exit signal with *reason* does; the rules of Erlang's signals and of gen_server.

    Args:
        reason: The reason that the signal carries.
        trap_exit: Whether the receiver traps exits.
        from_parent: Whether the sender is the receiver's supervisor.
    """
    if trap_exit:
        return Effect.TERMINATE if from_parent else Effect.DELIVER
    return Effect.IGNORE if isinstance(reason, Normal) else Effect.DIE
