"""Names of one tree: who answers to what. Nothing here is shared between trees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final

from supervision.errors import AlreadyRegistered
from supervision.ref import Ref

__all__ = ["Registry"]


@final
class Registry:
    """The unique names of one tree. Every method takes a lock for the length of a dict access, none waits."""

    def __init__(self, tree: str) -> None:
        self._tree = tree
        self._lock = threading.Lock()
        self._refs: dict[str, Ref] = {}

    def register(
        self, name: str, ref: Ref, *, gives_way: Callable[[Ref], bool] = lambda _: False
    ) -> Ref | None:
        """Give *name* to *ref*.

        Args:
            name: Unique in this tree.
            ref: Who gets it.
            gives_way: Says whether another holder loses it; must not block, nor ask this registry.

        Returns:
            Who lost it, if somebody did.

        Raises:
            AlreadyRegistered: Another actor of this tree has the name, and does not give way.
        """
        with self._lock:
            holder = self._refs.get(name)
            if holder is not None and holder != ref and not gives_way(holder):
                raise AlreadyRegistered(name, self._tree, repr(holder))
            self._refs[name] = ref
        return None if holder == ref else holder

    def unregister(self, name: str, ref: Ref) -> None:
        """Free *name* if *ref* holds it; an older incarnation cannot take it from a newer one."""
        with self._lock:
            if self._refs.get(name) == ref:
                del self._refs[name]

    def whereis(self, name: str) -> Ref | None:
        """Return who has *name*, or None; OTP's ``whereis``."""
        return self._refs.get(name)

    def names(self) -> tuple[str, ...]:
        """Return every name that is taken, sorted."""
        with self._lock:
            return tuple(sorted(self._refs))
