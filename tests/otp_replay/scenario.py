"""A scenario as values: what is started, what is done to it, and what OTP did.

How they are read is in ``loader``. Child specs and flags stay as they stand in the file: faulty ones are there on
purpose, and what becomes of them is decided when they are used (``specs``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, final

import attrs

__all__ = [
    "TOP",
    "Action",
    "AdminOp",
    "Administer",
    "Blueprint",
    "CheckSpecs",
    "Count",
    "Crash",
    "CrashAndCall",
    "DynamicPlan",
    "Plan",
    "Scenario",
    "Signal",
    "Sleep",
    "StartChild",
    "StartDynamic",
    "StartTagged",
    "Step",
    "StopSup",
    "StopTop",
    "Unlink",
    "Which",
    "joined",
]

#: The path of the top supervisor; its children's paths do not begin with it.
TOP: Final = "top"


def joined(sup: str, id: str) -> str:
    """Return the path of *id* below the supervisor with path *sup*."""
    return id if sup == TOP else f"{sup}/{id}"


@final
@attrs.frozen
class Plan:
    """What a supervisor's own init callback answers: flags and children, as in the file."""

    flags: Any
    children: Sequence[Any]


@final
@attrs.frozen
class DynamicPlan:
    """The options of an Elixir DynamicSupervisor, as in the file."""

    options: Mapping[str, Any]


@final
@attrs.frozen
class Blueprint:
    """What the start function of a child is given: where it is, and how it behaves."""

    path: str
    inits: tuple[str, ...] = ("ok",)  #: what becomes of the first, second, ... attempt; the last repeats
    trap: bool = True
    on_shutdown: str = "clean"
    plan: Plan | DynamicPlan | None = None  #: of a supervisor; None for a worker
    #: Whether nobody waits for its end: OTP's kill is behind the request before the child could read that.
    hurried: bool = False

    def attempt(self, number: int) -> str:
        """Return what the *number*-th attempt, from 1, is to do."""
        return self.inits[min(number, len(self.inits)) - 1]


@final
@attrs.frozen
class Crash:
    """The process of a path ends by itself, or is killed."""

    op: ClassVar = "crash"
    id: str
    reason: str


@final
@attrs.frozen
class Signal:
    """An unrelated process sends an exit signal."""

    op: ClassVar = "signal"
    id: str
    reason: str


@final
@attrs.frozen
class Unlink:
    """The child unlinks itself from its supervisor."""

    op: ClassVar = "unlink"
    id: str


@final
@attrs.frozen
class StartChild:
    """``start_child`` with a child spec."""

    op: ClassVar = "start_child"
    spec: Any
    sup: str = TOP


@final
@attrs.frozen
class StartDynamic:
    """``start_child`` of a simple_one_for_one, with the extra argument."""

    op: ClassVar = "start_child"
    child: Mapping[str, Any]
    sup: str = TOP


@final
@attrs.frozen
class StartTagged:
    """``start_child`` of a DynamicSupervisor: a child spec that has a tag in place of an id."""

    op: ClassVar = "start_child"
    spec: Mapping[str, Any]
    sup: str = TOP


@final
class AdminOp(enum.Enum):
    """The calls that name one child."""

    TERMINATE = "terminate_child"
    RESTART = "restart_child"
    DELETE = "delete_child"
    GET_SPEC = "get_childspec"


@final
@attrs.frozen
class Administer:
    """A call that names one child, by its id or by its process."""

    which: AdminOp
    id: str | None
    pid_of: str | None  #: the path of that process, whole
    sup: str = TOP

    @property
    def op(self) -> str:
        """Its name in the file, as every action has one."""
        return self.which.value


@final
@attrs.frozen
class Which:
    """``which_children``."""

    op: ClassVar = "which_children"
    sup: str = TOP


@final
@attrs.frozen
class Count:
    """``count_children``."""

    op: ClassVar = "count_children"
    sup: str = TOP


@final
@attrs.frozen
class CheckSpecs:
    """``check_childspecs/1`` or, with a flag, ``/2``."""

    op: ClassVar = "check_childspecs"
    specs: Any
    auto_shutdown: Any = None
    with_flag: bool = False


@final
@attrs.frozen
class StopTop:
    """The parent of the top supervisor sends it an exit signal."""

    op: ClassVar = "stop"
    reason: str


@final
@attrs.frozen
class StopSup:
    """``gen_server:stop`` of a supervisor."""

    op: ClassVar = "stop_sup"
    id: str
    reason: str


@final
@attrs.frozen
class Sleep:
    """Time passes."""

    op: ClassVar = "sleep"
    ms: float


Call = StartChild | StartDynamic | StartTagged | Administer | Which | Count


@final
@attrs.frozen
class CrashAndCall:
    """A child crashes, and calls are made while the supervisor is busy starting it again."""

    op: ClassVar = "crash_and_call"
    id: str
    reason: str
    calls: Sequence[Call]


Action = Call | Crash | Signal | Unlink | CheckSpecs | StopTop | StopSup | Sleep | CrashAndCall


@final
@attrs.frozen(kw_only=True)
class Step:
    """What one action did, or the start."""

    ret: str
    ev: Sequence[str]
    tree: Sequence[Any]
    sup: str  #: of the top supervisor: "alive", "exit:REASON" or "not_started"
    rets: Sequence[Any] | None = None
    spec: Mapping[str, Any] | None = None
    unordered: bool = False  #: whether the events are concurrent; then they are sorted


@final
@attrs.frozen(kw_only=True)
class Scenario:
    """One line of a file."""

    name: str
    tags: frozenset[str]
    top: Blueprint
    actions: Sequence[Action]
    start: Step
    steps: Sequence[Step]
