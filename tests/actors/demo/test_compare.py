"""What becomes of ProcessPoolExecutor with the same work."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from main_job import environment
from processes import alive_after, marked

from actors.demo import poison
from actors.demo.compare import Comparison, compare
from actors.demo.plan import make_plan
from actors.demo.poison import POISONS

MEMORY = 1 << 30
MARK = "TREEWARDEN_COMPARE_TEST"


pytestmark = pytest.mark.usefixtures("no_leaks")


def rival(
    sources: Path, *, chaos: float = 0.0, poisons: Path | None = None, deadline: float = 40.0
) -> Comparison:
    if poisons is not None:
        poison.write(str(poisons))
    return compare(
        make_plan(str(sources), chaos=chaos),
        workers=2,
        memory=MEMORY,
        poisons=None if poisons is None else str(poisons),
        deadline=deadline,
    )


def test_without_chaos_it_does_everything(sources: Path) -> None:
    """The twin of those below."""
    found = rival(sources)

    assert (found.ended, found.files, found.of) == ("done", 36, 36)
    assert found.files_per_second > 0
    assert json.loads(json.dumps(found.as_dict()))["ended"] == "done"


def test_a_strike_breaks_it(sources: Path) -> None:
    """One worker killed, and the whole pool is broken: the rest of the work is not done."""
    found = rival(sources, chaos=0.2)

    assert found.ended.startswith("BrokenProcessPool: ")
    assert found.files < 36


def test_a_poisoned_file_breaks_it(sources: Path, tmp_path: Path) -> None:
    """The first of the four, a segfault, is its end."""
    found = rival(sources, poisons=tmp_path)

    assert found.ended.startswith("BrokenProcessPool: ")
    assert found.of == 36 + len(POISONS)
    assert found.files < found.of


def test_what_hangs_is_killed_at_the_deadline(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that holds the GIL in C hangs the pool for ever; its processes are killed, and what was done is told."""
    monkeypatch.setattr("actors.demo.compare.POISONS", [it for it in POISONS if "hang" in it.path])

    found = rival(sources, poisons=tmp_path, deadline=3.0)

    assert found.ended == "hung, and was killed at its deadline of 3 s"
    assert found.files < found.of
    assert found.seconds >= 3.0


ALONE = """
import sys
from actors.demo import compare, plan, poison
compare.POISONS = [it for it in poison.POISONS if "hang" in it.path]
poison.write(sys.argv[2])
watch = compare._watch
compare._watch = lambda *given: print("begun", flush=True) or watch(*given)
compare.compare(plan.make_plan(sys.argv[1]), workers=2, memory=None, poisons=sys.argv[2], deadline=50.0)
"""


def test_it_dies_with_the_one_who_compares(sources: Path, tmp_path: Path) -> None:
    """SIGKILL us in the middle: the kernel ends it, though one of its workers holds the GIL in C."""
    token = secrets.token_hex(8)
    (tmp_path / "poison").mkdir()
    command = [sys.executable, "-c", ALONE, str(sources), str(tmp_path / "poison")]
    alone = subprocess.Popen(
        command,
        env=environment(**{MARK: token}),
        stdout=subprocess.PIPE,
    )
    assert alone.stdout is not None
    with alone, alone.stdout as said:
        assert said.readline() == b"begun\n"
        family = marked(MARK, token)
        try:
            # Between its exec's beginning and end a process has no environment to be found by.
            while family.keys() <= {alone.pid}:
                for pidfd in family.values():
                    os.close(pidfd)
                family = marked(MARK, token)
            others = [pidfd for pid, pidfd in family.items() if pid != alone.pid]

            alone.kill()
            alone.wait(timeout=10)

            assert alive_after(others, 5.0) == 0
            assert marked(MARK, token) == {}
        finally:
            for pidfd in family.values():
                os.close(pidfd)
