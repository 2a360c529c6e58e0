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

from collections.abc import Iterable, Sequence

import attrs

from supervision.child_spec import AutoShutdown, ChildSpec, Restart, check_childspecs
from supervision.child_table import Child
from supervision.commands import (
    Command,
    ExitSelf,
    FailedToStartChild,
    OnFailure,
    Report,
    RetryLater,
    Start,
    Stop,
)
from supervision.errors import InvalidSpec
from supervision.events import ChildRestarted, ChildRestartFailed, SupervisorGaveUp
from supervision.exit_reason import SHUTDOWN, ExitReason, GaveUp, Shutdown, is_quiet, shutdown, text_of
from supervision.ref import Ref
from supervision.strategy import affected
from supervision.sup_state import SupState

__all__ = [
    "begin",
    "child_exited",
    "needs_restart",
    "retry_due",
    "start_failed",
    "started",
    "stop_all",
    "stopped",
]


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


def started(state: SupState, command: Start, ref: Ref | None) -> Sequence[Command]:
    """A start succeeded; *ref* is None when the child's ``init`` answered ``IGNORE``."""
    child = state.known(command.id)
    if ref is None and not state.keeps_spec(child):
        state.children.remove(command.id)
        return []
    again = command.on_failure is OnFailure.RETRY and ref is not None
    child = attrs.evolve(child, ref=ref, ended=None, restarts=child.restarts + again)
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
            child = _again(state.known(command.id))
            failed = ChildRestartFailed(supervisor=state.name, child=command.id, error=text_of(error))
            return [Report(failed), _retry(state, child, counted=False)]


def child_exited(state: SupState, ref: Ref, reason: ExitReason, now: float) -> Sequence[Command]:
    """A child ended by itself."""
    child = state.children.by_ref(ref)
    if child is None or child.ref != ref:
        return []
    if needs_restart(child.spec.restart, reason):
        child = attrs.evolve(_again(child, now), ref=None, ended=ref, last_end=now)
        state.children.put(child)
        return _restart(state, child, reason, now, waits=True)
    state.put_to_rest(child)
    return [ExitSelf(SHUTDOWN)] if _ends_supervisor(state, child) else []


def retry_due(state: SupState, command: RetryLater, reason: ExitReason, now: float) -> Sequence[Command]:
    """The moment of *command* has come; it may be obsolete by now."""
    child = state.children.get(command.id)
    if child is None or not child.restarting or child.retry != command.number:
        return []
    return _start_affected(state, command.id) if child.counted else _restart(state, child, reason, now)


def stopped(state: SupState, command: Stop) -> Sequence[Command]:
    """A child was stopped by us."""
    child = state.children.get(command.id)
    if child is not None:
        state.put_to_rest(child)
    return []


def stop_all(state: SupState) -> Sequence[Stop]:
    """The supervisor ends: stop every child, in reverse start order."""
    return _stops(state.children)


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
    state: SupState, child: Child, reason: ExitReason, now: float, *, waits: bool = False
) -> Sequence[Command]:
    """Count a restart, and start again who shares the fate of *child*; the stops come at once, the starts may wait."""
    id = child.spec.id
    if not state.window.add(now):
        gave_up = Shutdown(because=GaveUp(state.name, id, reason))
        return [Report(SupervisorGaveUp(supervisor=state.name, child=id, reason=reason)), ExitSelf(gave_up)]
    if not waits or child.spec.backoff is None:
        return _start_affected(state, id)
    return [*_stop_affected(state, id), _retry(state, child, counted=True)]


def _start_affected(state: SupState, id: str) -> Sequence[Command]:
    stops = _stop_affected(state, id)
    # A temporary sibling shares the fate and is dropped; a transient one that had ended normally is started.
    rows = (state.known(each) for each in _affected(state, id))
    starts = [
        Start(row.spec.id, OnFailure.RETRY) for row in rows if row.spec.restart is not Restart.TEMPORARY
    ]
    return [*stops, *starts]


def _stop_affected(state: SupState, id: str) -> Sequence[Stop]:
    rows = [state.known(each) for each in _affected(state, id)]
    for row in rows:
        # Its own retry is obsolete: it is started with *id*, or again after a failure of one that it depends on.
        if row.restarting:
            state.children.put(attrs.evolve(row, restarting=False))
    return _stops(rows)


def _affected(state: SupState, id: str) -> Sequence[str]:
    return affected(state.flags.strategy, state.children.ids(), id)


def _ends_supervisor(state: SupState, child: Child) -> bool:
    """Return whether *child*, which ended and is not to be restarted, takes its supervisor along."""
    if not child.spec.significant:  # under ``never`` no child is: see check_together
        return False
    if state.flags.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
        return True
    return not any(row.spec.significant and (row.ref is not None or row.restarting) for row in state.children)


def _again(child: Child, now: float | None = None) -> Child:
    """Return *child* with one more restart in a row, or the first of a new row; only a ``Backoff`` asks for it."""
    backoff = child.spec.backoff
    if backoff is None:
        return child
    over = now is not None and now - child.last_end > backoff.reset_after
    return attrs.evolve(child, in_a_row=1 if over else child.in_a_row + 1)


def _retry(state: SupState, child: Child, *, counted: bool) -> RetryLater:
    """Note that *child* is to be started later, and not by any retry that was asked for before."""
    state.retries += 1
    state.children.put(attrs.evolve(child, restarting=True, retry=state.retries, counted=counted))
    backoff = child.spec.backoff
    delay = 0.0 if backoff is None else backoff.delay(child.in_a_row, state.chance())
    return RetryLater(child.spec.id, state.retries, delay)


def _stops(rows: Iterable[Child]) -> list[Stop]:
    running = [Stop(row.spec.id, row.ref, row.spec.shutdown) for row in rows if row.ref is not None]
    return running[::-1]
