"""What the framework itself answers about an actor, in the actor's thread: its state, its status, a line for the tree.

Who asks is in ``sys`` and ``tree_view``; when an actor answers, also while it is suspended, in ``life``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import attrs

from supervision.cell import Cell
from supervision.ref import Ref
from supervision.requests import Describe, GetState, GetStatus, ReplaceState, SystemCall

if TYPE_CHECKING:
    from supervision.actor import Actor

__all__ = ["ActorStatus", "answer"]


@final
@attrs.frozen(kw_only=True)
class ActorStatus:
    """What ``sys.get_status`` returns: the actor as the framework sees it, and what it says of its state."""

    ref: Ref
    actor: str  #: the name of its class
    sys_state: str  #: ``"running"`` or ``"suspended"``
    parent: Ref | None
    trap_exit: bool
    links: tuple[Ref, ...]
    monitors: tuple[Ref, ...]  #: whose ends it is to be told of
    monitored_by: tuple[Ref, ...]
    message_queue_len: int  #: about; others go on sending
    status: Mapping[str, Any]  #: what ``format_status`` made of ``{"state": ...}``


def answer(actor: Actor, cell: Cell, call: SystemCall, *, suspended: bool, waiting: int) -> None:
    """Answer a system request; what fails in it is raised in the caller, and the actor lives on (OTP's rule).

    Args:
        actor: Whose state it is.
        cell: Its cell.
        call: The request.
        suspended: Whether the actor is.
        waiting: How many messages wait in its mailbox.
    """
    request = call.request
    try:
        match request:
            case GetStatus():
                call.reply(_tree_status(actor, suspended))
            case GetState():
                call.reply(actor.system_get_state())
            case ReplaceState():
                state = request.function(actor.system_get_state())
                actor.system_replace_state(state)
                call.reply(state)
            case Describe():
                call.reply(_describe(actor, cell, suspended, waiting))
            case _:
                raise TypeError(f"{request!r} is no system request")
    except BaseException as error:
        call.fail(error)


def _tree_status(actor: Actor, suspended: bool) -> Mapping[str, object]:
    try:
        status = dict(actor.status())
    except BaseException as error:
        status = {"status": f"failed: {error!r}"}
    return {**status, "suspended": True} if suspended else status


def _describe(actor: Actor, cell: Cell, suspended: bool, waiting: int) -> ActorStatus:
    try:
        status = actor.format_status({"state": actor.system_get_state()})
    except BaseException as error:
        status = {"state": f"{type(actor).__name__}.format_status failed: {error!r}"}
    surroundings = cell.ties.surroundings()
    return ActorStatus(
        ref=cell.ref,
        actor=type(actor).__qualname__,
        sys_state="suspended" if suspended else "running",
        parent=cell.parent,
        trap_exit=bool(actor.trap_exit),
        links=surroundings.links,
        monitors=surroundings.monitors,
        monitored_by=surroundings.monitored_by,
        message_queue_len=waiting,
        status=status,
    )
