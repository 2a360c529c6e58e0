"""A session store in a tree: opened at its start, swept on the tree's time, closed at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import SessionStore, StoreClosed
from supervision import StartError, Tree, VirtualClock


@pytest.mark.promise("session-store")
def test_a_tree_opens_sweeps_and_closes_its_store(tmp_path: Path, no_leaks: None) -> None:
    """What has expired is deleted without anybody asking; at the end nothing is open, and the log is merged."""
    clock = VirtualClock()
    store = SessionStore(tmp_path / "s.db", ttl=8.0, clock=clock)
    with Tree("service", [store.child_spec()], clock=clock) as tree:
        store.put("a", 1)
        clock.advance(7.0)
        tree.snapshot()
        assert store.statistics().swept == 0
        clock.advance(2.0)
        assert "sessions=0" in tree.as_text()
        assert store.statistics().swept == 1
    with pytest.raises(StoreClosed):
        store.get("a")
    assert [file.name for file in tmp_path.iterdir()] == ["s.db"]


def test_a_restarted_keeper_opens_the_store_again(tmp_path: Path, no_leaks: None) -> None:
    """What was stored is there."""
    store = SessionStore(tmp_path / "s.db")
    with Tree("service", [store.child_spec()]) as tree:
        store.put("a", 1)
        keeper = tree.registry.whereis("service/store")
        assert keeper is not None
        keeper.stop()
        tree.snapshot()
        assert tree.registry.whereis("service/store") not in (None, keeper)
        assert store.get("a").value == 1


def test_a_store_that_cannot_be_opened_fails_the_start(tmp_path: Path, no_leaks: None) -> None:
    """With the cause in the error."""
    with pytest.raises(StartError, match="Expected a file of our own making"):
        Tree("service", [SessionStore(tmp_path).child_spec()]).start()
