"""The pytest plugin: the fixtures ``tree``, ``tree_clock`` and ``no_leaks``.

It has no hooks, and imports nothing of this project until a test asks for a fixture; what counts as a leak is in
``leaks``. See docs/testing.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from supervision import Clock, Tree

__all__ = ["no_leaks", "tree", "tree_clock"]


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail the test if a process, thread, socket, descriptor or run directory made during it is left at its end."""
    from actors.testing.leaks import Watch

    with Watch() as watch:
        yield
        left = watch.left()
    if left:
        pytest.fail(
            "left behind by this test:\n" + "\n".join(f"  {resource}" for resource in left), pytrace=False
        )


@pytest.fixture
def tree_clock() -> Clock:
    """The clock of ``tree``: virtual time. Override it to return a ``MonotonicClock`` where real time must pass."""
    from supervision import VirtualClock

    return VirtualClock()


@pytest.fixture
def tree(request: pytest.FixtureRequest, no_leaks: None, tree_clock: Clock) -> Iterator[Tree]:
    """A running tree of this test alone, named by its id; stopped at the end, with the check of ``no_leaks``."""
    from actors.testing.stopping import stop_tree
    from supervision import Tree

    own = Tree(request.node.nodeid, clock=tree_clock)
    try:
        yield own.start()
    finally:
        unstopped = stop_tree(own)
        tree_clock.close()
    if unstopped:
        pytest.fail("did not stop with its tree: " + ", ".join(unstopped), pytrace=False)
