"""Whether a Python can be a worker: asked of that Python itself, in one short run, before anything is started.

Launching a worker is not here (`launchers.process`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, final

import attrs
import zmq

from bridge.errors import InterpreterUnusable
from bridge.options import InterpreterOptions

__all__ = ["Python", "check_interpreter", "foreign_environment"]

_OLDEST: Final = (3, 11)
#: Seconds for a Python to say what it is.
_TIMEOUT: Final = 30.0

#: Runs on whatever Python there is, so it is written for all of them.
_QUESTION: Final = """
import json, sys
try:
    import zmq
    pyzmq = zmq.__version__
except ImportError:
    pyzmq = None
print(json.dumps([sys.version_info[:3], sys.prefix, pyzmq, sys.implementation.name if sys.version_info >= (3, 3) else ""]))
"""


@final
class Python(NamedTuple):
    """What is known of an interpreter."""

    executable: str
    version: tuple[int, ...]
    prefix: str
    pyzmq: str

    @property
    def is_ours(self) -> bool:
        """Whether what this process can import, a child with this Python can import."""
        return (self.prefix, self.version) == (sys.prefix, tuple(sys.version_info[:3]))


def check_interpreter(options: InterpreterOptions) -> Python:
    """Return what ``options.python`` is. Blocks for one run of a foreign Python; the answer is kept.

    Raises:
        InterpreterUnusable: If it cannot be a worker; the text gives the remedy.
    """
    if not options.python:
        raise InterpreterUnusable(
            "", "no path was given, and this process does not know its own", "Give python=PATH"
        )
    own = os.path.abspath(sys.executable) if sys.executable else None  # noqa: PTH100 (a venv's python stays a symlink)
    if os.path.abspath(options.python) == own:  # noqa: PTH100
        # It runs us, so it can be run: access(2) would say no to a user who may read by a capability alone.
        return Python(own, tuple(sys.version_info[:3]), sys.prefix, zmq.__version__)
    found = shutil.which(options.python)
    if found is None:
        raise InterpreterUnusable(
            options.python,
            "there is no such executable file",
            "Give the path of a Python, or a name that is on PATH",
        )
    executable = os.path.abspath(found)  # noqa: PTH100
    if executable == own:
        return check_interpreter(attrs.evolve(options, python=executable))
    return _ask(executable, Path(executable).stat().st_mtime_ns)


def foreign_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without what would lead another Python to our standard library."""
    return {name: value for name, value in environment.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


@lru_cache(maxsize=64)
def _ask(executable: str, _modified: int) -> Python:
    """Ask it. An error is not kept: the remedy may have been followed when it is asked again."""
    environment = foreign_environment(os.environ)
    try:
        done = subprocess.run(
            # From the root, so that no directory of the user's stands first in its sys.path.
            [executable, "-c", _QUESTION], capture_output=True, timeout=_TIMEOUT, cwd="/", env=environment,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InterpreterUnusable(
            executable, f"it did not answer within {_TIMEOUT:g} s", "Is it a Python?"
        ) from None
    except OSError as error:
        raise InterpreterUnusable(
            executable, f"it cannot be run ({error})", "Give the path of a Python"
        ) from None
    try:
        version, prefix, pyzmq, implementation = json.loads(done.stdout)
        version = tuple(version)
    except (ValueError, TypeError):
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        last = f", saying {said[-1]!r}" if said else ""
        raise InterpreterUnusable(
            executable,
            f"it ended with exit code {done.returncode}{last}",
            "Give the path of a working Python",
        ) from None
    if version < _OLDEST or implementation != "cpython":
        raise InterpreterUnusable(
            executable,
            f"it is {implementation or 'Python'} {'.'.join(map(str, version))}",
            f"A worker needs CPython {'.'.join(map(str, _OLDEST))} or later",
        )
    if pyzmq is None:
        raise InterpreterUnusable(
            executable, "it has no pyzmq", f"Install it: {executable} -m pip install pyzmq"
        )
    return Python(executable, version, prefix, pyzmq)
