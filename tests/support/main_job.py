"""The main job's command line and environment, as a person would have them: for tests that start it."""

from __future__ import annotations

import os
import sys

__all__ = ["command", "environment"]


def command(*arguments: str) -> list[str]:
    """Return the command line of the main job."""
    return [sys.executable, "-P", "-m", "actors.demo", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which a new Python finds what this one finds, and nothing colours the output."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), **more}
