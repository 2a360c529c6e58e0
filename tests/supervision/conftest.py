"""What these tests need of the ``tree`` fixture besides: its virtual clock, its timers, its events."""

from __future__ import annotations

import pytest
from scripted import Journal, timers_of

from supervision import Tree, VirtualClock


@pytest.fixture
def clock(tree: Tree) -> VirtualClock:
    """The tree's clock, which stands still until the test advances it."""
    assert isinstance(tree.clock, VirtualClock)
    return tree.clock


@pytest.fixture
def timers(clock: VirtualClock) -> Journal:
    """The deadlines of the timers made so far: somebody waits, or has asked to be woken, at that moment."""
    return timers_of(clock)


@pytest.fixture
def events(tree: Tree) -> Journal:
    """Every event of the tree after its start."""
    journal = Journal()
    tree.events.subscribe(journal)
    return journal
