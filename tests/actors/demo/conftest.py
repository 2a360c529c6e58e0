"""What the tests of the main job share: a small tree of sources, and the main job as a person starts it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from main_job import command, environment

Demo = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Three packages with 36 files, one of which does not parse."""
    root = tmp_path / "sources"
    for package in ("", "left", "right"):
        (root / package).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            text = f"import os\ndef f{number}(a):\n    return a or os.sep\nf{number - 1}\n"
            (root / package / f"m{number:02}.py").write_text(text)
    (root / "left" / "m00.py").write_text("def (:\n")
    return root


@pytest.fixture
def demo(no_leaks: None) -> Demo:
    """Run the main job to its end, on two workers, and return what it said; nothing of it may be left."""

    def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command("--workers", "2", *map(str, arguments)),
            capture_output=True,
            text=True,
            timeout=50,
            env=environment(**more),
            check=False,
        )

    return run


@pytest.fixture
def demo_json(demo: Demo) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run the main job with --json, and return its exit code and its object."""

    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        done = demo("--json", *arguments)
        assert done.stdout.count("\n") == 1, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run
