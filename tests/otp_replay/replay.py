"""Plays one scenario in a world: action by action, each followed by quiet, each compared with the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import attrs

from supervision.child_spec import ChildSpec, Strategy
from supervision.messages import Ignore
from supervision.ref import Ref
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
    in_rets,
    ret_of,
    text_in_elixir,
)
from tests.otp_replay.compare import Difference, differences
from tests.otp_replay.loader import blueprint_of
from tests.otp_replay.scenario import (
    Action,
    Administer,
    AdminOp,
    CheckSpecs,
    Count,
    Crash,
    CrashAndCall,
    Scenario,
    Signal,
    Sleep,
    StartChild,
    StartDynamic,
    StartTagged,
    Step,
    StopSup,
    StopTop,
    Unlink,
    Which,
    joined,
)
from tests.otp_replay.scenario import Call as CallAction
from tests.otp_replay.specs import OtpError, checked, details_of
from tests.otp_replay.terms import text_of
from tests.otp_replay.world import NotLive, Pending, World

__all__ = ["Mismatch", "replay"]

_ADMIN: Mapping[AdminOp, Callable[[Any], Call]] = {
    AdminOp.TERMINATE: Terminate,
    AdminOp.RESTART: BeginKept,
    AdminOp.DELETE: Delete,
    AdminOp.GET_SPEC: AskSpec,
}


@final
@attrs.frozen
class Mismatch:
    """One part of one step that is not as recorded."""

    scenario: str
    step: str  #: "start", or "steps[I] OP"
    difference: Difference

    def __str__(self) -> str:
        part, expected, got = attrs.astuple(self.difference, recurse=False)
        return f"{self.scenario}: {self.step}: {part}: expected {expected!r}, got {got!r}"


@final
@attrs.frozen
class _Asked:
    """A call on its way, or the answer that it has already: of what is refused before anybody is asked."""

    call: Call | None
    pending: Pending | None
    refused: str = ""
    simple: bool = False


def replay(scenario: Scenario, make_world: Callable[[], World]) -> Iterator[Mismatch]:
    """Play *scenario* in a new world and yield what is not as recorded."""
    world = make_world()
    try:
        got = _observed(world, _start(world, scenario))
        for difference in differences(scenario.start, got):
            yield Mismatch(scenario.name, "start", difference)
        if got.sup == "not_started":
            return
        for index, (action, expected) in enumerate(zip(scenario.actions, scenario.steps, strict=True)):
            got = _observed(world, *_perform(world, action))
            for difference in differences(expected, got):
                yield Mismatch(scenario.name, f"steps[{index}] {_described(action)}", difference)
    finally:
        world.close()


def _start(world: World, scenario: Scenario) -> str:
    outcome = world.start(scenario.top)
    world.settle()
    if outcome is None:
        return "{ok,top#1}"
    return "ignore" if isinstance(outcome, Ignore) else f"{{error,{text_of(outcome)}}}"


def _observed(world: World, ret: str, rets: list[Any] | None = None, spec: Any = None) -> Step:
    return Step(
        ret=ret, rets=rets, spec=spec, ev=world.journal.take(), tree=world.tree(), sup=world.top_state()
    )


def _perform(world: World, action: Action) -> tuple[Any, ...]:
    """Do *action*, wait until it is quiet, and return ``ret``, and ``rets`` and ``spec`` where there are any."""
    match action:
        case StartChild() | StartDynamic() | StartTagged() | Administer() | Which() | Count():
            return _ask(world, action)
        case CheckSpecs():
            return (checked(action),)
        case CrashAndCall():
            return _crash_and_call(world, action)
        case Sleep(ms):
            world.sleep(ms / 1000)
            world.settle()
            return ("ok",)
    try:
        match action:
            case Crash(id, reason):
                world.crash(id, reason)
            case Signal(id, reason):
                world.signal(id, reason)
            case Unlink(id):
                world.unlink(id)
            case StopSup(id, reason):
                world.stop_sup(id, reason)
            case StopTop(reason):
                world.stop_top(reason)
    except NotLive:
        return ("noproc" if isinstance(action, StopTop) else "not_running",)
    world.settle()
    return ("ok",)


def _ask(world: World, action: CallAction) -> tuple[Any, ...]:
    asked = _asked(world, action)
    world.settle()
    if asked.call is None or asked.pending is None:
        return (asked.refused,)
    answer = asked.pending.answer()
    if isinstance(asked.call, AskWhich | AskCount):
        return (text_in_elixir(answer, world.name_of),)
    ret = ret_of(asked.call, answer, world.name_of, world.info_of)
    return (ret, None, details_of(answer)) if isinstance(answer, ChildSpec) else (ret,)


def _crash_and_call(world: World, action: CrashAndCall) -> tuple[Any, ...]:
    world.shut_gate()
    try:
        try:
            world.crash(action.id, action.reason)
        except NotLive:
            return ("not_running",)
        world.await_gate()
        calls = [_asked(world, call) for call in action.calls]
    finally:
        world.open_gate()
    world.settle()
    return "ok", [_answered(world, asked) for asked in calls]


def _asked(world: World, action: CallAction) -> _Asked:
    """Ask a supervisor, without waiting for its answer. Specs are checked here: by the caller, and not by the callee."""
    try:
        flags = world.flags(action.sup)
        call = _call_of(world, action)
        simple = flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE
        return _Asked(call, world.post(action.sup, call), simple=simple)
    except NotLive:
        return _Asked(None, None, "noproc")
    except OtpError as error:
        return _Asked(None, None, error.term if error.raised else f"{{error,{error.term}}}")


def _call_of(world: World, action: CallAction) -> Call:
    match action:
        case StartChild(spec, sup):
            return Begin(world.spec(spec, sup))
        case StartTagged(spec, sup):
            return BeginTagged(world.tagged(spec, sup))
        case StartDynamic(child, sup):
            return BeginDynamic((blueprint_of(child, joined(sup, child["tag"])),))
        case Administer():
            return _ADMIN[action.which](_named(world, action))
        case Which():
            return AskWhich()
        case Count():
            return AskCount()


def _named(world: World, action: Administer) -> str | Ref:
    """Return by what *action* names a child."""
    if action.pid_of is None:
        assert action.id is not None
        return action.id
    ref = world.latest(action.pid_of)
    if ref is None:
        return "undefined"  # it never ran: there was no pid to name it by, and OTP takes any term
    simple = world.flags(action.sup).strategy is Strategy.SIMPLE_ONE_FOR_ONE
    if action.which is AdminOp.TERMINATE or (simple and action.which is AdminOp.GET_SPEC):
        return ref
    return repr(ref)  # to OTP one more term that is nobody's id; ours takes no handle there


def _answered(world: World, asked: _Asked) -> Any:
    if asked.call is None or asked.pending is None:
        return asked.refused
    return in_rets(asked.call, asked.pending.answer(), world.name_of, world.info_of, simple=asked.simple)


def _described(action: Action) -> str:
    names = (getattr(action, name, None) for name in ("id", "pid_of", "reason"))
    return " ".join([action.op, *(name for name in names if name is not None)])
