"""setup.cfg, pyproject.toml, tox.ini and .ci/run: each says its own part, and nothing twice."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from sources import PACKAGES, ROOT


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    """The distribution."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((ROOT / "setup.cfg").read_text())
    return parser


def test_every_package_is_listed(setup_cfg: configparser.ConfigParser) -> None:
    """setup.cfg lists exactly the packages on disk."""
    on_disk = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in PACKAGES
        for path in (ROOT / top).rglob("__init__.py")
    }

    assert set(setup_cfg["options"]["packages"].split()) == on_disk


def test_the_core_stands_on_four_libraries(setup_cfg: configparser.ConfigParser) -> None:
    """Everything else is an extra."""
    required = setup_cfg["options"]["install_requires"].split()

    assert {re.split(r"[<>=]", line)[0] for line in required} == {"attrs", "loguru", "pykka", "pyzmq"}


def test_each_setting_has_one_place(setup_cfg: configparser.ConfigParser) -> None:
    """setup.cfg is the distribution; pyproject.toml is the build system and the tools."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert all(section == "metadata" or section.startswith("options") for section in setup_cfg.sections())
    assert set(pyproject) == {"build-system", "tool"}
    assert "setuptools" not in pyproject["tool"]


def without_pythons(tmp_path: Path, present: tuple[str, ...]) -> dict[str, str]:
    """Return an environment whose PATH has the commands that .ci/run needs, and only these Pythons."""
    for command in ("bash", "awk", "dirname", "cat"):
        found = next(
            Path(folder) / command for folder in os.defpath.split(":") if (Path(folder) / command).exists()
        )
        (tmp_path / command).symlink_to(found)
    for python in present:
        (tmp_path / python).symlink_to("/bin/true")
    return {"PATH": str(tmp_path)}


def ci_run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a copy of .ci/run beside a README whose second command only speaks."""
    home = Path(environment["PATH"]) / "checkout"
    (home / ".ci").mkdir(parents=True)
    (home / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    (home / "README.md").write_text(
        "```sh\necho first\n```\n\n```python\nx\n```\n\n```sh\necho CI is $CI\n```\n"
    )
    return subprocess.run(
        ["bash", ".ci/run"],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_ci_names_the_python_that_is_missing(tmp_path: Path) -> None:
    """A missing Python is an error at once, in one line that says which, and not a skipped environment."""
    done = ci_run(without_pythons(tmp_path, ("python3.11", "python3.13")))

    assert done.returncode == 1
    assert "not found: python3.12." in done.stderr


def test_ci_runs_the_second_command_of_the_readme(tmp_path: Path) -> None:
    """With every Python there it runs that very block, and tells it that this is CI."""
    done = ci_run(without_pythons(tmp_path, ("python3.11", "python3.12", "python3.13")))

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "CI is true")
