"""What others ask of a supervisor: to start, stop, restart and forget single children; OTP's rules for each.

Pure, as ``decisions``, where the contract is and what happens without being asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import attrs

from supervision.child_spec import ChildSpec, ChildType, check_together
from supervision.child_table import Child
from supervision.commands import Command, OnFailure, Start, Stop
from supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildRestarting,
    ChildRunning,
    InvalidSpec,
    NoSuchChild,
    SimpleOneForOne,
)
from supervision.ref import Ref
from supervision.sup_state import SupState

__all__ = [
    "ChildCounts",
    "ChildInfo",
    "add",
    "add_dynamic",
    "count",
    "delete",
    "restart_one",
    "rows",
    "spec_of",
    "stop_one",
]


@final
@attrs.frozen
class ChildCounts:
    """OTP's ``count_children``."""

    specs: int
    active: int  #: children that run; one that died a moment ago and was not yet heard of does not
    supervisors: int
    workers: int


@final
@attrs.frozen
class ChildInfo:
    """One row of ``which_children``."""

    id: str
    ref: Ref | None  #: None when it does not run
    type: ChildType
    restarting: bool
    restarts: int  #: successful ones, since its supervisor started


def add(state: SupState, spec: ChildSpec) -> Sequence[Command]:
    """Take one more child in, at the end, and start it.

    Raises:
        AlreadyStarted, AlreadyPresent: Its id is taken, by a child that runs or by a spec that was kept.
        InvalidSpec: It does not fit to the flags, or the children are made from a template.
    """
    if state.is_simple():
        raise InvalidSpec(
            "spec", spec.id, "a sequence of extra arguments: a simple_one_for_one has its one spec"
        )
    check_together(spec, state.flags.auto_shutdown)
    present = state.children.get(spec.id)
    if present is not None:
        raise AlreadyPresent(spec.id) if present.ref is None else AlreadyStarted(spec.id, present.ref)
    return _take_in(state, spec)


def add_dynamic(state: SupState, args: Sequence[Any]) -> Sequence[Command]:
    """Start one more child from the template, with *args* behind the template's own.

    It is given an id that no other child has or had; unlike OTP's, whose dynamic children have none, since the id is
    its name in the tree.

    Raises:
        InvalidSpec: The children are not made from a template.
    """
    template = state.template
    if template is None:
        raise InvalidSpec("spec", args, "a ChildSpec: only a simple_one_for_one takes arguments alone")
    state.serial += 1
    spec = attrs.evolve(template, id=f"{template.id}.{state.serial}", args=(*template.args, *args))
    return _take_in(state, spec)


def stop_one(state: SupState, which: str | Ref, *, dead: bool = False) -> Sequence[Command]:
    """Somebody asked for a child to be stopped; its spec is kept, except a temporary one's or one from a template.

    Args:
        state: The supervisor's.
        which: The child's id; of a dynamic supervisor also, of a template's children only, the handle.
        dead: Whether *which* is a handle of something that has ended: then there is nothing to do for a
            ``simple_one_for_one``, as in OTP; a dynamic supervisor does not know it, as in Elixir.

    Raises:
        NoSuchChild: It is none of this supervisor's.
        SimpleOneForOne: An id was given where children have none.
    """
    if isinstance(which, str):
        if state.is_simple():
            raise SimpleOneForOne(which)
        child = state.known(which)
    else:
        found = state.children.by_ref(which) if state.is_dynamic() else None
        if found is None:
            if dead and state.is_simple():
                return []
            raise NoSuchChild(repr(which), tuple(state.children.ids()))
        child = found
    if child.ref is not None:
        return [Stop(child.spec.id, child.ref, child.spec.shutdown)]
    state.put_to_rest(child)
    return []


def delete(state: SupState, id: str) -> Sequence[Command]:
    """Somebody asked for the spec of *id*, which does not run, to be forgotten.

    Raises:
        NoSuchChild: There is none with this id.
        ChildRunning, ChildRestarting: It is not at rest.
        SimpleOneForOne: Children have no ids here.
    """
    _resting(state, id)
    state.children.remove(id)
    return []


def restart_one(state: SupState, id: str) -> Sequence[Command]:
    """Somebody asked for the child *id*, whose spec was kept, to be started.

    Raises:
        NoSuchChild: There is none with this id.
        ChildRunning, ChildRestarting: It is not at rest.
        SimpleOneForOne: Children have no ids here.
    """
    _resting(state, id)
    return [Start(id, OnFailure.KEEP)]


def spec_of(state: SupState, which: str | Ref, *, dead: bool = False) -> ChildSpec:
    """Return the spec of a child; the template, for what is made from it.

    Args:
        state: The supervisor's.
        which: The child's id; of a dynamic supervisor also the handle. Of what is made from a template: the template's
            id, or the handle.
        dead: Whether *which* is a handle of something that has ended: it may have been made from the template (OTP's).

    Raises:
        NoSuchChild: It is none of this supervisor's.
    """
    template = state.template
    if isinstance(which, Ref):
        child = state.children.by_ref(which) if state.is_dynamic() else None
        if child is not None:
            return template or child.spec
        if dead and template is not None:
            return template
        raise NoSuchChild(repr(which), tuple(state.children.ids()))
    if template is None:
        return state.known(which).spec
    if which != template.id:
        raise NoSuchChild(which, (template.id,))
    return template


def count(state: SupState, is_alive: Callable[[Ref], bool]) -> ChildCounts:
    """Count the children; *is_alive* tells whether a handle still runs."""
    rows = tuple(state.children)
    supervisors = sum(row.spec.type is ChildType.SUPERVISOR for row in rows)
    return ChildCounts(
        specs=1 if state.is_simple() else len(rows),
        active=sum(row.ref is not None and is_alive(row.ref) for row in rows),
        supervisors=supervisors,
        workers=len(rows) - supervisors,
    )


def rows(state: SupState) -> Sequence[ChildInfo]:
    """Return what is known of each child, in start order."""
    return tuple(
        ChildInfo(row.spec.id, row.ref, row.spec.type, row.restarting, row.restarts) for row in state.children
    )


def _take_in(state: SupState, spec: ChildSpec) -> Sequence[Command]:
    state.children.put(Child(spec))
    return [Start(spec.id, OnFailure.FORGET)]


def _resting(state: SupState, id: str) -> None:
    if state.is_simple():
        raise SimpleOneForOne(id)
    child = state.known(id)
    if child.restarting:
        raise ChildRestarting(id)
    if child.ref is not None:
        raise ChildRunning(id)
