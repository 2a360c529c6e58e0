"""What a supervisor knows: its flags, its children, its restarts. Only ``decisions`` and ``administration`` write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import attrs

from supervision.child_spec import ChildSpec, Restart, Strategy, SupFlags
from supervision.child_table import Child, ChildTable
from supervision.errors import NoSuchChild
from supervision.intensity import RestartWindow

__all__ = ["SupState"]


@final
@attrs.define(eq=False)
class SupState:
    """A supervisor's state.

    Args:
        name: The supervisor's, for events.
        flags: Its flags.
        forgets: Whether the children come and go, as in a dynamic supervisor: a spec is not kept after its child's end.
        chance: Answers a number from 0 to below 1; for the jitter of a ``Backoff``.
    """

    name: str
    flags: SupFlags
    chance: Callable[[], float] = attrs.field(default=lambda: 0.0)
    forgets: bool = False
    children: ChildTable = attrs.field(factory=ChildTable, init=False)
    #: of all children, if ``simple_one_for_one``
    template: ChildSpec | None = attrs.field(default=None, init=False)
    window: RestartWindow = attrs.field(init=False)
    serial: int = attrs.field(default=0, init=False)  #: of the last child made from the template
    retries: int = attrs.field(default=0, init=False)  #: number of the last ``RetryLater``

    @window.default
    def _empty_window(self) -> RestartWindow:
        return RestartWindow(self.flags.intensity, self.flags.period)

    def is_simple(self) -> bool:
        """Return whether all its children are made from one spec."""
        return self.flags.strategy is Strategy.SIMPLE_ONE_FOR_ONE

    def is_dynamic(self) -> bool:
        """Return whether its children come and go: nothing is kept of one that ended, all are stopped at once."""
        return self.forgets or self.is_simple()

    def known(self, id: str) -> Child:
        """Return the child with *id*.

        Raises:
            NoSuchChild: There is none.
        """
        child = self.children.get(id)
        if child is None:
            raise NoSuchChild(id, tuple(self.children.ids()))
        return child

    def keeps_spec(self, child: Child) -> bool:
        """Return whether OTP keeps the spec of a child that does not run: not a temporary one's, nor a dynamic one's."""
        return child.spec.restart is not Restart.TEMPORARY and not self.is_dynamic()

    def put_to_rest(self, child: Child) -> None:
        """Note that *child* has ended and is not to be restarted."""
        if self.keeps_spec(child):
            self.children.put(attrs.evolve(child, ref=None, restarting=False, ended=None))
        else:
            self.children.remove(child.spec.id)
