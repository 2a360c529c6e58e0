"""The interpreters that a dead service left, as certificates: nobody saw their end, so little is known.

Who kills what still lives of them, and removes their run directory, is in `run_dir`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bridge.certificate import Certificate, OutOfMemory, Phase, Verdict

__all__ = ["left_behind"]


def left_behind(path: Path) -> Iterator[Certificate]:
    """Yield a certificate for each entry of the run directory *path*, by age; damaged ones are left out."""
    for file in sorted(path.glob("*.json"), key=lambda file: (len(file.name), file.name)):
        try:
            entry = json.loads(file.read_text())
            worker, incarnation, pid = str(entry["worker"]), int(entry["incarnation"]), int(entry["pid"])
        except (OSError, ValueError, TypeError, KeyError):
            continue
        yield Certificate(
            worker=worker,
            incarnation=incarnation,
            pid=pid,
            verdict=Verdict.SERVICE_GONE,
            phase=Phase.UNKNOWN,
            out_of_memory=OutOfMemory.UNKNOWN,
            detail=f"found in {path.name}",
        )
