"""The world of real supervisors and actors: a tree of its own, real threads, and a clock that waits for them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import attrs

from supervision import DynamicSupervisor, Tree
from supervision.child_requests import (
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from supervision.child_spec import ChildSpec, ChildType, Restart, SupFlags
from supervision.clock import MonotonicClock
from supervision.errors import NoProcess, StartError, SupervisionError
from supervision.exit_reason import KILLED
from supervision.messages import IGNORE
from supervision.pending import Pending as PendingAnswer
from supervision.ref import Ref, cell_of
from supervision.requests import GetStatus, SystemCall
from supervision.supervisor import count_children, start_child, which_children
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
from tests.otp_replay.elixir import failure_of, keywords_of, tagged_spec
from tests.otp_replay.house import House, StampingRegistry
from tests.otp_replay.real_actors import EndYourself, ScriptedSupervisor, starters
from tests.otp_replay.scenario import TOP, Blueprint, DynamicPlan
from tests.otp_replay.specs import spec_of
from tests.otp_replay.terms import reason_of, text_of
from tests.otp_replay.tree_rows import Look, tree_rows
from tests.otp_replay.world import NotLive, Pending, Stuck

__all__ = ["RealWorld"]

#: Real seconds after which a scenario is given up.
_PATIENCE: Final = 60.0
#: Real seconds for a thread that has been released to end.
_LEAVING: Final = 10.0
#: Real seconds after which a wait looks whether there is still something to wait for.
_SLICE: Final = 0.02
_REAL_TIME: Final = MonotonicClock()


@final
@attrs.frozen
class _Posted:
    """A call in a mailbox."""

    name: str
    pending: PendingAnswer

    def answer(self) -> object:
        """See ``Pending``."""
        if not self.pending.check():
            return NoProcess(self.name)
        try:
            answer: object = self.pending.wait(0)
            return answer
        except SupervisionError as error:
            return error


@final
class RealWorld:
    """A ``World`` of real actors; see there for what each method does."""

    def __init__(self) -> None:
        self._house = House()
        self.journal = self._house.journal
        self._tree = Tree("replay", clock=self._house.clock)
        # The one moment between the end of an actor and its being told is the registry's.
        registry = StampingRegistry(self._tree.context.registry, self._house)
        object.__setattr__(self._tree.context, "registry", registry)
        self._tree.start()
        self._house.live.pop(self._tree.root)
        self._top: Ref | None = None
        self._serial = 0  #: of the last child of a DynamicSupervisor
        self._stuck = False
        self._watchdog = threading.Timer(_PATIENCE, self._give_up)
        self._watchdog.daemon = True
        self._watchdog.start()

    def start(self, top: Blueprint) -> object:
        """See ``World``."""
        dynamic = isinstance(top.plan, DynamicPlan)
        keywords = keywords_of(top.plan) if isinstance(top.plan, DynamicPlan) else {}
        spec = ChildSpec(
            id=TOP,
            start=DynamicSupervisor if dynamic else ScriptedSupervisor,
            args=() if dynamic else (self._house, top),
            kwargs=keywords,
            restart=Restart.TEMPORARY,
            type=ChildType.SUPERVISOR,
        )
        try:
            self._top = start_child(self._tree.root, spec, timeout=math.inf)
        except StartError as error:
            return failure_of(error.reason)
        if self._top is None:
            return IGNORE
        if dynamic:
            self._house.adopt(self._top, TOP, SupFlags())
        return None

    def settle(self) -> None:
        """See ``World``: twice in a row everybody has answered, and nothing was noted meanwhile.

        Whatever happens is noted, by its second step at the latest: a handler that notes nothing may have sent
        something, and whoever got that has handled it before the second answer.
        """
        self._wait_for_quiet(lambda: False)

    def crash(self, path: str, reason: str) -> None:
        """See ``World``."""
        ref = self._live(path)
        if reason == "kill":
            ref.exit(KILLED)
        else:
            ref.cast(EndYourself(reason))

    def signal(self, path: str, reason: str) -> None:
        """See ``World``."""
        self._live(path).exit(KILLED if reason == "kill" else reason_of(reason))

    def unlink(self, path: str) -> None:
        """See ``World``."""
        ref = self._live(path)
        parent = cell_of(ref).parent
        if parent is not None:
            ref.unlink(parent)

    def flags(self, path: str) -> SupFlags:
        """See ``World``."""
        return self._house.flags[self._supervisor(path)]

    def spec(self, given: Any, sup: str) -> ChildSpec:
        """See ``World``."""
        return spec_of(given, sup, self.flags(sup).auto_shutdown, starters(self._house))

    def tagged(self, given: Mapping[str, Any], sup: str) -> ChildSpec:
        """See ``World``."""
        self._supervisor(sup)
        self._serial += 1
        return tagged_spec(given, self._serial, starters(self._house))

    def post(self, path: str, call: Call) -> Pending:
        """See ``World``."""
        supervisor = self._supervisor(path)
        return _Posted(supervisor.name, supervisor.send_request(_request_of(call)))

    def stop_top(self, reason: str) -> None:
        """See ``World``."""
        top = self._live(TOP)
        top.exit(KILLED if reason == "kill" else reason_of(reason), sender=self._tree.root)

    def stop_sup(self, path: str, reason: str) -> None:
        """See ``World``."""
        self._supervisor(path).stop(reason_of(reason), timeout=0)

    def sleep(self, seconds: float) -> None:
        """See ``World``."""
        self._house.clock.advance(seconds)

    def shut_gate(self) -> None:
        """See ``World``."""
        self._house.gate.shut()

    def await_gate(self) -> None:
        """See ``World``."""
        self._wait_for_quiet(self._house.gate.is_reached)

    def open_gate(self) -> None:
        """See ``World``."""
        self._house.gate.open()

    def latest(self, path: str) -> Ref | None:
        """See ``World``."""
        return self._house.latest.get(path)

    def name_of(self, ref: Ref) -> str:
        """See ``World``."""
        return str(self._house.instances[ref])

    def info_of(self, ref: Ref) -> Any:
        """See ``World``."""
        return ref.info

    def tree(self) -> list[Any]:
        """See ``World``."""
        return [] if self._top is None else tree_rows(self._top, self._look_at, self.name_of)

    def top_state(self) -> str:
        """See ``World``."""
        if self._top is None:
            return "not_started"
        return "alive" if self._top.is_alive() else f"exit:{text_of(self._top.join(timeout=0))}"

    def close(self) -> None:
        """See ``World``: whoever lingers is let go, then the tree is stopped, and every thread has ended.

        Raises:
            Stuck: A thread has not.
        """
        house = self._house
        self._watchdog.cancel()
        house.closing = True
        house.gate.open()
        for ref in tuple(house.instances):
            house.release(ref)
        self._tree.stop()
        for ref in tuple(house.live):
            ref.exit(KILLED)  # who unlinked itself
        for ref in (*house.instances, self._tree.root):
            thread = cell_of(ref).thread
            if thread is not None:
                thread.join(_LEAVING)
                if thread.is_alive():
                    raise Stuck(f"the thread of {ref!r} does not end")

    def _wait_for_quiet(self, enough: Callable[[], bool]) -> None:
        rounds = 0
        while rounds < 2 and not enough():
            before = self.journal.total(), tuple(self._house.live)
            for ref in before[1]:
                self._wait_for(ref, enough)
            if self._stuck:
                raise Stuck(f"not quiet within {_PATIENCE:g} s")
            after = self.journal.total(), tuple(self._house.live)
            rounds = rounds + 1 if before == after else 0

    def _wait_for(self, ref: Ref, enough: Callable[[], bool]) -> None:
        """Wait until *ref* has handled what it has, or has ended; one that will never do either is left alone.

        If somebody is about to kill it, that is its supervisor, which is busy so long, and is waited for itself.
        """
        cell, question = cell_of(ref), SystemCall(GetStatus(), math.inf)
        ref.send(question)  # dropped, if it is on its way out
        while not (question.answered() or ref in self._house.deaf or enough()):
            if cell.closing:
                if cell.join(_SLICE, _REAL_TIME):
                    break
            elif question.gate.acquire(timeout=_SLICE):
                break
        if not ref.is_alive():
            self._house.live.pop(ref, None)

    def _look_at(self, ref: Ref) -> Look | None:
        if ref not in self._house.flags or not ref.is_alive():
            return None
        children, counts = which_children(ref, timeout=math.inf), count_children(ref, timeout=math.inf)
        return Look(children, counts, ref in self._house.anonymous)

    def _live(self, path: str) -> Ref:
        ref = self._house.latest.get(path)
        if ref is None or not ref.is_alive():
            raise NotLive(path)
        return ref

    def _supervisor(self, path: str) -> Ref:
        ref = self._live(path)
        if ref not in self._house.flags:
            raise NotLive(path)
        return ref

    def _give_up(self) -> None:
        self._stuck = True
        self._house.closing = True
        self._house.gate.open()
        for ref in tuple(self._house.live):
            ref.exit(KILLED)


def _request_of(call: Call) -> object:
    """Return what the public function for *call* asks a supervisor."""
    match call:
        case Begin(spec) | BeginTagged(spec):
            return StartChild(spec)
        case BeginDynamic(args):
            return StartChild(args)
        case BeginKept(id):
            return RestartChild(id)
        case Terminate(which):
            return TerminateChild(which)
        case Delete(id):
            return DeleteChild(id)
        case AskSpec(which):
            return GetChildSpec(which)
        case AskWhich():
            return WhichChildren()
        case AskCount():
            return CountChildren()
