"""The ordered table of children, with its index by ref."""

from __future__ import annotations

import math

import attrs

from supervision import Actor, ChildSpec, Ref
from supervision.child_table import Child, ChildTable


def child(id: str, incarnation: int | None = None) -> Child:
    """Return a row."""
    ref = None if incarnation is None else Ref(id, incarnation)
    return Child(ChildSpec(id=id, start=Actor), ref)


def filled() -> ChildTable:
    """Return a table of a, b and c, of which b does not run."""
    table = ChildTable()
    for row in (child("a", 1), child("b"), child("c", 3)):
        table.put(row)
    return table


def test_rows_keep_start_order_when_replaced() -> None:
    """A restarted child keeps its place; order is start order."""
    table = filled()

    table.put(child("a", 9))

    assert tuple(table.ids()) == ("a", "b", "c")
    assert [row.spec.id for row in table] == ["a", "b", "c"]
    assert len(table) == 3


def test_a_row_is_found_by_its_present_ref_only() -> None:
    """An older incarnation is nobody's; its twin, the present one, is found by value."""
    table = filled()

    table.put(child("a", 9))

    assert table.by_ref(Ref("a", 1)) is None
    assert table.by_ref(Ref("a", 9)) == child("a", 9)


def test_a_child_that_stopped_running_loses_its_ref() -> None:
    """Replacing a row by one without a ref takes the ref out of the index."""
    table = filled()
    row = table.get("c")
    assert row is not None

    table.put(attrs.evolve(row, ref=None))

    assert table.by_ref(Ref("c", 3)) is None
    assert "c" in table


def test_a_row_is_found_by_what_its_next_start_replaces() -> None:
    """While a restart is to come, the handle that everybody has is the old one; it is nobody's after that."""
    table = filled()
    row = table.get("c")
    assert row is not None
    waiting = attrs.evolve(row, ref=None, ended=row.ref)

    table.put(waiting)
    assert table.by_ref(Ref("c", 3)) == waiting
    table.put(attrs.evolve(waiting, ref=Ref("c", 9), ended=None))
    assert table.by_ref(Ref("c", 3)) is None
    assert table.by_ref(Ref("c", 9)) is not None


def test_removing_forgets_what_was_to_be_replaced() -> None:
    """Also when both are known."""
    table = ChildTable()
    table.put(attrs.evolve(child("a", 2), ended=Ref("a", 1)))

    table.remove("a")

    assert table.by_ref(Ref("a", 1)) is None
    assert table.by_ref(Ref("a", 2)) is None


def test_removing_a_row_leaves_the_others_refs() -> None:
    """The index is by child."""
    table = filled()

    table.remove("b")
    table.remove("a")

    assert table.by_ref(Ref("c", 3)) == child("c", 3)


def test_what_is_not_there_is_not_found() -> None:
    """By neither name nor handle; a new row that never ran has none of the numbers of a fresh start."""
    table = filled()

    assert table.get("x") is None
    assert "x" not in table
    assert table.by_ref(Ref("x", 1)) is None


def test_a_new_row_has_a_clean_past() -> None:
    """Not running, not restarting, never restarted, never ended."""
    row = Child(ChildSpec(id="a", start=Actor))

    assert (row.ref, row.restarting, row.retry, row.counted, row.ended) == (None, False, 0, False, None)
    assert (row.restarts, row.in_a_row, row.last_end) == (0, 0, -math.inf)


def test_removing_forgets_id_and_ref() -> None:
    """What was removed is found in no way, and removing it again is fine."""
    table = filled()

    table.remove("a")
    table.remove("a")

    assert "a" not in table
    assert table.get("a") is None
    assert table.by_ref(Ref("a", 1)) is None
    assert tuple(table.ids()) == ("b", "c")


def test_iterating_is_safe_while_the_table_is_written() -> None:
    """Iteration is over the rows as they were: a shutdown removes while it goes through them."""
    table = filled()

    for row in table:
        table.remove(row.spec.id)

    assert len(table) == 0
