"""Reads scenarios from a file: each line one JSON object, checked as far as a replay relies on it.

What a child spec or a supervisor's flags hold is not checked: faulty ones are part of the corpus. Unknown keys are
left alone, as OTP does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, final

import attrs

from tests.otp_replay.scenario import (
    TOP,
    Action,
    Administer,
    AdminOp,
    Blueprint,
    CheckSpecs,
    Count,
    Crash,
    CrashAndCall,
    DynamicPlan,
    Plan,
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

__all__ = ["BadLine", "Foreign", "blueprint_of", "load", "load_all"]

T = TypeVar("T")

#: The kinds of Elixir's that have no counterpart here; the format has one more, ``dynamic_supervisor``, and none for OTP's.
_FOREIGN: Final = frozenset({"partition_supervisor", "registry"})

_WORKER_INIT: Final = re.compile(r"ok|ignore|gate_ok|(extra|error|raise|gate_error):.+", re.DOTALL)
_ON_SHUTDOWN: Final = re.compile(r"clean|refuse|slow:\d+|exit:.+", re.DOTALL)
_CALLS: Final = frozenset({"start_child", "which_children", "count_children", *(op.value for op in AdminOp)})


@final
class BadLine(Exception):
    """A file, or a line of it, cannot be read; the text says where and why."""


@final
@attrs.frozen
class Foreign:
    """A scenario of something that this project has no counterpart of; it is not read any further."""

    name: str
    kind: str


def load(path: Path, kind: str | None = None) -> Sequence[Scenario]:
    """Read the scenarios of the file at *path* that can be replayed; see ``load_all``."""
    return [each for each in load_all(path, kind) if isinstance(each, Scenario)]


def load_all(path: Path, kind: str | None = None) -> Sequence[Scenario | Foreign]:
    """Read the scenarios of the file at *path*.

    Args:
        path: A file with one scenario a line.
        kind: Which to read: those of this ``kind``; None reads all.

    Raises:
        BadLine: The file cannot be read, or a line is not a scenario.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise BadLine(f"{path}: {error}") from error
    return tuple(_scenarios(path, text, kind))


def _scenarios(path: Path, text: str, kind: str | None) -> Iterator[Scenario | Foreign]:
    # Not splitlines(): JSON may hold other line ends inside a string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            if kind is not None and not (isinstance(given, dict) and given.get("kind") == kind):
                continue
            if isinstance(given, dict) and given.get("kind") in _FOREIGN:
                yield Foreign(_get(given, "name", str), given["kind"])
            else:
                yield _scenario(given)
        except (ValueError, RecursionError) as error:
            raise BadLine(f"{path}:{number}: {error}") from error


def _scenario(given: Any) -> Scenario:
    _is(given, dict, "a scenario")
    dynamic = given.get("kind") == "dynamic_supervisor"
    if "kind" in given and not dynamic:
        raise ValueError(
            f"kind {given['kind']!r}: expected none, dynamic_supervisor, {' or '.join(sorted(_FOREIGN))}"
        )
    name = _get(given, "name", str)
    actions = [_action(each, dynamic=dynamic) for each in _get(given, "actions", list)]
    start = _step(_get(given, "start", dict))
    steps = [_step(each) for each in _get(given, "steps", list)]
    if len(actions) != len(steps) and start.sup != "not_started":
        raise ValueError(f"{name}: {len(actions)} actions, but {len(steps)} steps")
    if dynamic:
        top = Blueprint(TOP, plan=DynamicPlan(_get(given, "opts", dict)))
    elif "sup" in given:
        top = Blueprint(TOP, _inits(given, supervisor=True), plan=_plan(given))
    else:
        raise ValueError(f"{name}: 'sup' is missing")
    tags = frozenset(_strings(given.get("tags", []), "tags"))
    return Scenario(name=name, tags=tags, top=top, actions=actions, start=start, steps=steps)


def blueprint_of(given: Mapping[str, Any], path: str) -> Blueprint:
    """Return the behaviour part of a CHILD, or of the ``child`` of a simple_one_for_one.

    Raises:
        ValueError: It has a behaviour that the format does not know.
    """
    supervisor = "sup" in given
    trap = given.get("trap", True)
    _is(trap, bool, "trap")
    on_shutdown = given.get("on_shutdown", "clean")
    if not isinstance(on_shutdown, str) or not _ON_SHUTDOWN.fullmatch(on_shutdown):
        raise ValueError(f"on_shutdown {on_shutdown!r}: expected clean, refuse, slow:N or exit:R")
    return Blueprint(
        path,
        _inits(given, supervisor=supervisor),
        trap=trap,
        on_shutdown=on_shutdown,
        plan=_plan(given) if supervisor else None,
        hurried=given.get("shutdown") == 0,
    )


def _plan(given: Mapping[str, Any]) -> Plan:
    children = given.get("children", [])
    _is(children, list, "children")
    for child in children:
        _check_child(child)
    return Plan(given["sup"], children)


