"""Child specs and flags as lenient as OTP takes them, and what OTP calls the faults that our own classes find.

Ours are strict where OTP is not: unknown keys are dropped here. The rules themselves are asked of ``ChildSpec``,
``SupFlags`` and ``check_childspecs``, one key after the other, for OTP names the fault that comes first in its order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import attrs

from supervision.child_spec import (
    AutoShutdown,
    BrutalKill,
    ChildSpec,
    ChildType,
    Restart,
    Strategy,
    SupFlags,
    check_childspecs,
    check_together,
)
from supervision.errors import InvalidSpec
from tests.otp_replay.loader import blueprint_of
from tests.otp_replay.scenario import CheckSpecs, Plan, joined
from tests.otp_replay.terms import term_of

__all__ = ["OtpError", "Start", "checked", "details_of", "prepared", "spec_of"]

_FLAGS: Final = ("strategy", "intensity", "period", "auto_shutdown")
_INVALID: Final = {"restart": "invalid_restart_type", "type": "invalid_child_type"}


@final
class OtpError(Exception):
    """A spec or flags that OTP refuses; ``term`` is what it calls the fault."""

    def __init__(self, term: str, *, raised: bool = False) -> None:
        super().__init__(term)
        self.term = term
        self.raised = raised  #: whether the caller gets an exception and not an error


@final
@attrs.frozen
class Start:
    """What stands in for the recorder's start functions, of workers and of nested supervisors."""

    worker: Callable[..., Any]
    supervisor: Callable[..., Any]
    args: tuple[Any, ...] = ()  #: what each is given before the child's blueprint


def _flags_of(given: Any) -> SupFlags:
    if isinstance(given, list) and len(given) == 3:
        given = dict(zip(_FLAGS, given, strict=False))  # the old form; it has no auto_shutdown
    if not isinstance(given, dict):
        given = (
            f"{{{term_of(given)[1:-1]}}}" if isinstance(given, list) else given
        )  # here an array is a tuple
        raise OtpError(f"{{invalid_type,{term_of(given)}}}")
    known = {flag: _whole(given[flag]) for flag in _FLAGS if flag in given}
    try:
        return SupFlags(**known)
    except InvalidSpec as error:
        raise OtpError(f"{{invalid_{error.field},{term_of(given[error.field])}}}") from error


def prepared(plan: Plan, sup: str, start: Start) -> tuple[SupFlags, Sequence[ChildSpec]]:
    """Return the flags and the children of the supervisor with path *sup*; of a simple_one_for_one, its template.

    Raises:
        OtpError: OTP refuses them; the term is why the supervisor does not start.
    """
    try:
        flags = _flags_of(plan.flags)
    except OtpError as error:
        raise OtpError(f"{{supervisor_data,{error.term}}}") from error
    simple = flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE
    if simple and len(plan.children) != 1:
        raise OtpError(f"{{bad_start_spec,{term_of(plan.children)}}}")
    try:
        specs = _checked(plan.children, sup, flags.auto_shutdown, start)
    except OtpError as error:
        raise OtpError(f"{{start_spec,{error.term}}}") from error
    return flags, [_template(spec, start) for spec in specs] if simple else specs


def spec_of(given: Any, sup: str, flag: AutoShutdown | None, start: Start) -> ChildSpec:
    """Return one CHILD of the supervisor with path *sup*.

    Args:
        given: As in the file.
        sup: Whose child it is.
        flag: The supervisor's ``auto_shutdown``; None does not look at it.
        start: What it starts.

    Raises:
        OtpError: OTP refuses it.
    """
    if not isinstance(given, dict):
        raise OtpError(f"{{invalid_child_spec,{term_of(given)}}}")
    if "id" not in given:
        raise OtpError("missing_id")
    if given.get("start") == "omit":
        raise OtpError("missing_start")
    if "start" in given:
        raise OtpError(f"{{invalid_mfa,{term_of(given['start'])}}}")
    id = term_of(given["id"])
    function = start.supervisor if "sup" in given else start.worker
    keys: dict[str, Any] = {"id": id, "start": function}
    for key, value in _converted(given).items():
        keys[key] = value
        if key == "significant" and flag is not None:
            _fits(keys, flag)
        try:
            ChildSpec(**keys)
        except InvalidSpec as error:
            raise OtpError(_fault(key, given[key])) from error
    _check_modules(given.get("modules", []))
    return ChildSpec(**keys, args=(*start.args, blueprint_of(given, joined(sup, id))))


