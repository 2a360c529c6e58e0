"""What a supervisor is asked for, as values, and how the corpus writes what it answers.

Who asks and how the answer comes is each world's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import attrs

from supervision.administration import ChildCounts
from supervision.child_spec import ChildSpec
from supervision.errors import (
    ActorExited,
    AlreadyPresent,
    AlreadyStarted,
    ChildRestarting,
    ChildRunning,
    MaxChildren,
    NoProcess,
    NoSuchChild,
    SimpleOneForOne,
    StartError,
)
from supervision.ref import Ref
from supervision.supervisor import ChildInfo
from tests.otp_replay.terms import text_of

__all__ = [
    "AskCount",
    "AskSpec",
    "AskWhich",
    "Begin",
    "BeginDynamic",
    "BeginKept",
    "BeginTagged",
    "Call",
    "Delete",
    "Terminate",
    "in_rets",
    "numbers_of",
    "ret_of",
    "rows_of",
    "text_in_elixir",
]


@final
@attrs.frozen
class Begin:
    """``start_child`` with a spec."""

    spec: ChildSpec


@final
@attrs.frozen
class BeginDynamic:
    """``start_child`` with extra arguments."""

    args: tuple[Any, ...]


@final
@attrs.frozen
class BeginTagged:
    """``start_child`` of a DynamicSupervisor."""

    spec: ChildSpec


@final
@attrs.frozen
class BeginKept:
    """``restart_child``."""

    id: str


@final
@attrs.frozen
class Terminate:
    """``terminate_child``."""

    which: str | Ref


@final
@attrs.frozen
class Delete:
    """``delete_child``."""

    id: str


@final
@attrs.frozen
class AskSpec:
    """``get_childspec``."""

    which: str | Ref


@final
@attrs.frozen
class AskWhich:
    """``which_children``."""


@final
@attrs.frozen
class AskCount:
    """``count_children``."""


Call = Begin | BeginDynamic | BeginTagged | BeginKept | Terminate | Delete | AskSpec | AskWhich | AskCount


def ret_of(call: Call, answer: object, name_of: Callable[[Ref], str], info_of: Callable[[Ref], Any]) -> str:
    """Return the ``ret`` of *call*.

    Args:
        call: What was asked for.
        answer: What it returned, or the error that it raised.
        name_of: Names the instance behind a handle.
        info_of: What else the start of one answered, or None.
    """
    if isinstance(answer, Exception):
        return _refusal(call, answer, name_of)
    if isinstance(call, Begin | BeginDynamic | BeginTagged | BeginKept):
        if answer is None:
            return "ignore" if isinstance(call, BeginTagged) else "{ok,undefined}"
        assert isinstance(answer, Ref)
        info = info_of(answer)
        return f"{{ok,{name_of(answer)}}}" if info is None else f"{{ok,{name_of(answer)},{info}}}"
    return "{ok,spec}" if isinstance(call, AskSpec) else "ok"


def in_rets(
    call: Call, answer: object, name_of: Callable[[Ref], str], info_of: Callable[[Ref], Any], *, simple: bool
) -> Any:
    """Return the entry of *call* in the ``rets`` of calls that were made during a restart."""
    if isinstance(answer, Exception):
        return ret_of(call, answer, name_of, info_of)
    if isinstance(call, AskWhich):
        assert isinstance(answer, tuple)
        return rows_of(answer, name_of, simple=simple)
    if isinstance(call, AskCount):
        assert isinstance(answer, ChildCounts)
        return numbers_of(answer)
    if isinstance(call, AskSpec):
        assert isinstance(answer, ChildSpec)
        return f"{{ok,spec({answer.id})}}"
    return ret_of(call, answer, name_of, info_of)


def text_in_elixir(answer: object, name_of: Callable[[Ref], str]) -> str:
    """Return how the corpus writes what ``which_children`` or ``count_children`` of a DynamicSupervisor answered."""
    if isinstance(answer, Exception):
        return "noproc"
    if isinstance(answer, ChildCounts):
        pairs: Iterable[Sequence[object]] = sorted(attrs.asdict(answer).items())
    else:
        assert isinstance(answer, tuple)
        pairs = rows_of(answer, name_of, simple=True)
    return "[" + ",".join("{" + ",".join(map(str, each)) + "}" for each in pairs) + "]"


def rows_of(children: Sequence[ChildInfo], name_of: Callable[[Ref], str], *, simple: bool) -> list[list[str]]:
    """Return the rows of ``which_children``: newest first, or sorted, where OTP has no order and no ids."""
    rows = []
    for child in reversed(children):
        status = "undefined" if child.ref is None else name_of(child.ref)
        status = "restarting" if child.restarting else status
        rows.append(["undefined" if simple else child.id, status, child.type.value])
    return sorted(rows) if simple else rows


def numbers_of(counts: ChildCounts) -> list[int]:
    """Return ``count_children`` as the corpus writes it."""
    return [counts.specs, counts.active, counts.supervisors, counts.workers]


def _refusal(call: Call, error: Exception, name_of: Callable[[Ref], str]) -> str:
    match error:
        case NoProcess() | ActorExited():
            return "noproc"
        case StartError():
            # OTP gives start_child's caller its internal record of the child, too.
            why = text_of(error.reason)
            why = f"{{{why},child}}" if isinstance(call, Begin) else why
        case NoSuchChild():
            why = "not_found"
        case ChildRunning():
            why = "running"
        case ChildRestarting():
            why = "restarting"
        case AlreadyPresent():
            why = "already_present"
        case AlreadyStarted():
            why = f"{{already_started,{name_of(error.ref)}}}"
        case SimpleOneForOne():
            why = "simple_one_for_one"
        case MaxChildren():
            why = "max_children"
        case _:
            why = repr(error)  # nothing that OTP answers: it shows in a mismatch
    return f"{{error,{why}}}"
