"""A session moves to another worker: no write is lost, whoever writes meanwhile, and however the move ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from store_house import PATIENCE, a_store, at_once, processes
from store_work import append

from actors import MigrationFailed, NotOwner, NotStored, SessionStore, StoredSession, VersionConflict
from actors.store.update import ROUNDS
from supervision import VirtualClock


@pytest.fixture
def house(tmp_path: Path, no_leaks: None) -> Iterator[tuple[SessionStore, VirtualClock]]:
    """A store with one session, of worker w1."""
    with a_store(tmp_path / "sessions.db") as (store, clock):
        store.put("s", [], owner="w1")
        yield store, clock


House = tuple[SessionStore, VirtualClock]


@pytest.mark.promise("session-migration")
def test_a_migration_under_concurrent_writes_loses_nothing(tmp_path: Path, no_leaks: None) -> None:
    """Threads and a process write while it moves back and forth: every entry is there once, in each writer's order."""
    homes = itertools.cycle(["w2", "w1"])
    path = tmp_path / "sessions.db"

    def move() -> None:
        prepared: list[Any] = []
        for _ in range(20):
            moved = store.migrate("s", next(homes), lambda session: prepared.append(session.value))
            assert moved.value == prepared[-1], "what was prepared is all that there was"

    with SessionStore(path, busy_timeout=20.0) as store:
        store.put("s", [], owner="w1")
        with processes(("append", str(path), "p", "60")) as (other,):
            at_once(move, lambda: append(store, "a", 60), lambda: append(store, "b", 60))
            assert other.wait(PATIENCE) == 0
        found = store.get("s")
        assert store.statistics().migrations == 20

    assert found.owner == "w1"
    for writer in "abp":
        assert [entry for entry in found.value if entry[0] == writer] == [f"{writer}{n}" for n in range(60)]
    assert len(found.value) == 180


@pytest.mark.promise("session-migration")
def test_a_late_write_for_the_old_worker_is_refused(house: House) -> None:
    """Before the commit it is kept and seen by the new one; after it, it is told."""
    store, _ = house
    with store.begin_migration("s", "w2") as migration:
        assert store.get("s").moving_to == "w2"
        store.update("s", lambda value: [*value, "early"], owner="w1")
        assert migration.load().value == ["early"]
        assert migration.commit().owner == "w2"
    with pytest.raises(NotOwner):
        store.update("s", lambda value: [*value, "late"], owner="w1")
    assert store.get("s").value == ["early"]
    assert store.get("s").moving_to is None


def test_a_write_after_the_load_calls_for_another(house: House) -> None:
    """A commit of what is no longer all is refused; loaded again, it succeeds."""
    store, _ = house
    with store.begin_migration("s", "w2") as migration:
        migration.load()
        store.put("s", [1])
        with pytest.raises(VersionConflict):
            migration.commit()
        assert migration.load().value == [1]
        migration.commit()
    assert store.get("s").owner == "w2"


def test_a_writer_that_never_rests_is_kept_out_in_the_end(house: House) -> None:
    """It cannot keep a session from moving."""
    store, _ = house
    seen: list[StoredSession] = []

    def prepare(session: StoredSession) -> None:
        seen.append(session)
        if len(seen) <= ROUNDS:
            store.update("s", lambda value: [*value, len(seen)])

    moved = store.migrate("s", "w2", prepare)

    assert moved.value == list(range(1, ROUNDS + 1)) == seen[-1].value
    assert moved.owner == "w2"


@pytest.mark.promise("session-migration")
@pytest.mark.parametrize("lost", [0, ROUNDS])
def test_a_failed_preparation_rolls_back(house: House, lost: int) -> None:
    """Its error is raised; the session is where it was, with what was written, and can be moved again."""
    store, _ = house
    rounds: list[StoredSession] = []

    def prepare(session: StoredSession) -> None:
        rounds.append(session)
        if len(rounds) > lost:
            raise RuntimeError("no room there")
        store.put("s", ["written"])

    with pytest.raises(RuntimeError, match="no room there"):
        store.migrate("s", "w2", prepare)

    assert (store.get("s").owner, store.get("s").moving_to) == ("w1", None)
    assert store.get("s").value == (["written"] if lost else [])
    assert store.statistics().rolled_back == 1
    assert store.migrate("s", "w2").owner == "w2"


@pytest.mark.promise("session-migration")
def test_a_migration_can_be_cancelled(house: House) -> None:
    """By anybody, until it is committed; then it fails, and the session stays."""
    store, _ = house
    with store.begin_migration("s", "w2") as migration:
        migration.load()
        assert store.cancel_migration("s")
        assert not store.cancel_migration("s")
        with pytest.raises(MigrationFailed, match="it was cancelled"):
            migration.commit()
    assert store.get("s").owner == "w1"
    assert not store.cancel_migration("s"), "there is none any more"


def test_a_migration_has_a_deadline(house: House) -> None:
    """Later than its timeout it is not committed, and no longer in another's way."""
    store, clock = house
    late = store.begin_migration("s", "w2", timeout=5.0)
    with pytest.raises(MigrationFailed, match="it is being moved to 'w2' already"):
        store.begin_migration("s", "w3")
    clock.advance(5.0)
    with pytest.raises(MigrationFailed, match="longer than its timeout"):
        late.commit()

    with store.begin_migration("s", "w3") as next_one:
        with pytest.raises(MigrationFailed):
            late.commit()
        late.rollback()
        assert next_one.commit().owner == "w3", "what is late takes nothing from the next"


def test_what_cannot_be_moved_is_refused(house: House) -> None:
    """To its own owner, to nobody, or a session that is not there, or goes while it moves."""
    store, _ = house
    with pytest.raises(MigrationFailed, match="belongs to 'w1' already"):
        store.begin_migration("s", "w1")
    with pytest.raises(ValueError, match="expected the name of a worker"):
        store.begin_migration("s", "")
    with pytest.raises(NotStored):
        store.begin_migration("none", "w1")
    with store.begin_migration("s", "w2") as migration:
        store.delete("s")
        with pytest.raises(MigrationFailed, match="the session is gone"):
            migration.commit()
