"""The documentation is true: its Python runs, its links lead somewhere, and the README begins as promised."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sources import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the fenced blocks of *page* in one of *languages*."""
    return [body for language, body in FENCE.findall(page.read_text()) if language in languages]


EXAMPLES = [(page, number) for page in PAGES for number, _ in enumerate(blocks(page, "python"))]


@pytest.mark.parametrize(
    ("page", "number"), EXAMPLES, ids=[f"{page.name}-{number}" for page, number in EXAMPLES]
)
def test_a_python_block_runs(page: Path, number: int, tmp_path: Path, no_leaks: None) -> None:
    """Each block is a whole program, or a test file: those that define tests are given to pytest."""
    source = blocks(page, "python")[number]
    tests = "def test_" in source
    program = tmp_path / ("test_block.py" if tests else "block.py")
    program.write_text(source)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", program.name] if tests else [program.name]

    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link is a file of the project."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())

    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_readme_begins_with_the_two_commands() -> None:
    """The first two shell blocks: the demo in a fresh environment, and the tests by tox."""
    demo, tests, *_ = blocks(ROOT / "README.md", "sh", "bash", "shell", "console")

    assert "venv" in demo
    assert "-m actors.demo" in demo
    assert "venv" in tests
    assert "tox run" in tests
