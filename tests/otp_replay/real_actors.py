"""The real actors: a worker that does what its blueprint says, and the supervisor, which only takes notes."""

from __future__ import annotations

from typing import Any, final

import attrs

from supervision import IGNORE, Actor, Exit, ExitReason, Started, Stop, Supervisor
from supervision.actor import InitResult
from supervision.child_spec import Strategy
from supervision.exit_reason import SHUTDOWN, crashed
from supervision.requests import From
from tests.otp_replay.house import House
from tests.otp_replay.scenario import Blueprint, Plan
from tests.otp_replay.script import InitKind, farewell_of, init_of
from tests.otp_replay.specs import OtpError, prepared
from tests.otp_replay.specs import Start as Starters
from tests.otp_replay.terms import Raised, reason_of, term_of, text_of

__all__ = ["EndYourself", "ScriptedSupervisor", "ScriptedWorker", "starters"]


@final
@attrs.frozen
class EndYourself:
    """A worker is to stop, or crash, with this reason."""

    reason: str


@final
class ScriptedWorker(Actor):
    """Started with the house and its blueprint, and before them whatever a DynamicSupervisor puts there."""

    trap_exit = True

    def init(self, *args: Any) -> InitResult:
        *extra, house, blueprint = args
        self._house: House = house
        self._blueprint: Blueprint = blueprint
        self._by_itself = False
        self.trap_exit = blueprint.trap  # of this one, for all of a template are of one class
        self._instance = house.enter(self.ref, blueprint.path)
        init = init_of(blueprint, self._instance.number)
        if init.gated:
            house.gate.pass_through()
        match init.kind:
            case InitKind.IGNORE:
                house.journal.note("ignore", self._instance)
                return IGNORE
            case InitKind.ERROR:
                house.journal.note("init_fail", self._instance, init.detail)
                return Stop(reason_of(init.detail))
            case InitKind.RAISE:
                house.journal.note("init_fail", self._instance, init.detail)
                raise Raised(init.detail)
        house.is_up(self.ref)
        if extra:
            house.journal.note("args", self._instance, f"{{{','.join(term_of(each) for each in extra)}}}")
        return Started(init.detail) if init.detail else None

    def handle_cast(self, message: Any) -> Stop | None:
        self._by_itself = True
        if message.reason == "crash":
            raise Raised("crash")
        return Stop(reason_of(message.reason))

    def handle_info(self, message: Any) -> Stop | None:
        assert isinstance(message, Exit)
        with self._house.work(self.ref):
            self._house.journal.note("signal", self._instance, text_of(message.reason))
        return None

    def terminate(self, reason: ExitReason) -> None:
        house = self._house
        house.last_work(self.ref)
        asked = not self._by_itself and reason == SHUTDOWN
        if asked and self._blueprint.hurried:
            house.linger(self.ref, float("inf"))  # its kill comes right behind the request that it has seen
        house.journal.note("terminate", self._instance, text_of(reason))
        farewell = farewell_of(self._blueprint, reason, asked=asked)
        if farewell.delay > 0:
            house.linger(self.ref, farewell.delay)
        if farewell.reason != reason:
            raise Raised(text_of(farewell.reason))


@final
class ScriptedSupervisor(Supervisor):
    """Our supervisor, started with the house and a blueprint: its init callback, and notes."""

    def init(self, house: House, blueprint: Blueprint) -> InitResult:  # type: ignore[override]
        self._house = house
        instance = house.enter(self.ref, blueprint.path)
        init = init_of(blueprint, instance.number)
        if init.kind is InitKind.IGNORE:
            house.journal.note("ignore", instance)
            return IGNORE
        if init.kind is not InitKind.OK:
            house.journal.note("init_fail", instance, init.detail)
            if init.kind is InitKind.RAISE:
                raise Raised(init.detail)
            return Stop(reason_of(init.detail))
        assert isinstance(blueprint.plan, Plan)
        try:
            flags, specs = prepared(blueprint.plan, blueprint.path, starters(house))
        except OtpError as error:
            house.journal.note("init_fail", instance, error.term)
            return Stop(crashed(error.term))
        house.flags[self.ref] = flags
        if flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE:
            house.anonymous.add(self.ref)
        result = super().init(flags, specs)
        if isinstance(result, Stop):
            house.journal.note("init_fail", instance, text_of(result.reason))
        else:
            house.is_up(self.ref)
        return result

    def handle_call(self, request: Any, from_: From) -> Any:
        with self._house.work(self.ref):
            return super().handle_call(request, from_)

    def handle_info(self, message: Any) -> Stop | None:
        with self._house.work(self.ref):
            return super().handle_info(message)

    def terminate(self, reason: ExitReason) -> None:
        self._house.last_work(self.ref)
        super().terminate(reason)


def starters(house: House) -> Starters:
    """Return what specs start in *house*."""
    return Starters(ScriptedWorker, ScriptedSupervisor, (house,))