def _check_child(given: Any) -> None:
    if isinstance(given, dict):
        blueprint_of(given, "")  # what it says of behaviour must be known, wherever it stands


def _inits(given: Mapping[str, Any], *, supervisor: bool) -> tuple[str, ...]:
    inits = tuple(_strings(given.get("inits", ["ok"]), "inits"))
    if not inits:
        raise ValueError("inits: expected at least one entry")
    unknown = [init for init in inits if not supervisor and not _WORKER_INIT.fullmatch(init)]
    if unknown:
        raise ValueError(f"inits {unknown[0]!r}: expected ok, extra:I, ignore, error:R, raise:R or a gate")
    return inits


def _action(given: Any, *, dynamic: bool = False) -> Action:
    _is(given, dict, "an action")
    op = _get(given, "op", str)
    reader = _READERS.get(op)
    if reader is None:
        raise ValueError(f"op {op!r}: expected one of {', '.join(sorted(_READERS))}")
    return _start_tagged(given) if dynamic and op == "start_child" else reader(given)


def _call(given: Any) -> Any:
    if not isinstance(given, dict) or given.get("op") not in _CALLS:
        raise ValueError(f"calls: {given!r} is none of {', '.join(sorted(_CALLS))}")
    return _action(given)


def _start_child(given: Mapping[str, Any]) -> Action:
    sup = _sup(given)
    if "child" in given:
        child = _get(given, "child", dict)
        blueprint_of(child, joined(sup, _get(child, "tag", str)))
        return StartDynamic(child, sup)
    if "spec" not in given:
        raise ValueError("start_child: expected 'spec' or 'child'")
    _check_child(given["spec"])
    return StartChild(given["spec"], sup)


def _start_tagged(given: Mapping[str, Any]) -> Action:
    spec = _get(given, "spec", dict)
    blueprint_of(spec, _get(spec, "tag", str))
    return StartTagged(spec)


def _administer(given: Mapping[str, Any]) -> Action:
    sup, op = _sup(given), AdminOp(given["op"])
    if "pid_of" in given:
        return Administer(op, None, joined(sup, _get(given, "pid_of", str)), sup)
    if "id" not in given:
        raise ValueError(f"{op.value}: expected 'id' or 'pid_of'")
    return Administer(op, str(given["id"]), None, sup)


def _check_specs(given: Mapping[str, Any]) -> Action:
    if "specs" not in given:
        raise ValueError("check_childspecs: 'specs' is missing")
    for child in given["specs"] if isinstance(given["specs"], list) else ():
        _check_child(child)
    return CheckSpecs(given["specs"], given.get("auto_shutdown"), "auto_shutdown" in given)


def _sleep(given: Mapping[str, Any]) -> Action:
    ms = given.get("ms")
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms < 1e9:
        raise ValueError(f"sleep: ms {ms!r}: expected milliseconds")
    return Sleep(ms)


def _crash_and_call(given: Mapping[str, Any]) -> Action:
    calls = tuple(_call(each) for each in _get(given, "calls", list))
    return CrashAndCall(_id(given), _get(given, "reason", str), calls)


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Action]]] = {
    "crash": lambda given: Crash(_id(given), _get(given, "reason", str)),
    "signal": lambda given: Signal(_id(given), _get(given, "reason", str)),
    "unlink": lambda given: Unlink(_id(given)),
    "start_child": _start_child,
    **{op.value: _administer for op in AdminOp},
    "which_children": lambda given: Which(_sup(given)),
    "count_children": lambda given: Count(_sup(given)),
    "check_childspecs": _check_specs,
    "stop": lambda given: StopTop(_get(given, "reason", str)),
    "stop_sup": lambda given: StopSup(_id(given), _get(given, "reason", str)),
    "sleep": _sleep,
    "crash_and_call": _crash_and_call,
}


def _step(given: Any) -> Step:
    _is(given, dict, "a step")
    return Step(
        ret=_get(given, "ret", str),
        ev=_strings(_get(given, "ev", list), "ev"),
        tree=_get(given, "tree", list),
        sup=_get(given, "sup", str),
        rets=given.get("rets"),
        spec=given.get("spec"),
        unordered=bool(given.get("unordered", False)),
    )


def _id(given: Mapping[str, Any]) -> str:
    return _get(given, "id", str)


def _sup(given: Mapping[str, Any]) -> str:
    return _get(given, "sup", str) if "sup" in given else TOP


def _get(given: Mapping[str, Any], key: str, kind: type[T]) -> T:
    if key not in given:
        raise ValueError(f"{key!r} is missing")
    value = given[key]
    if not isinstance(value, kind):
        raise ValueError(f"{key} {value!r}: expected {kind.__name__}")  # noqa: TRY004 a fault of the line, as all others
    return value


def _is(given: object, kind: type, what: str) -> None:
    if not isinstance(given, kind):
        raise ValueError(f"{what} {given!r}: expected {kind.__name__}")  # noqa: TRY004 likewise


def _strings(given: Any, what: str) -> Sequence[str]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"{what} {given!r}: expected a list of strings")
    return given
