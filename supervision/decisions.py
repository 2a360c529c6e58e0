"""THE rules: what a supervisor does about each thing that happens to its children.

Pure: ``(state, event, now) -> commands``; the state's table is written here and nowhere else. No thread, clock or
actor is touched: ``supervisor`` carries the commands out and feeds their outcomes back. Its contract:

1. Commands run in order.
2. A ``Start`` that fails drops the rest of the list and goes back in through ``start_failed``.
3. ``Stop`` blocks until the child is down, at most its shutdown time, and goes back in through ``stopped``.
4. An exit of an older incarnation matches no child and changes nothing.
5. After ``ExitSelf`` no further message is handled; the shell runs ``stop_all`` on its way out.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

import attrs

from supervision.child_spec import (
    AutoShutdown,
    BrutalKill,
    ChildSpec,
    Restart,
    Strategy,
    SupFlags,
    check_childspecs,
    check_together,
)
from supervision.child_table import Child, ChildTable
from supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildRestarting,
    ChildRunning,
    InvalidSpec,
    NoSuchChild,
    SimpleOneForOne,
)
from supervision.events import ChildRestarted, ChildRestartFailed, Event, SupervisorGaveUp
from supervision.exit_reason import SHUTDOWN, ExitReason, is_quiet, shutdown
from supervision.intensity import RestartWindow
from supervision.ref import Ref
from supervision.strategy import affected

__all__ = [
    "Command",
    "ExitSelf",
    "FailedToStartChild",
    "OnFailure",
    "Report",
    "RetryLater",
    "Start",
    "Stop",
    "SupState",
    "add",
    "add_dynamic",
    "begin",
    "child_exited",
    "delete",
    "needs_restart",
    "restart_one",
    "retry_due",
    "spec_of",
    "start_failed",
    "started",
    "stop_all",
    "stop_one",
    "stopped",
]


@final
class OnFailure(enum.Enum):
    """What a failed start means, by what asked for it."""

    ROLL_BACK = "roll_back"  #: the supervisor itself was starting: it stops what runs and fails
    FORGET = "forget"  #: somebody asked for one more child: the caller is told
    KEEP = "keep"  #: somebody asked for a child whose spec was kept: the caller is told, the spec stays
    RETRY = "retry"  #: a restart: it is tried again, and counts


@final
@attrs.frozen
class Start:
    """Start the child *id* and wait for its ``init``."""

    id: str
    on_failure: OnFailure


@final
@attrs.frozen
class Stop:
    """Stop the child that runs as *ref*."""

    id: str
    ref: Ref
    shutdown: float | BrutalKill  #: as in its spec


@final
@attrs.frozen
class RetryLater:
    """Come back with ``retry_due``, behind the messages that already wait (OTP's ``try_again_restart``)."""

    id: str
    delay: float = 0.0  #: seconds from now; 0 in OTP


@final
@attrs.frozen
class Report:
    """Emit *event*."""

    event: Event


@final
@attrs.frozen
class ExitSelf:
    """End the supervisor with *reason*."""

    reason: ExitReason


Command = Start | Stop | RetryLater | Report | ExitSelf


@final
@attrs.frozen
class FailedToStartChild:
    """The detail of a supervisor's failed start; OTP's ``{failed_to_start_child, Id, Reason}``."""

    id: str
    reason: Any

    def __str__(self) -> str:
        return f"child {self.id!r} failed to start: {self.reason}"


@final
@attrs.define(eq=False)
class SupState:
    """A supervisor's state. Only the functions of this module write it."""

    name: str
    flags: SupFlags
    chance: Callable[[], float] = attrs.field(
        default=lambda: 0.0
    )  #: from 0 to below 1; for the jitter of a ``Backoff``
    children: ChildTable = attrs.field(factory=ChildTable, init=False)
    template: ChildSpec | None = attrs.field(
        default=None, init=False
    )  #: of all children, if ``simple_one_for_one``
    _window: RestartWindow = attrs.field(init=False)
    _serial: int = attrs.field(default=0, init=False)  #: of the last child made from the template

    @_window.default
    def _empty_window(self) -> RestartWindow:
        return RestartWindow(self.flags.intensity, self.flags.period)

    def is_simple(self) -> bool:
        """Return whether all its children are made from one spec."""
        return self.flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE


def begin(state: SupState, specs: Iterable[ChildSpec]) -> Sequence[Command]:
    """Take *specs* in and start them in order; ``simple_one_for_one`` takes one, as template, and starts nothing.

    Raises:
        InvalidSpec: They do not fit together, or not to the flags.
    """
    checked = check_childspecs(specs, state.flags.auto_shutdown)
    if state.is_simple():
        if len(checked) != 1:
            ids = [spec.id for spec in checked]
            raise InvalidSpec(
                "children", ids, "exactly one spec, from which a simple_one_for_one's are all made"
            )
        state.template = checked[0]
        return []
    for spec in checked:
        state.children.put(Child(spec))
    return [Start(spec.id, OnFailure.ROLL_BACK) for spec in checked]


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
    state._serial += 1
    spec = attrs.evolve(template, id=f"{template.id}.{state._serial}", args=(*template.args, *args))
    return _take_in(state, spec)


def started(state: SupState, command: Start, ref: Ref | None) -> Sequence[Command]:
    """A start succeeded; *ref* is None when the child's ``init`` answered ``IGNORE``."""
    child = _known(state, command.id)
    if ref is None and not _keeps_spec(state, child):
        state.children.remove(command.id)
        return []
    again = command.on_failure is OnFailure.RETRY
    child = attrs.evolve(child, ref=ref, restarting=False, ended=None, restarts=child.restarts + again)
    state.children.put(child)
    if not again:
        return []
    return [Report(ChildRestarted(supervisor=state.name, child=child.spec.id, restarts=child.restarts))]


def start_failed(state: SupState, command: Start, error: object) -> Sequence[Command]:
    """A start failed; nothing of that child runs."""
    match command.on_failure:
        case OnFailure.ROLL_BACK:
            return [ExitSelf(shutdown(FailedToStartChild(command.id, error)))]
        case OnFailure.FORGET:
            state.children.remove(command.id)
            return []
        case OnFailure.KEEP:
            return []
        case OnFailure.RETRY:
            child = _again(_known(state, command.id))
            state.children.put(attrs.evolve(child, ref=None, restarting=True))
            failed = ChildRestartFailed(supervisor=state.name, child=command.id, error=str(error))
            return [Report(failed), RetryLater(command.id, _delay(state, child))]


def child_exited(state: SupState, ref: Ref, reason: ExitReason, now: float) -> Sequence[Command]:
    """A child ended by itself."""
    child = state.children.by_ref(ref)
    if child is None or child.ref != ref:
        return []
    if needs_restart(child.spec.restart, reason):
        child = attrs.evolve(_again(child, now), ref=None, ended=ref, last_end=now)
        state.children.put(child)
        return _restart(state, child, reason, now, delay=_delay(state, child))
    _at_rest(state, child)
    return [ExitSelf(SHUTDOWN)] if _ends_supervisor(state, child) else []


def retry_due(state: SupState, id: str, reason: ExitReason, now: float) -> Sequence[Command]:
    """The moment of a ``RetryLater`` has come; it may be obsolete by now."""
    child = state.children.get(id)
    if child is None or not child.restarting:
        return []
    return _start_affected(state, child) if child.counted else _restart(state, child, reason, now, delay=0.0)


def stop_one(state: SupState, which: str | Ref, *, dead: bool = False) -> Sequence[Command]:
    """Somebody asked for a child to be stopped; its spec is kept, except a temporary one's or one from a template.

    Args:
        state: The supervisor's.
        which: The child's id; its handle if it was made from a template.
        dead: Whether *which* is a handle of something that has ended: then there is nothing to do, as in OTP.

    Raises:
        NoSuchChild: It is none of this supervisor's.
        SimpleOneForOne: An id was given where children have none.
    """
    if isinstance(which, str):
        if state.is_simple():
            raise SimpleOneForOne(which)
        child = _known(state, which)
    else:
        found = state.children.by_ref(which) if state.is_simple() else None
        if found is None:
            if dead and state.is_simple():
                return []
            raise NoSuchChild(repr(which), tuple(state.children.ids()))
        child = found
    if child.ref is not None:
        return [Stop(child.spec.id, child.ref, child.spec.shutdown)]
    _at_rest(state, child)
    return []


def stopped(state: SupState, command: Stop) -> Sequence[Command]:
    """A child was stopped by us."""
    child = state.children.get(command.id)
    if child is not None:
        _at_rest(state, child)
    return []


def stop_all(state: SupState) -> Sequence[Stop]:
    """The supervisor ends: stop every child, in reverse start order."""
    return _stops(state.children)


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


def spec_of(state: SupState, which: str | Ref) -> ChildSpec:
    """Return the spec of a child, by its id or its handle; the template, for what is made from it.

    Raises:
        NoSuchChild: It is none of this supervisor's.
    """
    template = state.template
    if template is not None and which == template.id:
        return template
    child = state.children.by_ref(which) if isinstance(which, Ref) else state.children.get(which)
    if child is None or (template is not None and isinstance(which, str)):
        raise NoSuchChild(which if isinstance(which, str) else repr(which), tuple(state.children.ids()))
    return template or child.spec


def needs_restart(restart: Restart, reason: ExitReason) -> bool:
    """Return whether a child of this kind is started again after it ended by itself with *reason*."""
    match restart:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return not is_quiet(reason)
        case Restart.TEMPORARY:
            return False


def _restart(
    state: SupState, child: Child, reason: ExitReason, now: float, *, delay: float
) -> Sequence[Command]:
    """Count a restart, and start again who shares the fate of *child*; the stops come at once, starts may wait."""
    id = child.spec.id
    if not state._window.add(now):
        state.children.remove(id)
        return [Report(SupervisorGaveUp(supervisor=state.name, child=id, reason=reason)), ExitSelf(SHUTDOWN)]
    if delay > 0:
        state.children.put(attrs.evolve(child, restarting=True, counted=True))
        siblings = [row for row in _affected(state, id) if row.spec.id != id]
        return [*_stops(siblings), RetryLater(id, delay)]
    return _start_affected(state, child)


def _start_affected(state: SupState, child: Child) -> Sequence[Command]:
    rows = _affected(state, child.spec.id)
    for row in rows:
        # Its own retry is obsolete: it is started now, or again after a failure of one that it depends on.
        if row.restarting:
            state.children.put(attrs.evolve(row, restarting=False, counted=False))
    # A temporary sibling shares the fate and is dropped; a transient one that had ended normally is started.
    starts = [
        Start(row.spec.id, OnFailure.RETRY) for row in rows if row.spec.restart is not Restart.TEMPORARY
    ]
    return [*_stops(rows), *starts]


def _affected(state: SupState, id: str) -> Sequence[Child]:
    return [_known(state, each) for each in affected(state.flags.strategy, state.children.ids(), id)]


def _take_in(state: SupState, spec: ChildSpec) -> Sequence[Command]:
    state.children.put(Child(spec))
    return [Start(spec.id, OnFailure.FORGET)]


def _at_rest(state: SupState, child: Child) -> None:
    """*child* has ended and is not to be restarted."""
    if _keeps_spec(state, child):
        state.children.put(attrs.evolve(child, ref=None, restarting=False, counted=False, ended=None))
    else:
        state.children.remove(child.spec.id)


def _keeps_spec(state: SupState, child: Child) -> bool:
    """Return whether OTP keeps the spec of a child that does not run: not a temporary one's, nor a dynamic one's."""
    return child.spec.restart is not Restart.TEMPORARY and not state.is_simple()


def _ends_supervisor(state: SupState, child: Child) -> bool:
    """Return whether *child*, which ended and is not to be restarted, takes its supervisor along."""
    if not child.spec.significant:
        return False
    match state.flags.auto_shutdown:
        case AutoShutdown.NEVER:
            return False
        case AutoShutdown.ANY_SIGNIFICANT:
            return True
        case AutoShutdown.ALL_SIGNIFICANT:
            return not any(
                row.spec.significant and (row.ref is not None or row.restarting) for row in state.children
            )


def _again(child: Child, now: float | None = None) -> Child:
    """Return *child* with one more restart in a row, or the first of a new row; only a ``Backoff`` asks for it."""
    backoff = child.spec.backoff
    if backoff is None:
        return child
    over = now is not None and now - child.last_end > backoff.reset_after
    return attrs.evolve(child, in_a_row=1 if over else child.in_a_row + 1)


def _delay(state: SupState, child: Child) -> float:
    return 0.0 if child.spec.backoff is None else child.spec.backoff.delay(child.in_a_row, state.chance())


def _stops(rows: Iterable[Child]) -> list[Stop]:
    running = [Stop(row.spec.id, row.ref, row.spec.shutdown) for row in rows if row.ref is not None]
    return running[::-1]


def _resting(state: SupState, id: str) -> None:
    if state.is_simple():
        raise SimpleOneForOne(id)
    child = _known(state, id)
    if child.restarting:
        raise ChildRestarting(id)
    if child.ref is not None:
        raise ChildRunning(id)


def _known(state: SupState, id: str) -> Child:
    child = state.children.get(id)
    if child is None:
        raise NoSuchChild(id, tuple(state.children.ids()))
    return child
