"""Whether the tests of the supervisor's rules would notice a wrong rule: ``tox -e mutation``.

Each mutant is one small change to one of the pure modules, made by mutmut with its own operators; the tests of those
modules are run against it, and should fail. All of it happens in a copy. The survivors that are left, and why each is
no fault of the tests, are in docs/decisions.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
#: The part of the mutants that must be killed.
GOAL: Final = 0.95
MUTATED: Final = (
    "administration",
    "backoff",
    "child_table",
    "decisions",
    "intensity",
    "strategy",
    "sup_state",
)
TESTS: Final = (
    "administration",
    "backoff",
    "child_table",
    "decisions_auto_shutdown",
    "decisions_backoff",
    "decisions_intensity",
    "decisions_restart",
    "decisions_retry",
    "decisions_start",
    "intensity",
    "strategy",
)


def main() -> int:
    """Mutate, test, and print what survived; 0 if enough was killed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _copy_to(place)
        _mutmut(place, "run")
        _mutmut(place, "export-cicd-stats")
        counts = json.loads((place / "mutants/mutmut-cicd-stats.json").read_text())
        survivors = [
            line.split(":")[0].strip() for line in _mutmut(place, "results").splitlines() if ":" in line
        ]
        for name in survivors:
            print(_mutmut(place, "show", name))
    killed, total = counts["killed"] + counts["timeout"], counts["total"]
    print(
        f"{killed} of {total} mutants killed ({killed / total:.1%}), {counts['survived']} survived; {counts}"
    )
    return 0 if total > 100 and killed / total >= GOAL else 1


def _copy_to(place: Path) -> None:
    for folder in ("supervision", "bridge", "actors", "tests"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    lists = {
        "source_paths": ["supervision"],
        "only_mutate": [f"supervision/{name}.py" for name in MUTATED],
        "also_copy": ["actors", "bridge"],
        # An installed plugin would bring the installed supervision along.
        "pytest_add_cli_args": ["-p", "no:treewarden", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [f"tests/supervision/test_{name}.py" for name in TESTS],
    }
    text = [f"{key}=\n" + "".join(f"    {value}\n" for value in values) for key, values in lists.items()]
    (place / "setup.cfg").write_text("[mutmut]\n" + "".join(text))


def _mutmut(place: Path, *arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode:
        raise SystemExit(
            f"mutmut {' '.join(arguments)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
