"""How a child comes to life: its cell, its name, its thread, and the handshake in which ``init`` answers.

When children are started, and what a failure means, is in ``decisions``.
"""

from __future__ import annotations

import inspect
import threading
from typing import Any, Final, final

from supervision import _pykka, task
from supervision.actor import Actor
from supervision.cell import Cell
from supervision.child_spec import ChildSpec
from supervision.clock import Clock, open_gate
from supervision.context import TreeContext
from supervision.errors import AlreadyRegistered, StartError
from supervision.events import ActorStarted
from supervision.exit_reason import crashed
from supervision.messages import IGNORE, Ignore
from supervision.ref import Ref, cell_of

__all__ = ["start_child"]

_INIT_HINT: Final = (
    "{0}.__init__ cannot be used as it is ({1}): an Actor is made without arguments. Name the method init instead, "
    "def init(self, ...): it is given the args and kwargs of the ChildSpec, and runs in the actor's own thread"
)


def start_child(spec: ChildSpec, context: TreeContext, name: str, parent: Ref | None) -> Ref | Ignore:
    """Start what *spec* describes, linked to *parent*, and wait for its ``init``. Blocks the calling thread.

    Args:
        spec: Whose ``start_timeout`` bounds the wait.
        context: The tree it belongs to.
        name: Its full name in that tree.
        parent: Its supervisor; None for the root.

    Returns:
        Its handle, or ``IGNORE`` when its ``init`` said so.

    Raises:
        StartError: ``init`` raised, stopped or did not return in time, the name is taken, or *start* is no
            actor class. Nothing of it is left, save a thread that hangs in ``init``, which is named in the tree.
    """
    inbox = task.FunctionInbox() if task.is_function(spec.start) else _pykka.Inbox()
    cell = Cell(context, name, parent, inbox)
    if isinstance(inbox, task.FunctionInbox):
        inbox.cell = cell
    try:
        context.registry.register(name, cell.ref)
    except AlreadyRegistered as error:
        raise StartError(name, error) from error
    if parent is not None:
        cell.link(cell_of(parent))
    answer = _Answer()
    try:
        _launch(spec, cell, inbox, answer)
    except BaseException as error:
        _forget(cell)
        if parent is None and not isinstance(error, Exception):
            raise  # Ctrl-C in the thread of whoever starts the tree is no failure of the tree's
        raise StartError(name, crashed(error)) from error
    try:
        outcome = answer.wait(context.clock, spec.start_timeout)
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
    if outcome is None:
        context.would_not_stop(cell.ref, spec.start_timeout)
        raise StartError(name, f"init did not return within {spec.start_timeout:g} s")
    raise outcome


def _launch(spec: ChildSpec, cell: Cell, inbox: _pykka.Inbox | task.FunctionInbox, answer: _Answer) -> None:
    start = spec.start
    if isinstance(inbox, task.FunctionInbox):
        task.launch(start, spec.args, spec.kwargs, cell, answer.give)
    elif _pykka.is_plain_actor(start):
        plain: Any = start
        _pykka.supervised(plain, inbox)(*spec.args, **spec.kwargs).attach(cell, answer.of_hook(cell))
    elif isinstance(start, type) and issubclass(start, Actor):
        actor = _made(start)
        actor.actor_inbox = inbox
        actor.actor_ref.actor_inbox = inbox  # pykka's reference keeps its own pointer to the mailbox
        actor.attach(cell, spec.args, spec.kwargs, answer.give)
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


def _forget(cell: Cell) -> None:
    # Unlinked first: the parent learns of a failed start by the error, and gets no exit signal for it.
    if cell.parent is not None:
        cell.unlink(cell_of(cell.parent))
    cell.finish(crashed("start failed"), silent=True, outside=True)


@final
class _Answer:
    """The place where the new thread says what became of its start; OTP's ``init_ack``."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._outcome: Ref | Ignore | StartError | None = None

    def give(self, outcome: Ref | Ignore | StartError) -> None:
        self._outcome = outcome
        open_gate(self._gate)

    def of_hook(self, cell: Cell) -> Any:
        """Return the function that a plain actor calls with what ``on_start`` raised, or None."""
        return lambda error: self.give(
            cell.ref if error is None else StartError(cell.ref.name, crashed(error))
        )

    def wait(self, clock: Clock, timeout: float) -> Ref | Ignore | StartError | None:
        clock.acquire(self._gate, timeout)
        return self._outcome  # also when it came in the very moment in which the time ran out
