"""What the figures of the rounds become: medians, ratios of the same rounds, their spread, goals; JSON and table."""

from __future__ import annotations

import json

import pytest


def test_the_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """Not the ratio of the medians: what disturbed one round disturbed both of its sides."""
    from benchmarks.report import compared

    line = compared("line", "us", [1.0, 10.0, 30.0], {"theirs": [2.0, 10.0, 10.0]})

    assert line.ratio == 1.0
    assert line.spread == (0.5, 3.0)
    assert line.ours == 10.0
    line = compared("line", "us", [1.0, 40.0, 30.0], {"theirs": [4.0, 10.0, 60.0]})
    assert (line.ratio, line.ours / line.others["theirs"]) == (0.5, 3.0)


def test_the_first_of_the_others_is_what_is_compared_with() -> None:
    """The rest is shown beside it, as medians; also with an even number of rounds."""
    from benchmarks.report import compared

    line = compared("line", "us", [2.0, 4.0], {"rival": [4.0, 4.0], "limit": [1.0, 2.0]})

    assert (line.ratio, line.spread) == (0.75, (0.5, 1.0))
    assert line.others == {"rival": 4.0, "limit": 1.5}


def test_rounds_must_be_the_same() -> None:
    """A side that has fewer of them was not measured beside the other."""
    from benchmarks.report import compared

    with pytest.raises(ValueError, match="shorter"):
        compared("line", "us", [1.0, 2.0], {"theirs": [1.0]})


@pytest.mark.parametrize(
    ("goal", "ratio", "holds"),
    [
        ("<= 0.75", 0.75, True),
        ("<= 0.75", 0.76, False),
        (">= 3", 3.0, True),
        (">= 3", 2.9, False),
        ("", 99.0, None),
    ],
)
def test_a_goal_holds_up_to_its_limit(goal: str, ratio: float, holds: bool | None) -> None:
    """At most, at least; a line without one only informs."""
    from benchmarks.report import compared

    assert compared("line", "us", [ratio], {"theirs": [1.0]}, goal).holds is holds


def test_json_has_every_line_and_fact_of_all_reports() -> None:
    """Four digits of a figure, three places of a ratio; the verdict is that of the unrounded one."""
    from benchmarks.report import Report, as_json, compared

    first = Report([compared("a", "us", [1.23456], {"b": [3.0]}, "<= 0.4115")], {"fact": {1: 2.5}})
    second = Report([compared("c", "/s", [123456.0], {"d": [1.0]})], {"more": 7})

    found = json.loads(as_json([first, second]))

    assert found["lines"] == [
        {
            "name": "a",
            "unit": "us",
            "ours": 1.235,
            "others": {"b": 3.0},
            "ratio": 0.412,
            "spread": [0.412, 0.412],
            "goal": "<= 0.4115",
            "holds": False,
        },
        {
            "name": "c",
            "unit": "/s",
            "ours": 123500.0,
            "others": {"d": 1.0},
            "ratio": 123456.0,
            "spread": [123456.0, 123456.0],
            "goal": "",
            "holds": None,
        },
    ]
    assert found["facts"] == {"fact": {"1": 2.5}, "more": 7}


def test_the_table_says_which_goals_hold() -> None:
    """One row for each line, under one heading, in columns; then the facts."""
    from benchmarks.report import Report, as_table, compared

    lines = [
        compared("good", "us", [1.0], {"b": [2.0]}, "<= 0.75"),
        compared("a longer name", "us", [3.0], {"b": [2.0]}, "<= 0.75"),
        compared("informs", "us", [3.0], {"b": [2.0]}),
    ]

    rows = as_table([Report(lines, {"fact": 7})]).splitlines()

    assert rows[0].split() == ["line", "ours", "others", "ratio", "spread", "goal"]
    assert rows[1].split() == ["good", "1.0", "us", "b", "2.0", "0.50", "0.50-0.50", "<=", "0.75", "holds"]
    assert rows[2].endswith("1.50   1.50-1.50  <= 0.75  DOES NOT HOLD")
    assert rows[3].endswith("1.50-1.50")
    assert {row.index(" us") for row in rows[1:4]} == {rows[0].index("ours") + 3}
    assert rows[4:6] == ["", "fact: 7"]
    assert rows[6].startswith("python ")
