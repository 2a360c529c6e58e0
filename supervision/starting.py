"""How a child comes to life: its cell, its name, its thread, and the handshake in which ``init``, or ``ready``, answers.

When children are started, and what a failure means, is in ``decisions``.
"""

from __future__ import annotations

import inspect
import math
import threading
from typing import Any, Final, final

from supervision import _pykka, task
from supervision.actor import Actor
from supervision.cell import Cell, Outcome
from supervision.child_spec import ChildSpec
from supervision.clock import Clock, open_gate
from supervision.context import TreeContext
from supervision.errors import AlreadyRegistered, NoProcess, StartError
from supervision.events import ActorStarted
from supervision.exit_reason import crashed
from supervision.messages import IGNORE, Ignore
from supervision.ref import Ref, cell_of
from supervision.shutdown import stop_child

__all__ = ["start_child"]

_INIT_HINT: Final = (
    "{0}.__init__ cannot be used as it is ({1}): an Actor is made without arguments. Name the method init instead, "
    "def init(self, ...): it is given the args and kwargs of the ChildSpec, and runs in the actor's own thread"
)


def start_child(spec: ChildSpec, context: TreeContext, name: str, parent: Ref | None) -> Ref | Ignore:
    """Start what *spec* describes, linked to *parent*, and wait for its answer. Blocks the calling thread.

    The answer is its ``init``'s return, or its ``ready``. As in OTP's ``proc_lib:start_link``, the starter hears of
    nothing else meanwhile.

    Args:
        spec: Whose ``start_timeout`` bounds the wait.
        context: The tree it belongs to.
        name: Its full name in that tree.
        parent: Its supervisor; None for the root.

    Returns:
        Its handle, or ``IGNORE`` when its ``init`` said so.

    Raises:
        StartError: ``init`` raised, stopped or did not return in time; it ended before it was ready, or was not
            ready in time, and was stopped by its ``shutdown``; the name is taken, or *start* is no actor class.
            Nothing of it is left, save a thread that hangs, which is named in the tree.
    """
    inbox = task.FunctionInbox() if task.is_function(spec.start) else _pykka.Inbox()
    answer = _Answer()
    cell = Cell(context, name, parent, inbox, answer.give)
    if isinstance(inbox, task.FunctionInbox):
        inbox.cell = cell
    try:
        orphan = context.registry.register(name, cell.ref, gives_way=_is_orphan)
    except AlreadyRegistered as error:
        raise StartError(name, error) from error
    if orphan is not None and (thread := cell_of(orphan).thread) is not None:
        context.abandoned(orphan, thread)  # named until it has ended, though its name is another's
    if parent is not None:
        cell.ties.link(cell_of(parent).ties)
    try:
        _launch(spec, cell, inbox)
    except BaseException as error:
        _forget(cell)
        if parent is None and not isinstance(error, Exception):
            raise  # Ctrl-C in the thread of whoever starts the tree is no failure of the tree's
        raise StartError(name, crashed(error)) from error
    try:
        outcome = answer.wait(context.clock, spec.start_timeout)
        if outcome is None:
            if cell.give_up_start():
                raise _too_late(spec, cell)
            outcome = answer.wait(context.clock, math.inf)  # the answer is on its way
    except (
        BaseException
    ):  # Ctrl-C while a tree starts in the main thread: what runs of it must hear of the end
        _forget(cell)
        raise
    if isinstance(outcome, Ref):
        if context.events.active:
            context.events.emit(ActorStarted(actor=name, incarnation=outcome.incarnation))
        return outcome
    _forget(cell)
    if isinstance(outcome, Ignore):
        return IGNORE
    assert outcome is not None
    raise outcome


def _too_late(spec: ChildSpec, cell: Cell) -> StartError:
    """End what was not ready in time; one whose ``init`` does not even return cannot be asked to."""
    limit = f"within {spec.start_timeout:g} s"
    if cell.awaits_ready:
        stop_child(cell.ref, spec.shutdown, cell.parent or cell.ref)
        return StartError(cell.ref.name, f"it was not ready {limit}")
    _forget(cell)
    cell.context.would_not_stop(cell.ref, spec.start_timeout)
    return StartError(cell.ref.name, f"init did not return {limit}")


def _launch(spec: ChildSpec, cell: Cell, inbox: _pykka.Inbox | task.FunctionInbox) -> None:
    start = spec.start
    if isinstance(inbox, task.FunctionInbox):
        task.launch(start, spec.args, spec.kwargs, cell)
    elif _pykka.is_plain_actor(start):
        plain: Any = start
        supervised = _pykka.supervised(plain, inbox)(*spec.args, **spec.kwargs)
        _pykka.lead_through_door(supervised.actor_ref, inbox, cell.sender_is_killed)
        supervised.attach(cell)
    elif isinstance(start, type) and issubclass(start, Actor):
        actor = _made(start)
        cell.supervises = actor.supervises
        actor.actor_inbox = inbox
        _pykka.lead_through_door(actor.actor_ref, inbox, cell.sender_is_killed)
        actor.attach(cell, spec.args, spec.kwargs)
    else:
        raise TypeError(
            f"start {start!r}: expected an Actor class, a pykka.ThreadingActor class or a function"
        )


def _made(start: type[Actor]) -> Actor:
    try:
        actor = start()
    except TypeError as error:
        try:
            inspect.signature(start).bind()
        except TypeError:
            raise TypeError(_INIT_HINT.format(start.__qualname__, error)) from error
        raise  # its own, from within
    if not hasattr(actor, "actor_ref"):
        raise TypeError(_INIT_HINT.format(start.__qualname__, "it does not call super().__init__()"))
    return actor


def _is_orphan(ref: Ref) -> bool:
    """Return whether a supervisor above *ref* has ended: it was killed, and what it had is ending by itself.

    Its successor starts the same children at once, as OTP's does, and names belong to those who have a supervisor.
    """
    try:
        above = cell_of(ref).parent
    except NoProcess:
        return False  # somebody registered a handle of something else
    while above is not None:
        cell = cell_of(above)
        if cell.reason is not None:
            return True
        above = (
            None if cell.parent == above else cell.parent
        )  # a root that is being stopped is its own parent
    return False


def _forget(cell: Cell) -> None:
    # Unlinked first: the parent learns of a failed start by the error, and gets no exit signal for it.
    if cell.parent is not None:
        cell.ties.unlink(cell_of(cell.parent).ties)
    cell.finish(crashed("start failed"), outside=True)


@final
class _Answer:
    """The place where the new thread says what became of its start; OTP's ``init_ack``."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._outcome: Outcome | None = None

    def give(self, outcome: Outcome) -> None:
        self._outcome = outcome
        open_gate(self._gate)

    def wait(self, clock: Clock, timeout: float) -> Outcome | None:
        clock.acquire(self._gate, timeout)
        return self._outcome  # also when it came in the very moment in which the time ran out
