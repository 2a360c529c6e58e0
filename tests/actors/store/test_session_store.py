"""The session store: what is stored, how long, how much, and that no write is lost."""

from __future__ import annotations

import math
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from store_house import PATIENCE, a_store, at_once, processes
from store_work import increment, one_more

from actors import (
    NotOwner,
    NotStorable,
    NotStored,
    SessionStore,
    StoreBusy,
    StoreClosed,
    StoreFull,
    StoreUnusable,
    VersionConflict,
)
from actors.store.update import ROUNDS


def twice(value: bytes) -> bytes:
    """Grow."""
    return value * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is to be."""
    return tmp_path / "sessions.db"


@pytest.mark.parametrize(
    "value", [0, "", None, [1, [2.5, True]], {"a": {"$b": b"\0bytes", "": []}}, {"$bytes": 0}, math.inf]
)
def test_what_is_put_is_what_is_got(path: Path, value: Any, no_leaks: None) -> None:
    """Every plain value, by its session; also by another store on the same file."""
    with a_store(path) as (store, _), a_store(path) as (other, _):
        put = store.put("a", value)
        store.put("b", "another")

        assert store.get("a").value == value
        assert other.get("a") == put
        assert store.ids() == ("a", "b")
        assert (store.delete("a"), store.delete("a")) == (True, False)
        with pytest.raises(NotStored, match="'a' is not stored"):
            store.get("a")


def test_the_file_is_for_this_user_alone(path: Path) -> None:
    """What lies beside it while it is open, too."""
    with a_store(path) as (store, _):
        store.put("a", 1)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_a_value_that_is_not_plain_is_named(path: Path) -> None:
    """By the path to the part that is not; nothing is changed."""
    with a_store(path) as (store, _):
        store.put("a", 1)
        with pytest.raises(NotStorable, match=r"value\['x'\]\[1\] is of type set"):
            store.put("a", {"x": [1, {2}]})
        assert store.get("a").value == 1


@pytest.mark.promise("session-store")
def test_concurrent_increments_by_threads_are_all_counted(path: Path, no_leaks: None) -> None:
    """A thousand, by eight threads; and each function runs once, because they take turns."""
    ran: list[int] = []

    def counted(value: int) -> int:
        ran.append(value)
        return value + 1

    with a_store(path) as (store, _):
        at_once(*[lambda: [store.update("n", counted, default=0) for _ in range(125)]] * 8)

        assert store.get("n").value == 1000
        assert len(ran) == 1000
        assert store.statistics().conflicts == 0


def test_many_may_open_a_new_file_at_once(tmp_path: Path, no_leaks: None) -> None:
    """Each of eight threads with a store of its own, ten times: to make the file is no race that one can lose."""
    opened: list[int] = []
    for number in range(10):
        path = tmp_path / f"{number}.db"

        def open_it(path: Path = path, number: int = number) -> None:
            with SessionStore(path, busy_timeout=PATIENCE):
                opened.append(number)

        at_once(*[open_it] * 8)

    assert len(opened) == 80


@pytest.mark.promise("session-store")
def test_concurrent_increments_by_processes_are_all_counted(path: Path, no_leaks: None) -> None:
    """Four processes that open a new file at the same moment, and this one: none is lost, and none refused."""
    others_do = [("increment", str(path), "200")] * 4
    with processes(*others_do) as others, SessionStore(path, busy_timeout=20.0) as store:
        increment(store, 200)
        assert [other.wait(PATIENCE) for other in others] == [0] * 4

        assert store.get("n").value == 1000


def test_an_update_that_loses_every_round_gets_the_store_for_itself(path: Path) -> None:
    """A rival that writes in every round cannot starve it, and what the rival wrote is kept."""
    with a_store(path) as (store, _), a_store(path, busy_timeout=0.05) as (rival, _):
        store.put("a", [])
        refused: list[StoreBusy] = []

        def slow(value: Any) -> Any:
            try:
                rival.update("a", lambda theirs: [*theirs, "rival"])
            except StoreBusy as error:
                refused.append(error)
            return [*value, "own"]

        store.update("a", slow)

        assert store.get("a").value == ["rival"] * ROUNDS + ["own"]
        assert len(refused) == 1, "kept out while the function ran"


@pytest.mark.parametrize("lost", [0, ROUNDS])
def test_what_the_function_raises_is_raised(path: Path, lost: int) -> None:
    """In any round, with nothing changed; sqlite3's own errors are the function's, too, if it raises them."""
    with a_store(path) as (store, _), a_store(path, busy_timeout=0.05) as (rival, _):
        store.put("a", 0)
        rounds: list[int] = []

        def fails(value: int) -> int:
            rounds.append(value)
            if len(rounds) > lost:
                raise sqlite3.OperationalError("of another database")
            rival.update("a", one_more)
            return -1

        with pytest.raises(sqlite3.OperationalError, match="of another database"):
            store.update("a", fails)
        assert store.get("a").value == lost
        with pytest.raises(NotStorable, match="what the function returned is of type NoneType"):
            store.update("a", lambda _: None)
        assert store.update("a", one_more).value == lost + 1, "it is usable afterwards"


def test_an_update_of_what_is_not_there_needs_a_default(path: Path) -> None:
    """With one it begins there; without, it says so."""
    with a_store(path) as (store, _):
        with pytest.raises(NotStored):
            store.update("a", one_more)
        assert store.update("a", one_more, default=0).value == 1


def test_a_write_can_demand_the_version_that_it_replaces(path: Path) -> None:
    """Also one that was deleted and made anew is not taken for the old; 0 demands that there is none."""
    with a_store(path) as (store, _):
        first = store.put("a", 1, version=0)
        with pytest.raises(VersionConflict, match="is at version 1, expected 0"):
            store.put("a", 2, version=0)
        store.delete("a")
        store.put("a", 1)
        with pytest.raises(VersionConflict):
            store.put("a", 3, version=first.version)
        assert store.statistics().conflicts == 2


@pytest.mark.promise("session-store")
def test_an_expired_session_is_not_there(path: Path) -> None:
    """Exactly its ttl after its last use, before the sweep and after it; the error tells the two apart."""
    with a_store(path, ttl=10.0) as (store, clock):
        store.put("short", 1)
        store.put("long", 1, ttl=math.inf)
        clock.advance(9.0)
        store.get("short")
        clock.advance(9.0)
        store.get("short", touch=False)
        clock.advance(1.0)

        with pytest.raises(NotStored, match="has expired") as caught:
            store.get("short")
        assert caught.value.expired
        assert store.ids() == ("long",)
        assert (store.statistics().sessions, store.statistics().expired) == (1, 1)
        assert not store.delete("short") or store.sweep() == 0
        store.put("short", 1)
        clock.advance(10.0)
        assert store.sweep() == 1
        with pytest.raises(NotStored, match="is not stored"):
            store.get("short")
        assert store.get("long").value == 1


def test_an_update_keeps_a_ttl_of_its_own(path: Path) -> None:
    """The session's, not the store's; and it is a use."""
    with a_store(path, ttl=10.0) as (store, clock):
        store.put("a", 1, ttl=100.0)
        clock.advance(99.0)
        store.update("a", one_more)
        clock.advance(99.0)
        assert store.get("a").value == 2


def test_an_expired_session_is_begun_anew(path: Path) -> None:
    """Its value, its owner and its version are none of the new one's."""
    with a_store(path, ttl=10.0) as (store, clock):
        old = store.put("a", 1, owner="w1")
        clock.advance(10.0)
        new = store.update("a", one_more, default=0, owner="w2")
        assert (new.value, new.owner) == (1, "w2")
        assert new.version > old.version


