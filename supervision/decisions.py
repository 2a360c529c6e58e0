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
from collections.abc import Iterable, Sequence
from typing import Any, final

import attrs

from supervision.child_spec import AutoShutdown, BrutalKill, ChildSpec, Restart, SupFlags
from supervision.child_table import Child, ChildTable
from supervision.errors import ChildExists, NoSuchChild
from supervision.events import ChildRestarted, ChildRestartFailed, Event, SupervisorGaveUp
from supervision.exit_reason import SHUTDOWN, ExitReason, GaveUp, Shutdown, is_quiet, shutdown
from supervision.intensity import add_restart
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
    "begin",
    "child_exited",
    "delete",
    "needs_restart",
    "restart_one",
    "retry_due",
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
    children: ChildTable = attrs.field(factory=ChildTable, init=False)
    restarts: tuple[float, ...] = attrs.field(default=(), init=False)


def begin(state: SupState, specs: Iterable[ChildSpec]) -> Sequence[Command]:
    """Take *specs* in and start them in order.

    Raises:
        ChildExists: Two of them have one id.
    """
    ids = []
    for spec in specs:
        add(state, spec)
        ids.append(spec.id)
    return [Start(id, OnFailure.ROLL_BACK) for id in ids]


def add(state: SupState, spec: ChildSpec) -> Sequence[Command]:
    """Take one more child in, at the end, and start it.

    Raises:
        ChildExists: Its id is taken, by a child that runs or by a spec that was kept.
    """
    present = state.children.get(spec.id)
    if present is not None:
        raise ChildExists(spec.id, running=present.ref is not None or present.restarting)
    state.children.put(Child(spec))
    return [Start(spec.id, OnFailure.FORGET)]


def started(state: SupState, command: Start, ref: Ref | None) -> Sequence[Command]:
    """A start succeeded; *ref* is None when the child's ``init`` answered ``IGNORE``."""
    child = _known(state, command.id)
    if ref is None and child.spec.restart is Restart.TEMPORARY:
        state.children.remove(command.id)  # OTP keeps the spec of an ignored child, except a temporary one's
        return []
    again = command.on_failure is OnFailure.RETRY
    child = attrs.evolve(child, ref=ref, restarting=False, restarts=child.restarts + again)
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
            child = _known(state, command.id)
            state.children.put(attrs.evolve(child, ref=None, restarting=True))
            failed = ChildRestartFailed(supervisor=state.name, child=command.id, error=str(error))
            return [Report(failed), RetryLater(command.id)]


def child_exited(state: SupState, ref: Ref, reason: ExitReason, now: float) -> Sequence[Command]:
    """A child ended by itself."""
    child = state.children.by_ref(ref)
    if child is None:
        return []
    state.children.put(attrs.evolve(child, ref=None))
    if needs_restart(child.spec.restart, reason):
        return _restart(state, child, reason, now)
    if child.spec.restart is Restart.TEMPORARY:
        state.children.remove(child.spec.id)
    if child.spec.significant and state.flags.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
        return [ExitSelf(SHUTDOWN)]
    return []


def retry_due(state: SupState, id: str, reason: ExitReason, now: float) -> Sequence[Command]:
    """The moment of a ``RetryLater`` has come; it may be obsolete by now."""
    child = state.children.get(id)
    if child is None or not child.restarting:
        return []
    return _restart(state, child, reason, now)


def stop_one(state: SupState, id: str) -> Sequence[Command]:
    """Somebody asked for the child *id* to be stopped; its spec is kept, except a temporary one's.

    Raises:
        NoSuchChild: There is none with this id.
    """
    child = _known(state, id)
    state.children.put(attrs.evolve(child, restarting=False))
    return [] if child.ref is None else [Stop(id, child.ref, child.spec.shutdown)]


def stopped(state: SupState, command: Stop) -> Sequence[Command]:
    """A child was stopped by us."""
    child = state.children.get(command.id)
    if child is not None:
        state.children.put(attrs.evolve(child, ref=None))
        if child.spec.restart is Restart.TEMPORARY:
            state.children.remove(command.id)
    return []


def stop_all(state: SupState) -> Sequence[Stop]:
    """The supervisor ends: stop every child, in reverse start order."""
    return _stops(state.children)


def delete(state: SupState, id: str) -> Sequence[Command]:
    """Somebody asked for the spec of *id*, which does not run, to be forgotten.

    Raises:
        NoSuchChild: There is none with this id.
        ChildExists: It still runs.
    """
    child = _known(state, id)
    if child.ref is not None or child.restarting:
        raise ChildExists(id, running=True)
    state.children.remove(id)
    return []


def restart_one(state: SupState, id: str) -> Sequence[Command]:
    """Somebody asked for the child *id*, whose spec was kept, to be started.

    Raises:
        NoSuchChild: There is none with this id.
        ChildExists: It runs, or is being restarted.
    """
    child = _known(state, id)
    if child.ref is not None or child.restarting:
        raise ChildExists(id, running=True)
    return [Start(id, OnFailure.KEEP)]


def needs_restart(restart: Restart, reason: ExitReason) -> bool:
    """Return whether a child of this kind is started again after it ended by itself with *reason*."""
    match restart:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return not is_quiet(reason)
        case Restart.TEMPORARY:
            return False


def _restart(state: SupState, child: Child, reason: ExitReason, now: float) -> Sequence[Command]:
    flags = state.flags
    id = child.spec.id
    state.restarts, too_many = add_restart(
        state.restarts, now, intensity=flags.intensity, period=flags.period
    )
    if too_many:
        state.children.remove(id)
        gave_up = Shutdown(because=GaveUp(state.name, id, reason))
        return [Report(SupervisorGaveUp(supervisor=state.name, child=id, reason=reason)), ExitSelf(gave_up)]
    rows = [_known(state, each) for each in affected(flags.strategy, state.children.ids(), id)]
    for row in rows:
        # Its own retry is obsolete: it is started now, or again after a failure of one that it depends on.
        if row.restarting:
            state.children.put(attrs.evolve(row, restarting=False))
    stops = _stops(rows)
    # A temporary sibling shares the fate and is dropped; a transient one that had ended normally is started.
    starts = [
        Start(row.spec.id, OnFailure.RETRY) for row in rows if row.spec.restart is not Restart.TEMPORARY
    ]
    return [*stops, *starts]


def _stops(rows: Iterable[Child]) -> list[Stop]:
    running = [Stop(row.spec.id, row.ref, row.spec.shutdown) for row in rows if row.ref is not None]
    return running[::-1]


def _known(state: SupState, id: str) -> Child:
    child = state.children.get(id)
    if child is None:
        raise NoSuchChild(id, tuple(state.children.ids()))
    return child
