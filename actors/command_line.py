"""``python -m actors tree|status``: which services of this user run, and what they are doing, for people and as JSON.

It only asks (`bridge.services`): nothing of a service is changed, slowed or stopped by it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.errors import InspectionFailed
from bridge.run_dir import owner_pid
from bridge.services import Service, ask, running

__all__ = ["main"]

#: Seconds for a service to answer; it takes 3 at the most to ask its actors.
_PATIENCE: Final = 5.0

_DESCRIPTION: Final = """\
Look into running services: processes with a treewarden pool, of this user, on this machine.

  tree    who supervises whom, and what each actor says of itself
  status  each pool's workers, its statistics, its last deaths
"""
_EPILOG: Final = """\
WHICH is the process id of a service, the name of a pool or of a tree, or a run directory (.../treewarden-12345678).
Without it: the only service that runs; if there are several, they are listed.

Exit status: 0; 1 if there is no such service, there are several, or one gives no answer; 2 for wrong usage.

  python -m actors status
  python -m actors tree 4711
  python -m actors status --json parse | jq '.pools[0].waiting'
"""


class _Refused(Exception):
    """There is not the one service that was asked for; ``found`` are those there are."""

    def __init__(self, text: str, found: Sequence[Service] = ()) -> None:
        super().__init__(text)
        self.found = found


def main(arguments: Sequence[str]) -> int:
    """Do what *arguments* say; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m actors",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("tree", "status"), help="what to show")
    parser.add_argument("which", nargs="?", metavar="WHICH", help="a process id, a name, or a run directory")
    parser.add_argument("--json", action="store_true", help="for machines: one JSON object")
    # Intermixed: else "status --json parse" would have no WHICH.
    options = parser.parse_intermixed_args(arguments)
    try:
        told = _told(_chosen(options.which), options.what)
    except (_Refused, InspectionFailed) as error:
        _complain(error, as_json=options.json)
        return 1
    if options.json:
        _say(json.dumps({"trees" if options.what == "tree" else "pools": told}))
    else:
        _say("\n\n".join("\n".join(_TEXTS[options.what](each)) for each in told))
    return 0


def _chosen(which: str | None) -> list[Service]:
    """Return the run directories that *which* names: of one process.

    Raises:
        _Refused: There is none, or there are several processes.
    """
    every = running()
    if which is not None and (os.sep in which or which.startswith("treewarden-")):
        path = Path(which).resolve()
        if (pid := owner_pid(path)) is None:
            raise _Refused(f"no service runs in {path}. Expected its run directory; these run:", every)
        return [
            Service(path, pid)
        ]  # wherever it lies: the service's environment may name another place than ours
    if not every:
        raise _Refused(
            "no service of this user runs here. Expected a process with a pool that was started;"
            " is it another user's, or in another container?"
        )
    found = every if which is None else _named(which, every)
    if not found:
        raise _Refused(
            f"no service is called {which!r}. Expected a process id, the name of a pool or a tree, or a run directory;"
            " these run:",
            every,
        )
    if len({service.pid for service in found}) > 1:
        what = "several services run" if which is None else f"several services are called {which!r}"
        raise _Refused(f"{what}; give one of these by its process id:", found)
    return found


def _named(which: str, every: Sequence[Service]) -> list[Service]:
    if found := [service for service in every if str(service.pid) == which]:
        return found
    return [service for service in every if which in _names(service)]


def _names(service: Service) -> tuple[str, ...]:
    try:
        who = ask(service.path, "who", _PATIENCE)
        return str(who["pool"]), str(who["tree"])
    except InspectionFailed:
        return ()


def _told(services: Sequence[Service], what: str) -> list[dict[str, Any]]:
    """Ask each of *services*; a tree with several pools is told once."""
    told: dict[object, dict[str, Any]] = {}
    for service in services:
        answer = ask(service.path, what, _PATIENCE)
        told.setdefault(
            answer["key"] if what == "tree" else service.path, {"run": str(service.path), **answer}
        )
    return list(told.values())


def _tree_text(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"service {told['pid']}"
    yield str(told["text"])


def _status_text(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"service {told['pid']}  tree {told['tree']}  pool {told['name']}  {told['state']}"
    numbers = {name: value for name, value in told.items() if isinstance(value, int) and name != "pid"}
    width = max(map(len, numbers))
    for name, value in numbers.items():
        yield f"  {name:<{width}}  {value}"
    if workers := told["workers"]:
        rows = [
            list(workers[0]),
            *([str("-" if v is None else v) for v in each.values()] for each in workers),
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            yield "  " + "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
    for line in told["deaths_told"]:
        yield f"  died: {line}"


_TEXTS: Final = {"tree": _tree_text, "status": _status_text}


def _complain(error: _Refused | InspectionFailed, *, as_json: bool) -> None:
    services = error.found if isinstance(error, _Refused) else ()
    if as_json:
        listed = [
            {"pid": service.pid, "run": str(service.path), "names": _names(service)} for service in services
        ]
        _say(json.dumps({"error": str(error), "services": listed}))
        return
    lines = [f"python -m actors: {error}"]
    for service in services:
        names = _names(service)
        about = f"pool {names[0]}, tree {names[1]}" if names else "gives no answer"
        lines.append(f"  {service.pid}  {service.path}  {about}")
    sys.stderr.write("\n".join(lines) + "\n")


def _say(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough; what Python would write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