def test_time_passes_while_the_service_is_down(path: Path) -> None:
    """The ttl goes on by the time of day, whatever the next process's clock begins with."""
    with a_store(path, ttl=10.0, wall=lambda: 1000.0) as (store, _):
        store.put("a", 1)
        store.put("b", 1, ttl=100.0)
    with a_store(path, wall=lambda: 1010.0) as (store, _):
        assert store.ids() == ("b",)


@pytest.mark.promise("session-store")
def test_a_quota_of_sessions_is_kept(path: Path) -> None:
    """One more is refused by a typed error and changes nothing; what is there can be written; what expires makes room."""
    with a_store(path, max_sessions=2, ttl=10.0) as (store, clock):
        store.put("a", 1)
        store.put("b", 1)
        with pytest.raises(StoreFull, match="there would be 3 sessions, at most 2 are allowed") as caught:
            store.put("c", 1)
        assert caught.value.quota == "sessions"
        store.put("b", 2)
        assert store.ids() == ("a", "b")
        assert store.statistics().refused == 1
        clock.advance(5.0)
        store.get("a")
        clock.advance(5.0)
        store.put("c", 1)
        assert store.ids() == ("a", "c")


@pytest.mark.promise("session-store")
def test_a_quota_of_bytes_is_kept(path: Path) -> None:
    """Ids and values together; one that shrinks is always let in, and the rest can be used again."""
    with a_store(path, max_bytes=1000) as (store, _):
        store.put("a", b"x" * 700)
        with pytest.raises(StoreFull, match="bytes, at most 1000 are allowed"):
            store.put("b", b"x" * 700)
        with pytest.raises(StoreFull):
            store.update("a", twice)
        assert store.get("a").value == b"x" * 700
        store.put("a", b"x" * 10)
        store.put("b", b"x" * 700)
        assert store.statistics().bytes == sum(store.get(id).size for id in store.ids())


