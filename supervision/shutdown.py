"""How a child is stopped: asked, waited for, and then killed, or rather abandoned, for a thread cannot be killed.

Which children are stopped, and in which order, is in ``decisions``.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervision.cell import Cell
from supervision.child_spec import BrutalKill
from supervision.exit_reason import KILLED, SHUTDOWN, ExitReason
from supervision.ref import Ref, cell_of

__all__ = ["stop_child", "stop_together"]


def stop_child(
    ref: Ref, shutdown: float | BrutalKill, supervisor: Ref, reason: ExitReason = SHUTDOWN
) -> ExitReason:
    """Stop one child and return its exit reason. Blocks for at most *shutdown* seconds.

    Args:
        ref: The child.
        shutdown: Seconds between the request and the kill; 0 asks and does not wait, ``math.inf`` waits for ever.
            ``BRUTAL_KILL`` does not ask.
        supervisor: Who asks; a child that traps exits runs ``terminate`` when its own supervisor does.
        reason: What it is told.
    """
    return stop_together([(ref, shutdown)], supervisor, reason)[0]


def stop_together(
    children: Sequence[tuple[Ref, float | BrutalKill]], supervisor: Ref, reason: ExitReason = SHUTDOWN
) -> Sequence[ExitReason]:
    """Ask all *children* at once and then wait for each; return their exit reasons. For dynamic children.

    Blocks for at most the longest of their shutdown times.
    """
    for ref, shutdown in children:
        if isinstance(shutdown, BrutalKill):
            cell_of(ref).kill()
        else:
            cell_of(ref).signal(supervisor, reason)
    if not children:
        return ()
    clock = cell_of(children[0][0]).context.clock
    begun = clock.now()
    return [_await_end(cell_of(ref), shutdown, begun, clock.now(), supervisor) for ref, shutdown in children]


def _await_end(
    cell: Cell, shutdown: float | BrutalKill, begun: float, now: float, supervisor: Ref
) -> ExitReason:
    if isinstance(shutdown, BrutalKill) or cell.join(shutdown - (now - begun)):
        return cell.reason or KILLED
    # A supervisor that was killed meanwhile kills nobody any more: its orphans end by themselves, as in OTP.
    if cell_of(supervisor).reason is None and cell.kill():
        cell.context.would_not_stop(cell.ref, shutdown)
    # Its end may have begun in another thread in this very moment; the reason is there before anybody is told.
    return cell.reason or KILLED
