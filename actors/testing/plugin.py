"""The pytest plugin: the fixtures ``tree`` and ``tree_clock``, ``a_pool``, ``pool_layer`` and ``answers``, and ``no_leaks``.

It has no hooks, and imports nothing of this project until a test asks for a fixture; what counts as a leak is in
``leaks``, what the layers of a pool are in ``layers``. See docs/testing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from actors.pool import Pool
    from actors.testing.answers import Answers
    from supervision import Clock, Tree

__all__ = ["a_pool", "answers", "no_leaks", "pool_layer", "tree", "tree_clock"]


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


@pytest.fixture
def pool_layer() -> str | None:
    """The layer of ``a_pool``: None, which leaves it to TREEWARDEN_LAYER. Override it, or parametrize a test with it."""
    return None


@pytest.fixture
def answers() -> Answers:
    """What ``a_pool`` answers on the layers without processes: nothing, until the test puts it there."""
    from actors.testing.answers import Answers

    return Answers()


@pytest.fixture
def a_pool(no_leaks: None, pool_layer: str | None, answers: Answers) -> Iterator[Callable[..., Pool]]:
    """Make and start pools for this test on the layer ``pool_layer``: ``a_pool(workers=2)``, with a pool's options.

    They are closed at the end, with the check of ``no_leaks``.
    """
    from contextlib import ExitStack

    from actors.testing.layers import layered_pool

    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(layered_pool(pool_layer, answers, **options))
