"""What these tests need of the ``tree`` fixture besides: its virtual clock, its timers, its events."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import Journal, Probe, Starter, spec, timers_of

from supervision import Ref, Restart, Tree, VirtualClock


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


@pytest.fixture
def start(tree: Tree) -> Starter:
    """Start a temporary child of the tree: ``start("a", TrappingProbe, journal)``."""

    def started(id: str = "a", kind: Any = Probe, *args: Any, **options: Any) -> Ref:
        ref = tree.start_child(spec(id, kind, *args, **{"restart": Restart.TEMPORARY, **options}))
        assert ref is not None
        return ref

    return started
