"""The serial check sees every way in which a table can differ from the files that were acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from actors.demo import table
from actors.demo.census import FileError
from actors.demo.outcome import Outcome, SessionOutcome
from actors.demo.plan import make_plan
from actors.demo.table import Table
from actors.demo.verify import differences
from actors.pool import Pool
from supervision import ChildType
from supervision.tree_view import TreeNode

TEXT = "def f{0}(a):\n    return a\n"


@pytest.fixture
def outcome(tmp_path: Path) -> Iterator[Outcome]:
    """A run over four files, one of which does not parse, that went well."""
    for number in range(3):
        (tmp_path / f"m{number}.py").write_text(TEXT.format(number))
    (tmp_path / "bad.py").write_text("def (:\n")
    plan = make_plan(str(tmp_path))
    (session,) = plan.sessions
    for path in session.files:
        table.add_file("the worker's", str(tmp_path), path)
    counted = SessionOutcome(
        plan=session, table=table.read("the worker's"), acknowledged=frozenset(session.files)
    )
    yield Outcome(
        plan=plan,
        sessions=(counted,),
        poisoned=(),
        seconds=1.0,
        status=Pool(workers=1).status(),
        tree=TreeNode("tree", ChildType.SUPERVISOR, 1, 0, {}),
    )
    table.forget("the worker's")


def altered(outcome: Outcome, **changes: Any) -> Outcome:
    """Return *outcome* with other values in its only session."""
    return attrs.evolve(outcome, sessions=(attrs.evolve(outcome.sessions[0], **changes),))


def test_an_equal_run_differs_in_nothing(outcome: Outcome) -> None:
    """The twin of all below; the check leaves no table in this process."""
    assert differences(outcome) == ()
    assert table.read("serial .#0") == table.read("nobody's")


def test_a_file_in_a_table_that_was_never_acknowledged_is_a_difference(outcome: Outcome) -> None:
    """It came from somewhere else: a session that was mixed with another, or an answer that was lost."""
    acknowledged = outcome.sessions[0].acknowledged - {"m1.py", "bad.py"}

    found = differences(altered(outcome, acknowledged=acknowledged))

    assert "m1.py: in a table, but it was never acknowledged" in found
    assert "bad.py: in a table, but it was never acknowledged" in found
    assert not [line for line in found if line.startswith(("m0.py", "m2.py"))]


def without(found: Table, path: str) -> Table:
    """Return the table as a worker has it that lost *path*, but not what it had added to the totals."""
    return found._replace(
        reports={name: report for name, report in found.reports.items() if name != path},
        errors={name: error for name, error in found.errors.items() if name != path},
    )


def longer(found: Table) -> Table:
    """Return the table with one line more in a file."""
    report = found.reports["m1.py"]
    return found._replace(reports={**found.reports, "m1.py": report._replace(lines=report.lines + 1)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: without(found, "m1.py"), "m1.py: lost: it was acknowledged"),
        (lambda found: without(found, "bad.py"), "bad.py: lost: it was acknowledged"),
        (longer, "m1.py: counted otherwise"),
        (lambda found: found._replace(totals=found.totals._replace(lines=7)), "totals of a session: "),
    ],
)
def test_each_difference_is_named(outcome: Outcome, change: Callable[[Table], Table], said: str) -> None:
    """A file that is lost, one that is counted otherwise, and sums that do not fit."""
    found = differences(altered(outcome, table=change(outcome.sessions[0].table)))

    assert any(line.startswith(said) for line in found), found


def otherwise(found: Table, **changes: Any) -> Table:
    """Return the table with other values in the report on m1.py."""
    return found._replace(reports={**found.reports, "m1.py": found.reports["m1.py"]._replace(**changes)})


def with_function(found: Table, **changes: Any) -> Table:
    """Return the table with other values in the one function of m1.py."""
    (function,) = found.reports["m1.py"].functions
    return otherwise(found, functions=(function._replace(**changes),))


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        (lambda found: found._replace(totals=found.totals._replace(lines=7)), "totals"),
        (lambda found: otherwise(found, imports=frozenset({"os"})), "imports"),
        (lambda found: with_function(found, length=7), "longest"),
        (lambda found: with_function(found, complexity=7), "most_complex"),
        (lambda found: otherwise(found, used=frozenset({"f1"})), "packages"),
        (lambda found: without(found, "bad.py"), "errors"),
    ],
)
def test_each_figure_of_the_census_that_is_wrong_is_named(
    outcome: Outcome, change: Callable[[Table], Table], figure: str
) -> None:
    """Besides the file: so it is seen which of the figures that were told cannot be trusted."""
    found = differences(altered(outcome, table=change(outcome.sessions[0].table)))

    assert f"{figure} differ" in found


def test_a_file_that_was_counted_and_has_an_error_is_a_difference(outcome: Outcome) -> None:
    """A table that says both of one file; alone the census shows it, where the error is one too many."""
    found = outcome.sessions[0].table
    errors = {**found.errors, "m1.py": FileError("m1.py", "it does not parse")}

    assert differences(altered(outcome, table=found._replace(errors=errors))) == ("errors differ",)


def test_a_file_that_was_given_up_is_a_difference(outcome: Outcome) -> None:
    """It is not tried here, where it would kill us, and nobody knows what is in it."""
    given_up = (FileError("m9.py", "given up after 3 attempts"),)

    assert differences(altered(outcome, given_up=given_up)) == ("m9.py: given up after 3 attempts",)
