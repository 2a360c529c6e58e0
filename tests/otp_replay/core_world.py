"""The world of the pure rules: every process simulated, in virtual time, in one thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from supervision.child_spec import ChildSpec, Strategy, SupFlags
from supervision.ref import Ref
from tests.otp_replay.calls import Call
from tests.otp_replay.core_processes import Ask, EndYourself, Process, Surroundings
from tests.otp_replay.core_supervisor import STARTERS, CoreSupervisor, launch
from tests.otp_replay.elixir import failure_of, tagged_spec
from tests.otp_replay.scenario import TOP, Blueprint, DynamicPlan
from tests.otp_replay.simulation import Latch
from tests.otp_replay.specs import spec_of
from tests.otp_replay.terms import reason_of, text_of
from tests.otp_replay.tree_rows import Look, tree_rows
from tests.otp_replay.world import NotLive, Pending

__all__ = ["CoreWorld"]


@final
class CoreWorld:
    """A ``World`` of simulated processes; see there for what each method does."""

    def __init__(self) -> None:
        self._around = Surroundings()
        self.journal = self._around.journal
        self._top: Process | None = None
        self._serial = 0  #: of the last child of a DynamicSupervisor

    def start(self, top: Blueprint) -> object:
        """See ``World``."""
        self._top = launch(self._around, top, None)
        self.settle()
        return failure_of(self._top.failure)

    def settle(self) -> None:
        """See ``World``."""
        self._around.simulation.run()

    def crash(self, path: str, reason: str) -> None:
        """See ``World``."""
        process = self._live(path)
        if reason == "kill":
            process.kill()
        else:
            process.deliver(EndYourself(reason_of(reason)))

    def signal(self, path: str, reason: str) -> None:
        """See ``World``."""
        process = self._live(path)
        if reason == "kill":
            process.kill()
        else:
            process.signal(reason_of(reason), None)

    def unlink(self, path: str) -> None:
        """See ``World``."""
        self._live(path).unlink()

    def flags(self, path: str) -> SupFlags:
        """See ``World``."""
        return self._supervisor(path).state.flags

    def spec(self, given: Any, sup: str) -> ChildSpec:
        """See ``World``."""
        return spec_of(given, sup, self.flags(sup).auto_shutdown, STARTERS)

    def tagged(self, given: Mapping[str, Any], sup: str) -> ChildSpec:
        """See ``World``."""
        self._supervisor(sup)
        self._serial += 1
        return tagged_spec(given, self._serial, STARTERS)

    def post(self, path: str, call: Call) -> Pending:
        """See ``World``."""
        asked = Ask(call)
        self._supervisor(path).deliver(asked)
        return asked

    def stop_top(self, reason: str) -> None:
        """See ``World``."""
        top = self._live(TOP)
        if reason == "kill":
            top.kill()
        else:
            # Its parent is not simulated: a supervisor that traps exits is told by it as it is by gen_server:stop.
            top.deliver(EndYourself(reason_of(reason)))

    def stop_sup(self, path: str, reason: str) -> None:
        """See ``World``."""
        self._supervisor(path).deliver(EndYourself(reason_of(reason)))

    def sleep(self, seconds: float) -> None:
        """See ``World``."""
        simulation = self._around.simulation
        simulation.run(simulation.now + seconds)

    def shut_gate(self) -> None:
        """See ``World``."""
        self._around.gate = Latch()
        self._around.shut = True

    def await_gate(self) -> None:
        """See ``World``."""
        self.settle()

    def open_gate(self) -> None:
        """See ``World``."""
        self._around.shut = False
        self._around.simulation.fire(self._around.gate)

    def latest(self, path: str) -> Ref | None:
        """See ``World``."""
        process = self._around.latest.get(path)
        return None if process is None else process.ref

    def name_of(self, ref: Ref) -> str:
        """See ``World``."""
        return str(self._around.by_ref[ref].instance)

    def info_of(self, ref: Ref) -> Any:
        """See ``World``."""
        return self._around.by_ref[ref].info

    def tree(self) -> list[Any]:
        """See ``World``."""
        assert self._top is not None
        return tree_rows(self._top.ref, self._look_at, self.name_of)

    def top_state(self) -> str:
        """See ``World``."""
        assert self._top is not None
        if self._top.failure is not None:
            return "not_started"
        return "alive" if self._top.reason is None else f"exit:{text_of(self._top.reason)}"

    def close(self) -> None:
        """See ``World``; generators need no help."""

    def _look_at(self, ref: Ref) -> Look | None:
        process = self._around.by_ref[ref]
        if not isinstance(process, CoreSupervisor) or not process.is_live():
            return None
        simple = process.state.flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE
        dynamic = isinstance(process.blueprint.plan, DynamicPlan)
        return Look(process.rows(), process.counts(), simple or dynamic)

    def _live(self, path: str) -> Process:
        process = self._around.latest.get(path)
        if process is None or not process.is_live():
            raise NotLive(path)
        return process

    def _supervisor(self, path: str) -> CoreSupervisor:
        process = self._live(path)
        if not isinstance(process, CoreSupervisor):
            raise NotLive(path)
        return process
