"""What Elixir's DynamicSupervisor differs in from OTP's supervisor: its options, and its child specs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from supervision.child_spec import AutoShutdown, ChildSpec
from supervision.errors import InvalidSpec
from supervision.exit_reason import Crashed
from tests.otp_replay.scenario import TOP, DynamicPlan
from tests.otp_replay.specs import OtpError, Start, spec_of
from tests.otp_replay.terms import term_of

__all__ = ["failure_of", "keywords_of", "tagged_spec"]

#: Elixir's names of what ours calls as OTP does, and Elixir's defaults.
_OPTIONS: Final[Mapping[str, tuple[str, Any]]] = {
    "max_restarts": ("intensity", 3),
    "max_seconds": ("period", 5),
    "max_children": ("max_children", math.inf),
    "extra_arguments": ("extra_arguments", ()),
}


def keywords_of(plan: DynamicPlan) -> Mapping[str, Any]:
    """Return the arguments of our ``DynamicSupervisor`` for *plan*."""
    given = {ours: plan.options.get(theirs, default) for theirs, (ours, default) in _OPTIONS.items()}
    if given["max_children"] == "infinity":
        given["max_children"] = math.inf
    return given


def failure_of(reason: object) -> object:
    """Return why a DynamicSupervisor did not start, as Elixir calls it, if ours did not like its options."""
    error = reason.error if isinstance(reason, Crashed) else None
    if isinstance(error, InvalidSpec):
        return f"{{supervisor_data,{{invalid_{error.field},{term_of(error.given)}}}}}"
    return reason


def tagged_spec(given: Mapping[str, Any], number: int, start: Start) -> ChildSpec:
    """Return *given*, a child of a DynamicSupervisor, as a spec.

    Args:
        given: As in the file.
        number: Tells it from its siblings: ours keep their ids, Elixir's may have the same.
        start: What it starts.

    Raises:
        OtpError: Elixir refuses it.
    """
    tag = given["tag"]
    if given.get("id") == "omit":
        raise OtpError("{invalid_child_spec,map}")
    if "start" in given:
        raise OtpError(f"{{invalid_child_spec,spec({tag})}}")
    try:
        spec = spec_of({**given, "id": tag}, TOP, AutoShutdown.NEVER, start)
    except OtpError as error:
        if "type" in given and "shutdown" not in given and error.term.startswith("{invalid_child_type,"):
            # Elixir looks for the default of shutdown first, and its case has no clause for this type.
            raise OtpError(f"{{raised,{{case_clause,{term_of(given['type'])}}}}}", raised=True) from error
        raise
    return attrs.evolve(spec, id=f"{tag}.{number}")
