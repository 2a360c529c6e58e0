"""How a whole tree ends: by ``Tree.stop``, or, if nobody calls that, when the interpreter exits.

How one child is stopped is in ``shutdown``. The exit hook is the only thing that a tree leaves with the process, and
it holds nothing alive: a tree whose actors have ended and that nobody holds takes its hook along.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Final, final

from supervision.clock import Clock, MonotonicClock
from supervision.context import TreeContext
from supervision.exit_reason import SHUTDOWN
from supervision.ref import Ref, cell_of

__all__ = ["ExitHook", "end_root"]

#: Real seconds that a tree gets which was not stopped when the interpreter exits; then it is left to itself.
AT_EXIT: Final = 5.0
#: Of these, what is left for its actors' own ends if the root had to be killed.
BEREAVED: Final = 1.0


def end_root(context: TreeContext, root: Ref, timeout: float, clock: Clock) -> bool:
    """Ask *root* to stop all below it, wait, and kill it if that takes too long. Blocks.

    Args:
        context: The tree's.
        root: Its root supervisor.
        timeout: Seconds of *clock*; ``math.inf`` waits for ever.
        clock: Which time bounds the wait.

    Returns:
        Whether it ended in time.
    """
    cell = cell_of(root)
    # The root has no supervisor above it: it is its own, so that it runs terminate.
    cell.parent = root
    cell.signal(root, SHUTDOWN)
    if cell.join(timeout, clock):
        return True
    cell.kill()
    # Each of the others hears of the root's end and still runs its own terminate, which may have to bury a process:
    # so they are not killed as well, but named until their threads have ended.
    for name in context.registry.names():
        late = context.registry.whereis(name)
        thread = None if late is None else cell_of(late).thread
        if late is not None and thread is not None:
            context.abandoned(late, thread)
    return False


@final
class ExitHook:
    """Stops a tree that is still up when the interpreter exits, in bounded real time whichever clock it has.

    Registered when it is made, and taken back by ``cancel``. In a forked copy of the process it does nothing: the
    actors, and whatever they own, are those of the process that started them.
    """

    def __init__(self, context: TreeContext, root: str) -> None:
        self._owner = os.getpid()
        self._root = root
        # The actors' threads hold the context, so it is there as long as there is something to stop, also if the
        # Tree itself was dropped.
        self._context = weakref.ref(context, lambda _: self.cancel())
        atexit.register(self)

    def cancel(self) -> None:
        """Have nothing done at exit. Idempotent."""
        atexit.unregister(self)

    def __call__(self) -> None:
        context = self._context()
        if context is None or os.getpid() != self._owner:
            return
        clock = MonotonicClock()
        deadline = clock.now() + AT_EXIT
        root = context.registry.whereis(self._root)
        if root is not None:
            end_root(context, root, AT_EXIT - BEREAVED, clock)
        # What a root that was killed, here or before, or a start that was interrupted has left is ending by itself.
        for name in context.registry.names():
            late = context.registry.whereis(name)
            if late is not None:
                cell_of(late).join(deadline - clock.now(), clock)
