"""The page for people: how deaths are told, and that every number has its noun."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from actors.demo.census import FileError, FileReport, Function
from actors.demo.outcome import Death, Kill, Outcome, PoisonDeath, SessionOutcome
from actors.demo.plan import Plan, SessionPlan
from actors.demo.report import Report
from actors.demo.style import Style
from actors.demo.summary import summary
from actors.demo.table import Table, Totals
from actors.pool import Pool
from bridge.certificate import CallRecord, Certificate, PeakMemory, Phase, Verdict
from supervision import ChildType
from supervision.tree_view import TreeNode

PLAN = SessionPlan(".#0", ".", ("a.py",))
TABLE = Table(
    {"a.py": FileReport("a.py", 1, 1, (Function("f", 1, 1, 1),), frozenset({"os"}), {"f": 1}, frozenset())},
    {},
    Totals(1, 0, 1, 1, 1),
)
OUTCOME = Outcome(
    plan=Plan("/root", (PLAN,)),
    sessions=(
        SessionOutcome(
            plan=PLAN, table=TABLE, acknowledged=frozenset({"a.py"}), strikes=1, moves=1, replays=1,
            kills=(Kill("tree/census/workers/1", 100, "SIGKILL", "a.py"),),
        ),
    ),
    poisoned=(),
    seconds=1.0,
    status=Pool(workers=1).status(),
    tree=TreeNode("tree", ChildType.SUPERVISOR, 1, 0, {}),
)  # fmt: skip


def death(number: int, verdict: Verdict = Verdict.KILLED_FROM_OUTSIDE, **more: Any) -> Death:
    """Return the death of incarnation *number* at a file of its own."""
    certificate = Certificate(
        worker="tree/census/workers/1",
        incarnation=number,
        pid=100 + number,
        verdict=verdict,
        phase=Phase.RUNNING,
        signal="SIGKILL",
        call=CallRecord(number, "actors.demo.table.held", number / 100),
    )
    return Death(attrs.evolve(certificate, **more), f"m{number}.py")


def page(*deaths: Death, poisoned: tuple[PoisonDeath, ...] = (), **more: Any) -> str:
    """Return the summary of a run with *deaths*, the first of which was planned."""
    (session,) = OUTCOME.sessions
    outcome = attrs.evolve(
        OUTCOME, sessions=(attrs.evolve(session, deaths=deaths),), poisoned=poisoned, **more
    )
    return summary(Report.of(outcome), Style())


def test_ten_deaths_alike_are_three_lines_and_a_count() -> None:
    """They differ in worker, file and time alone; another manner of death is told besides."""
    text = page(*map(death, range(10)), death(10, Verdict.CRASH_SIGNAL, signal="SIGSEGV"))

    assert re.findall(r"m\d+\.py", text) == ["m0.py", "m1.py", "m2.py", "m10.py"]
    assert "  … and 7 more alike (--json lists all)\n" in text
    assert text.count("more alike") == 1


@pytest.mark.parametrize(("count", "more"), [(3, False), (4, True)])
def test_three_deaths_alike_need_no_count(count: int, more: bool) -> None:
    """The twin, at its edge."""
    assert ("more alike" in page(*map(death, range(count)))) is more


def test_the_head_of_the_deaths_counts_them_all() -> None:
    """Kills, poison and what else there was add up to the number that the pool's own books have."""
    poison = PoisonDeath("poison_exit.py", death(5, Verdict.EXITED).certificate, as_expected=True)

    text = page(death(0), death(1), death(2), poisoned=(poison,))

    assert "Deaths  4, each certified: 1 by chaos, 1 by poison, 2 by something else\n" in text


def test_a_worker_that_was_asked_to_end_has_not_died() -> None:
    """An orderly stop has a certificate, too; it is no death, here as in the pool's books."""
    stopped = death(1, Verdict.STOPPED).certificate
    status = attrs.evolve(OUTCOME.status, certificates=(stopped,))

    assert "Deaths  1, each certified: 1 by chaos\n" in page(death(0), status=status)
    assert "Deaths" not in page(status=status)


def test_a_death_names_its_worker_as_the_tree_does() -> None:
    """Short: there is one pool. What it printed last cannot break the line either."""
    text = page(death(7, last_output=("red \x1b[31m",)))

    assert "  m7.py: worker 1#7 (pid 107) was killed by SIGKILL from outside while running call 7" in text
    assert "tree/census" not in text
    assert "      │ red \\x1b[31m\n" in text


def test_the_certificate_of_a_poison_is_printed_whole() -> None:
    """Figures, output and stacks; of other deaths, which may be many, the headline and the last two lines."""
    known = {
        "uptime": 1.5,
        "peak_memory": PeakMemory(45_200_000),
        "last_output": ("one", "two", "three"),
        "stacks": ("Current thread", '  File "x.py"'),
    }
    certificate = death(5, Verdict.EXITED, **known).certificate
    whole = page(poisoned=(PoisonDeath("poison_exit.py", certificate, as_expected=True),))

    lines = whole[whole.index("Poison") :].splitlines()[2:10]
    assert lines == [
        "    up 1.5 s, peak memory 45.2 MB",
        "    last output:",
        "      │ one",
        "      │ two",
        "      │ three",
        "    stacks:",
        "      │ Current thread",
        '      │   File "x.py"',
    ]
    other = page(death(5, Verdict.EXITED, **known))
    assert "      │ two\n      │ three\n" in other
    assert "│ one" not in other
    assert "x.py" not in other


def test_one_of_a_thing_is_no_plural() -> None:
    """Every number of this run is 1."""
    text = page(death(0))
    (session,) = OUTCOME.sessions
    given_up = (FileError("b.py", "no"),)
    session = attrs.evolve(session, given_up=given_up, table=TABLE._replace(reports={}))
    plan = attrs.evolve(OUTCOME.plan, sessions=(attrs.evolve(PLAN, files=("a.py", "b.py", "c.py")),))
    report = Report.of(attrs.evolve(OUTCOME, plan=plan, sessions=(session,)), differences=("a.py: lost",))

    assert "1 file   1 line   1 function   1 class   1 module imported   0 errors" in text
    assert "1 session, 1 move to another worker, 1 file replayed" in text
    assert "1 kill planned, 1 struck" in text
    assert "1 name defined, but never used in its package" in text
    assert "1 file/s: 1 file in 1.0 s with 1 worker" in text
    assert report.faults == (
        "1 file is lost, a.py first",
        "nobody came to 1 file",
        "1 file was given up, b.py first",
        "1 difference to the serial run, the first: a.py: lost",
    )
    assert not re.findall(r"\b1 \w+[^\Ws]s\b", text + " ".join(report.faults))
