"""Processes that were forked to become an interpreter and have not called exec: stopped in that moment, if they last.

Such a one shares its parent's memory, so it has its parent's command line and environment, and no mark of its own. What
gives it away is the boot spec, which nobody but it holds without close-on-exec.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Final

from bridge.proc import SHORTAGE, Process
from bridge.wire.boot_spec import FILE

__all__ = ["is_unborn"]

#: What the kernel calls the file of a memfd.
_LINK: Final = f"/memfd:{FILE} (deleted)"


def is_unborn(process: Process, run: Path) -> bool:
    """Return whether *process* was to become an interpreter of the service whose run directory is *run*.

    A copy of the service itself is none, nor is a program that a user's code started: both have, if anything, a boot spec
    that closes on exec.

    Raises:
        OSError: If that cannot be told, for want of a descriptor.
    """
    place = Path("/proc", str(process.pid))
    try:
        numbers = os.listdir(place / "fd")  # noqa: PTH208 (as in `bridge.proc`)
        return any(_leads_to(place, number, run) for number in numbers)
    except OSError as error:
        if error.errno in SHORTAGE:
            raise
        return False  # gone, or somebody else's


def _leads_to(place: Path, number: str, run: Path) -> bool:
    """Return whether a process's descriptor *number* is a boot spec for *run*, and passed on by exec."""
    try:
        if os.readlink(place / "fd" / number) != _LINK:  # noqa: PTH115 (it is no path)
            return False
        fields = dict(line.split(":", 1) for line in (place / "fdinfo" / number).read_text().splitlines())
        if int(fields["flags"], 8) & os.O_CLOEXEC:
            return False
        spec = ast.literal_eval((place / "fd" / number).read_text())
        return Path(str(spec["data"]).removeprefix("ipc://")).parent == run
    except (ValueError, SyntaxError, KeyError, TypeError):
        return False
