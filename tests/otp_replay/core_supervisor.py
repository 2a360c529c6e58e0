"""The supervisor of the core world, which drives the pure rules.

It is to ``supervision.decisions`` what ``supervision.supervisor.Supervisor`` is: receive, decide, carry out; but its
children are simulated, so that nothing but the rules is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import attrs

from supervision import administration, decisions
from supervision.administration import ChildCounts, ChildInfo
from supervision.admission import Admission
from supervision.child_spec import BrutalKill, ChildSpec, SupFlags
from supervision.commands import Command, ExitSelf, Report, RetryLater, Start, Stop
from supervision.errors import InvalidSpec, StartError, SupervisionError
from supervision.exit_reason import SHUTDOWN, ExitReason, crashed
from supervision.messages import IGNORE, Exit, Ignore
from supervision.ref import Ref
from supervision.sup_state import SupState
from tests.otp_replay.calls import (
    AskCount,
    AskSpec,
    AskWhich,
    Begin,
    BeginDynamic,
    BeginKept,
    BeginTagged,
    Call,
    Delete,
    Terminate,
)
from tests.otp_replay.core_processes import Ask, CoreWorker, EndYourself, Process, Steps, Surroundings, Told
from tests.otp_replay.elixir import keywords_of
from tests.otp_replay.scenario import Blueprint, DynamicPlan, Plan
from tests.otp_replay.script import InitKind, init_of
from tests.otp_replay.simulation import Body, Wait
from tests.otp_replay.specs import OtpError, prepared
from tests.otp_replay.specs import Start as Starters
from tests.otp_replay.terms import reason_of

__all__ = ["STARTERS", "CoreSupervisor", "launch"]


def launch(
    around: Surroundings, blueprint: Blueprint, parent: Process | None, extra: Sequence[Any] = ()
) -> Process:
    """Begin the start of what *blueprint* describes, with the *extra* arguments of a DynamicSupervisor."""
    return (CoreWorker if blueprint.plan is None else CoreSupervisor)(around, blueprint, parent, extra)


#: What the specs of the core world start: their last argument is a blueprint, which tells all.
STARTERS = Starters(worker=launch, supervisor=launch)


@final
@attrs.frozen
class _RetryDue:
    command: RetryLater
    reason: ExitReason


@final
class CoreSupervisor(Process):
    """A supervisor; ``state`` is there once its init callback has answered."""

    state: SupState
    admission: Admission  #: of a DynamicSupervisor

    def counts(self) -> ChildCounts:
        """Return what ``count_children`` does."""
        return administration.count(self.state, self._runs)

    def rows(self) -> tuple[ChildInfo, ...]:
        """Return what ``which_children`` does."""
        return tuple(administration.rows(self.state))

    def _live(self) -> Body:
        self._enter()
        failure = yield from self._init()
        if failure is not None:
            self._is_not_up(failure)
            return
        self._is_up()
        stop = None
        while stop is None:
            stop = yield from self._handle((yield from self._receive()))
        yield from self._stop_all()
        self.end(stop)

    def _init(self) -> Steps[ExitReason | Ignore | None]:
        init = init_of(self.blueprint, self.instance.number)
        if init.kind is not InitKind.OK:
            return IGNORE if init.kind is InitKind.IGNORE else reason_of(init.detail)
        if isinstance(self.blueprint.plan, DynamicPlan):
            return self._init_dynamic(self.blueprint.plan)
        assert isinstance(self.blueprint.plan, Plan)
        try:
            flags, specs = prepared(self.blueprint.plan, self.blueprint.path, STARTERS)
        except OtpError as error:
            return crashed(error.term)
        self.state = SupState(self.blueprint.path, flags)
        stop = yield from self._carry_out(decisions.begin(self.state, specs))
        if stop is not None:
            yield from self._stop_all()
        return stop

    def _init_dynamic(self, plan: DynamicPlan) -> ExitReason | None:
        keywords = dict(keywords_of(plan))
        try:
            flags = SupFlags(intensity=keywords.pop("intensity"), period=keywords.pop("period"))
            self.admission = Admission(**keywords)
        except InvalidSpec as error:
            return crashed(error)
        self.state = SupState(self.blueprint.path, flags, forgets=True)
        return None

    def _handle(self, message: Any) -> Steps[ExitReason | None]:
        state, now = self.state, self.around.simulation.now
        match message:
            case Exit(ref, reason):
                return (yield from self._carry_out(decisions.child_exited(state, ref, reason, now), reason))
            case _RetryDue(command, reason):
                return (yield from self._carry_out(decisions.retry_due(state, command, reason, now), reason))
            case Ask(call):
                try:
                    message.given = yield from self._answer(call)
                except SupervisionError as error:
                    message.given = error
                return None
            case Told(reason) | EndYourself(reason):
                return reason
        raise TypeError(f"a supervisor takes no message {message!r}")

    def _answer(self, call: Call) -> Steps[object]:
        state = self.state
        match call:
            case Begin(spec):
                return (yield from self._start_for_caller(administration.add(state, spec)))
            case BeginTagged(spec):
                spec = self.admission.admit(spec, len(state.children))
                return (yield from self._start_for_caller(administration.add(state, spec)))
            case BeginDynamic(args):
                return (yield from self._start_for_caller(administration.add_dynamic(state, args)))
            case BeginKept(id):
                return (yield from self._start_for_caller(administration.restart_one(state, id)))
            case Terminate(which):
                dead = self._is_dead(which)
                return (yield from self._carry_out(administration.stop_one(state, which, dead=dead)))
            case Delete(id):
                return (yield from self._carry_out(administration.delete(state, id)))
            case AskSpec(which):
                return administration.spec_of(state, which, dead=self._is_dead(which))
            case AskWhich():
                return self.rows()
            case AskCount():
                return self.counts()

    def _start_for_caller(self, commands: Sequence[Command]) -> Steps[Ref | None]:
        (command,) = commands
        assert isinstance(command, Start)
        ref, failure = yield from self._start(command)
        if failure is not None:
            decisions.start_failed(self.state, command, failure)
            raise StartError(command.id, failure)
        return ref

    def _carry_out(
        self, commands: Sequence[Command], cause: ExitReason | None = None
    ) -> Steps[ExitReason | None]:
        todo = list(reversed(commands))
        while todo:
            command = todo.pop()
            match command:
                case Start():
                    _, failure = yield from self._start(command)
                    if failure is not None:
                        todo = list(reversed(decisions.start_failed(self.state, command, failure)))
                case Stop():
                    yield from self._stop_together([command])
                case RetryLater():
                    self.deliver(_RetryDue(command, cause or crashed("restart failed")))
                case ExitSelf(reason):
                    return reason
                case Report():
                    pass
        return None

    def _start(self, command: Start) -> Steps[tuple[Ref | None, ExitReason | None]]:
        spec = self._spec(command.id)
        *extra, blueprint = spec.args
        child = launch(self.around, blueprint, self, extra)
        yield Wait(child.started)
        if child.failure is not None and not isinstance(child.failure, Ignore):
            return None, child.failure
        ref = child.ref if child.failure is None else None
        yield from self._carry_out(decisions.started(self.state, command, ref))
        return ref, None

    def _spec(self, id: str) -> ChildSpec:
        return self.state.known(id).spec

    def _stop_all(self) -> Steps[None]:
        stops = decisions.stop_all(self.state)
        if self.state.is_dynamic():
            yield from self._stop_together(stops)
            return
        for stop in stops:
            yield from self._stop_together([stop])

    def _stop_together(self, stops: Sequence[Stop]) -> Steps[None]:
        simulation, children = self.around.simulation, [self.around.by_ref[stop.ref] for stop in stops]
        for stop, child in zip(stops, children, strict=True):
            if isinstance(stop.shutdown, BrutalKill):
                child.kill()
            else:
                child.signal(SHUTDOWN, self)
        begun = simulation.now
        for stop, child in zip(stops, children, strict=True):
            if not isinstance(stop.shutdown, BrutalKill):
                yield Wait(child.ended, stop.shutdown - (simulation.now - begun))
                child.kill()  # nothing, if it has ended
            decisions.stopped(self.state, stop)

    def _is_dead(self, which: object) -> bool:
        return isinstance(which, Ref) and not self._runs(which)

    def _runs(self, ref: Ref) -> bool:
        return self.around.by_ref[ref].is_live()