def checked(action: CheckSpecs) -> str:
    """Return what ``check_childspecs`` answers."""
    flag = None
    if not isinstance(action.specs, list):
        return f"{{error,{{badarg,{term_of(action.specs)}}}}}"
    if action.with_flag:
        try:
            flag = SupFlags(auto_shutdown=action.auto_shutdown).auto_shutdown
        except InvalidSpec:
            return f"{{error,{{badarg,{term_of(action.auto_shutdown)}}}}}"
    try:
        _checked(action.specs, "", flag, Start(len, len))
    except OtpError as error:
        return f"{{error,{error.term}}}"
    return "ok"


def details_of(spec: ChildSpec) -> Mapping[str, Any]:
    """Return what the corpus tells of a spec that ``get_childspec`` gave."""
    shutdown: Any = spec.shutdown
    if isinstance(shutdown, BrutalKill):
        shutdown = shutdown.value
    else:
        shutdown = "infinity" if shutdown == math.inf else round(shutdown * 1000)
    return {
        "id": spec.id,
        "restart": spec.restart.value,
        "shutdown": shutdown,
        "type": spec.type.value,
        "significant": spec.significant,
    }


def _template(spec: ChildSpec, start: Start) -> ChildSpec:
    """Return *spec* as one that children are made from: how each behaves comes with it."""
    supervises = spec.type is ChildType.SUPERVISOR
    return attrs.evolve(spec, start=start.supervisor if supervises else start.worker, args=start.args)


def _checked(
    children: Sequence[Any], sup: str, flag: AutoShutdown | None, start: Start
) -> Sequence[ChildSpec]:
    specs: list[ChildSpec] = []
    for given in children:
        specs.append(spec_of(given, sup, flag, start))
        try:
            check_childspecs(specs)
        except InvalidSpec as error:
            raise OtpError(f"{{duplicate_child_name,{specs[-1].id}}}") from error
    return specs


def _converted(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys that matter as our classes take them, in the order in which OTP looks at them."""
    found = {key: given[key] for key in ("restart", "significant", "type", "shutdown") if key in given}
    if "significant" in found and isinstance(found["significant"], str):
        found["significant"] = {"true": True, "false": False}.get(found["significant"], found["significant"])
    if "shutdown" in found:
        shutdown = _whole(found["shutdown"])
        if isinstance(shutdown, int) and not isinstance(shutdown, bool):
            shutdown /= 1000
        found["shutdown"] = math.inf if shutdown == "infinity" else shutdown
    return found


def _whole(value: Any) -> Any:
    # OTP's numbers are integers; ours may be fractions of a second.
    return str(value) if isinstance(value, float) else value


def _fits(keys: Mapping[str, Any], flag: AutoShutdown) -> None:
    try:
        spec = ChildSpec(**{**keys, "restart": Restart.TRANSIENT})
    except InvalidSpec:
        return  # not a boolean: told when the whole is looked at
    try:
        check_together(spec, flag)
    except InvalidSpec as error:
        raise OtpError("{bad_combination,[{auto_shutdown,never},{significant,true}]}") from error


def _fault(key: str, given: Any) -> str:
    if key == "significant" and term_of(given) == "true":
        return "{bad_combination,[{restart,permanent},{significant,true}]}"
    return f"{{{_INVALID.get(key, f'invalid_{key}')},{term_of(given)}}}"


def _check_modules(given: Any) -> None:
    """Refuse what OTP does as ``modules``; ours has no such key, for Python needs no list of what to reload."""
    if not isinstance(given, list):
        if given != "dynamic":
            raise OtpError(f"{{invalid_modules,{term_of(given)}}}")
        return
    for each in given:
        if not isinstance(each, str | bool):
            raise OtpError(f"{{invalid_module,{term_of(each)}}}")
