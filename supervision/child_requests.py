"""What is asked of a supervisor: requests that are checked where they are made, in the caller's thread.

A wrong type must not be the supervisor's failure. What it answers is in ``administration``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import attrs

from supervision.child_spec import ChildSpec
from supervision.errors import InvalidSpec
from supervision.ref import Ref

__all__ = [
    "CountChildren",
    "DeleteChild",
    "GetChildSpec",
    "RestartChild",
    "StartChild",
    "TerminateChild",
    "WhichChildren",
]


def _spec_or_arguments(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, ChildSpec | Sequence) or isinstance(value, str | bytes):
        raise InvalidSpec(field.name, value, "a ChildSpec, or, for a simple_one_for_one, a list of arguments")


def _id(_: object, _field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}: expected the child's id, a str")


def _id_or_ref(_: object, _field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str | Ref):
        raise TypeError(f"{value!r}: expected the child's id, a str, or its Ref")


@final
@attrs.frozen
class StartChild:
    """Of ``start_child``."""

    spec: ChildSpec | Sequence[Any] = attrs.field(validator=_spec_or_arguments)


@final
@attrs.frozen
class TerminateChild:
    """Of ``terminate_child``."""

    which: str | Ref = attrs.field(validator=_id_or_ref)


@final
@attrs.frozen
class RestartChild:
    """Of ``restart_child``."""

    id: str = attrs.field(validator=_id)


@final
@attrs.frozen
class DeleteChild:
    """Of ``delete_child``."""

    id: str = attrs.field(validator=_id)


@final
@attrs.frozen
class GetChildSpec:
    """Of ``get_childspec``."""

    which: str | Ref = attrs.field(validator=_id_or_ref)


@final
@attrs.frozen
class WhichChildren:
    """Of ``which_children``."""


@final
@attrs.frozen
class CountChildren:
    """Of ``count_children``."""
