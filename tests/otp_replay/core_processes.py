"""What lives in the core world: processes with a mailbox, links and an end; and the scripted worker.

The supervisor is in ``core_supervisor``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, TypeVar, final

import attrs

from supervision.errors import NoProcess
from supervision.exit_reason import KILLED, ExitReason
from supervision.links import Effect, effect_of_exit
from supervision.messages import IGNORE, Exit, Ignore
from supervision.ref import Ref
from tests.otp_replay.calls import Call
from tests.otp_replay.journal import Instance, Journal
from tests.otp_replay.scenario import Blueprint, DynamicPlan
from tests.otp_replay.script import InitKind, farewell_of, init_of
from tests.otp_replay.simulation import Body, Latch, Simulation, Wait
from tests.otp_replay.terms import reason_of, term_of, text_of

__all__ = ["NOBODY", "Ask", "CoreWorker", "EndYourself", "Process", "Steps", "Surroundings", "Told"]

T = TypeVar("T")
Steps = Generator[Wait, bool, T]

#: Who sends exit signals and is nobody's parent or child.
NOBODY = Ref("nobody", 0)


@final
@attrs.frozen
class Told:
    """A trapping process's parent sent it an exit signal."""

    reason: ExitReason


@final
@attrs.frozen
class EndYourself:
    """A worker is to stop, or crash, with this reason; a supervisor is asked to stop by ``gen_server:stop``."""

    reason: ExitReason


@final
@attrs.define(eq=False)
class Ask:
    """A call in a supervisor's mailbox, and the place of its answer."""

    call: Call
    given: Any = None

    def answer(self) -> object:
        """See ``Pending``."""
        return self.given


@final
@attrs.define(eq=False)
class Surroundings:
    """What the processes of one scenario share."""

    journal: Journal = attrs.field(factory=Journal)
    simulation: Simulation = attrs.field(factory=Simulation)
    latest: dict[str, Process] = attrs.field(factory=dict)  #: by path: the last that started
    by_ref: dict[Ref, Process] = attrs.field(factory=dict)
    shut: bool = False  #: whether the next gated init blocks
    gate: Latch = attrs.field(factory=Latch)


class Process:
    """One process, from its start attempt to its end. Its task is the only one that waits in it."""

    def __init__(
        self, around: Surroundings, blueprint: Blueprint, parent: Process | None, extra: Sequence[Any] = ()
    ) -> None:
        self.extra = extra  #: what a DynamicSupervisor puts before a child's own arguments
        self.around = around
        self.blueprint = blueprint
        self.parent = parent
        self.linked = parent is not None
        self.children: list[Process] = []  #: linked ones, whoever is their supervisor's child or was
        self.started = Latch()
        self.failure: ExitReason | Ignore | None = None  #: why it did not start
        self.info: str | None = None
        self.ended = Latch()
        self.reason: ExitReason | None = None
        self._mailbox: deque[Any] = deque()
        self._mail = Latch()
        self.instance = Instance(blueprint.path, 0)
        self.ref = Ref(blueprint.path, 0)
        if parent is not None:
            parent.children.append(self)
        self._task = around.simulation.spawn(self._live())

    def is_live(self) -> bool:
        """Return whether it started and has not ended."""
        return self.reason is None

    def deliver(self, message: Any) -> None:
        """Put *message* into its mailbox."""
        if self.is_live():
            self._mailbox.append(message)
            self.around.simulation.fire(self._mail)

    def signal(self, reason: ExitReason, sender: Process | None) -> None:
        """Send it an exit signal; *sender* None is a stranger."""
        if not self.is_live():
            return
        from_parent = sender is not None and sender is self.parent
        match effect_of_exit(reason, trap_exit=self.blueprint.trap, from_parent=from_parent):
            case Effect.DIE:
                self.end(reason)
            case Effect.TERMINATE:
                self.deliver(Told(reason))
            case Effect.DELIVER:
                self.deliver(Exit(NOBODY, reason))
            case Effect.IGNORE:
                pass

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.end(KILLED)

    def end(self, reason: ExitReason) -> None:
        """End with *reason* and tell who is linked."""
        if not self.is_live():
            return
        self._leave(reason)
        self.around.journal.end(self.instance, text_of(reason))
        for child in tuple(self.children):
            if child.linked:
                child.signal(reason, self)
        if self.parent is not None and self.linked:
            self.parent.children.remove(self)
            self.parent.deliver(Exit(self.ref, reason))

    def unlink(self) -> None:
        """Undo the link to its parent."""
        if self.parent is not None and self.linked:
            self.linked = False
            self.parent.children.remove(self)

    def _live(self) -> Body:
        raise NotImplementedError

    def _enter(self) -> None:
        """Begin the start attempt: its init callback is entered."""
        silently = isinstance(self.blueprint.plan, DynamicPlan)
        self.instance = self.around.journal.begin(self.blueprint.path, silently=silently)
        self.ref = Ref(self.instance.path, self.instance.number)
        self.around.by_ref[self.ref] = self

    def _is_up(self) -> None:
        if not isinstance(self.blueprint.plan, DynamicPlan):
            self.around.journal.note("ready", self.instance)
        self.around.latest[self.blueprint.path] = self
        self.around.simulation.fire(self.started)

    def _is_not_up(self, failure: ExitReason | Ignore) -> None:
        if isinstance(self.blueprint.plan, DynamicPlan):
            pass  # its start function is not the recorder's
        elif isinstance(failure, Ignore):
            self.around.journal.note("ignore", self.instance)
        else:
            self.around.journal.note("init_fail", self.instance, text_of(failure))
        self.failure = failure
        self._leave(KILLED)
        if self.parent is not None and self.linked:
            self.parent.children.remove(self)
        self.around.simulation.fire(self.started)

    def _leave(self, reason: ExitReason) -> None:
        self.reason = reason
        for message in self._mailbox:
            if isinstance(message, Ask):
                message.given = NoProcess(self.blueprint.path)
        self.around.simulation.cancel(self._task)
        self.around.simulation.fire(self.ended)

    def _receive(self) -> Steps[Any]:
        while not self._mailbox:
            self._mail = Latch()
            yield Wait(self._mail)
        return self._mailbox.popleft()


@final
class CoreWorker(Process):
    """A worker that does what its blueprint says."""

    def _live(self) -> Body:
        self._enter()
        init = init_of(self.blueprint, self.instance.number)
        if init.gated and self.around.shut:
            self.around.shut = False
            yield Wait(self.around.gate)
        if init.kind is not InitKind.OK:
            self._is_not_up(IGNORE if init.kind is InitKind.IGNORE else reason_of(init.detail))
            return
        self.info = init.detail or None
        self._is_up()
        if self.extra:
            given = f"{{{','.join(map(term_of, self.extra))}}}"
            self.around.journal.note("args", self.instance, given)
        while True:
            message = yield from self._receive()
            if isinstance(message, Exit):
                self.around.journal.note("signal", self.instance, text_of(message.reason))
                continue
            self.around.journal.note("terminate", self.instance, text_of(message.reason))
            farewell = farewell_of(self.blueprint, message.reason, asked=isinstance(message, Told))
            if farewell.delay > 0:
                yield Wait(Latch(), farewell.delay)
            self.end(farewell.reason)
            return
