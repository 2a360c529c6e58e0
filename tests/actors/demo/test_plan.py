"""The plan: which files, in which sessions, and which of them are struck."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.demo.plan import SLICE, BadInput, is_struck, make_plan, spread, standard_library
from actors.demo.poison import POISONS, Poison

STRUCK_WITH_SEED_0 = ["pkg/m7.py", "pkg/m9.py", "pkg/m10.py", "pkg/m11.py", "pkg/m16.py"]
STRUCK_WITH_SEED_1 = ["pkg/m9.py", "pkg/m15.py"]


def test_directories_become_sessions_and_big_ones_slices(tmp_path: Path) -> None:
    """A directory is a session; one with more than SLICE files is cut; the order is that of the names."""
    (tmp_path / "big").mkdir()
    for number in range(2 * SLICE + 1):
        (tmp_path / "big" / f"m{number:03}.py").touch()
    (tmp_path / "one.py").touch()
    (tmp_path / "notes.txt").touch()

    plan = make_plan(str(tmp_path))

    assert plan.root == str(tmp_path)
    assert [(session.id, len(session.files)) for session in plan.sessions] == [
        (".#0", 1),
        ("big#0", SLICE),
        ("big#1", SLICE),
        ("big#2", 1),
    ]
    assert plan.sessions[1].files[:2] == ("big/m000.py", "big/m001.py")
    assert plan.files == 2 * SLICE + 2
    assert make_plan(str(tmp_path)) == plan


def test_links_to_directories_are_no_endless_way(tmp_path: Path) -> None:
    """A link back up is not followed; a directory that is called x.py is a file to be counted, and walked too."""
    (tmp_path / "pkg.py").mkdir()
    (tmp_path / "pkg.py" / "inner.py").touch()
    (tmp_path / "pkg.py" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.py").symlink_to("nowhere")

    plan = make_plan(str(tmp_path))

    assert [session.files for session in plan.sessions] == [("dangling.py", "pkg.py"), ("pkg.py/inner.py",)]


def test_one_file_is_a_plan(tmp_path: Path) -> None:
    """PATH may be a file; it is planned even if it turns out not to be readable."""
    (tmp_path / "only.py").touch()
    (tmp_path / "other.py").touch()
    os.mkfifo(tmp_path / "fifo.py")

    assert make_plan(str(tmp_path / "only.py")).sessions[0].files == ("only.py",)
    assert make_plan(str(tmp_path / "fifo.py")).sessions[0].files == ("fifo.py",)


def test_the_standard_library_is_the_default() -> None:
    """Without third parties, which a given path keeps."""
    plan = make_plan()

    assert plan.root == standard_library()
    assert "ast.py" in plan.sessions[0].files
    assert not any("site-packages" in session.directory for session in plan.sessions)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_directory_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    """It is an error of the census, not of the walk."""
    (tmp_path / "a.py").touch()
    (tmp_path / "secret").mkdir(mode=0)

    assert make_plan(str(tmp_path)).unreadable[0] == ("secret", "cannot be listed: Permission denied")


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt"])
def test_a_path_without_work_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    """No such path, a directory without .py files, a file of another kind."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()

    with pytest.raises(BadInput, match=r"^[^\n]+$"):
        make_plan(str(tmp_path / name))


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_probability_is_refused(rate: float) -> None:
    """Outside 0 to 1 nothing is planned."""
    with pytest.raises(BadInput, match="from 0 to 1"):
        make_plan(chaos=rate)


def test_who_is_struck_depends_on_seed_and_path_alone() -> None:
    """The same on every machine and in every version: these are written down, not computed here again."""
    paths = [f"pkg/m{number}.py" for number in range(20)]

    assert [path for path in paths if is_struck(path, seed=0, chaos=0.2)] == STRUCK_WITH_SEED_0
    assert [path for path in paths if is_struck(path, seed=1, chaos=0.2)] == STRUCK_WITH_SEED_1
    assert all(is_struck(path, seed=0, chaos=1.0) for path in paths)
    assert not any(is_struck(path, seed=0, chaos=0.0) for path in paths)


def test_strikes_of_a_plan_are_about_as_many_as_asked(tmp_path: Path) -> None:
    """Each file for itself: a file keeps its fate when others come and go."""
    for number in range(400):
        (tmp_path / f"m{number}.py").touch()

    plan = make_plan(str(tmp_path), chaos=0.25)
    (tmp_path / "m0.py").unlink()
    fewer = make_plan(str(tmp_path), chaos=0.25)

    assert 70 <= plan.strikes <= 130
    before = {path for session in plan.sessions for path in session.strikes}
    assert {path for session in fewer.sessions for path in session.strikes} == before - {"m0.py"}


def test_big_sessions_are_begun_first(tmp_path: Path) -> None:
    """What is begun last ends last; a file that cannot be looked at weighs nothing."""
    for name, size in {"small": 10, "big": 1000, "middle": 100}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.py").write_text("#" * size)
        (tmp_path / name / "n.py").symlink_to("nowhere")

    order = spread(make_plan(str(tmp_path)).sessions, ())

    assert [(task.id, task.size) for task in order if not isinstance(task, Poison)] == [
        ("big#0", 1000),
        ("middle#0", 100),
        ("small#0", 10),
    ]


def test_poisons_are_spread_among_the_sessions(tmp_path: Path) -> None:
    """Work goes on before, between and after them; without sessions to lie between, they all still come."""
    for number in range(10):
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}" / "m.py").touch()
    sessions = make_plan(str(tmp_path)).sessions

    order = spread(sessions, POISONS)

    assert [task for task in order if task in sessions] == list(sessions)
    assert [order.index(poison) for poison in POISONS] == [2, 5, 8, 11]
    assert spread(sessions, ()) == list(sessions)
    assert set(spread(sessions[:1], POISONS)) == {sessions[0], *POISONS}