def test_statistics_are_exact(path: Path) -> None:
    """Whatever was done is counted once, whatever failed not at all."""
    with a_store(path, max_sessions=1, ttl=10.0) as (store, clock):
        store.put("a", 1)
        store.get("a")
        with pytest.raises(NotStored):
            store.get("b")
        with pytest.raises(StoreFull):
            store.put("b", 1)
        with pytest.raises(VersionConflict):
            store.put("a", 1, version=9)
        store.update("a", one_more)
        store.delete("a")
        store.put("c", 1)
        clock.advance(10.0)
        store.sweep()
        found = store.statistics()

    assert (found.sessions, found.bytes, found.expired) == (0, 0, 0)
    assert (found.reads, found.misses, found.writes, found.conflicts) == (2, 1, 3, 1)
    assert (found.refused, found.deleted, found.swept) == (1, 1, 1)


def test_only_the_owner_writes_for_a_worker(path: Path) -> None:
    """A write that names no worker is anybody's; one that names another is refused."""
    with a_store(path) as (store, _):
        store.put("a", 1, owner="w1")
        store.update("a", one_more, owner="w1")
        store.update("a", one_more)
        with pytest.raises(NotOwner, match="belongs to 'w1', and not to 'w2'"):
            store.update("a", one_more, owner="w2")
        assert store.get("a").value == 3


@pytest.mark.promise("session-store")
def test_what_was_stored_survives_a_kill_of_the_service(path: Path, no_leaks: None) -> None:
    """SIGKILL in the midst of writing: every write that had returned is there, and the file is whole."""
    with processes(("for-ever", str(path))) as (service,):
        assert service.stdout is not None
        for _ in range(50):
            service.stdout.readline()
        service.kill()
        told = [int(line) for line in service.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        service.wait(PATIENCE)

    with SessionStore(path) as store:
        assert store.get("n").value >= max(told, default=50)
        with store.database.transaction() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.update("n", one_more).value > 50


def test_a_wait_for_another_process_is_bounded(path: Path) -> None:
    """Its transaction keeps us out; we say so in time, and are served when it is over."""
    with a_store(path, busy_timeout=0.05) as (store, _):
        rival = sqlite3.connect(path, isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"others kept it for 0\.05 s \(busy_timeout\)"):
            store.put("a", 1)
        rival.execute("ROLLBACK")
        rival.close()
        store.put("a", 1)


def test_a_wait_for_another_thread_is_bounded(path: Path) -> None:
    """An update within an update of the same session would wait for itself."""
    with a_store(path, busy_timeout=0.05) as (store, _):
        store.put("a", 1)
        with pytest.raises(StoreBusy):
            store.update("a", lambda _: store.update("a", one_more))
        assert store.update("a", lambda value: value + store.get("a").value).value == 2


@pytest.mark.parametrize("what", ["text", "another", "newer", "directory"])
def test_a_file_that_is_no_store_is_refused(path: Path, what: str, no_leaks: None) -> None:
    """And left as it is; the error says what is expected."""
    if what == "text":
        path.write_text("these are not the bytes of a database, " * 100)
    elif what == "directory":
        path.mkdir()
    else:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE mine (id)" if what == "another" else "PRAGMA user_version = 99")
        connection.commit()
        connection.close()
    store = SessionStore(path)

    with pytest.raises(StoreUnusable, match=r"Expected a file of our own making, or none"):
        store.open()
    with pytest.raises(StoreClosed, match="it is not open"):
        store.get("a")


def test_a_closed_store_says_so_and_can_be_opened_again(path: Path, no_leaks: None) -> None:
    """Before the opening and after the close; closing twice is fine."""
    store = SessionStore(path)
    with pytest.raises(StoreClosed):
        store.put("a", 1)
    with store:
        store.put("a", 1)
    store.close()
    with pytest.raises(StoreClosed):
        store.get("a")
    with store:
        assert store.get("a").value == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_copy_leaves_the_store_alone(path: Path) -> None:
    """It is refused there at once, and its end takes nothing from the process that opened it."""
    with a_store(path) as (store, _):
        store.put("a", 1)
        pid = os.fork()
        if pid == 0:
            try:
                store.close()
                store.get("a")
            except StoreClosed:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        assert store.get("a").value == 1


@pytest.mark.parametrize(
    ("option", "value"), [("ttl", 0), ("busy_timeout", "1"), ("max_sessions", 0), ("max_bytes", True)]
)
def test_a_bad_option_is_refused(path: Path, option: str, value: Any) -> None:
    """In the caller, with what is expected; no file is made."""
    given: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=f"{option} {value!r}: expected"):
        SessionStore(path, **given)
    assert not path.exists()
