"""Source text that runs in a worker, in the namespace of its session: what one call defines the next one finds.

Each session's namespace is a module of its own, so that what is defined there can be pickled within the worker.
"""

from __future__ import annotations

import itertools
import linecache
import sys
import threading
import types
from collections import deque
from typing import Any, Final

__all__ = ["MODULE", "evaluate", "forget"]

#: How the names of the namespaces' modules begin; the session's name follows.
MODULE: Final = "__session__:"
#: Sources whose lines tracebacks can show; those of older ones are forgotten.
_KEPT: Final = 500

_sources: Final[deque[tuple[str, str]]] = deque()  # session and file name, oldest first
_numbers: Final = itertools.count(1)
_lock: Final = threading.Lock()  # guards the sources: a worker may run several calls at a time


def evaluate(session: str, source: str) -> Any:
    """Run *source* in the namespace of *session*, which begins empty.

    Returns:
        The value, if the source is one expression; else None.

    Raises:
        SyntaxError: If it is no Python.
        BaseException: Whatever it raises; the traceback shows its lines.
    """
    file = _remember(session, source)
    namespace = _module(session).__dict__
    code = _expression(source, file)
    if code is None:
        exec(compile(source, file, "exec", dont_inherit=True), namespace)
        return None
    return eval(code, namespace)


def forget(session: str) -> bool:
    """Drop the namespace of *session*; return whether there was one."""
    with _lock:
        for each in [each for each in _sources if each[0] == session]:
            _sources.remove(each)
            linecache.cache.pop(each[1], None)
    return sys.modules.pop(_name(session), None) is not None


def _expression(source: str, file: str) -> types.CodeType | None:
    try:
        # Not with the future of this module, which is no affair of theirs.
        return compile(source, file, "eval", dont_inherit=True)
    except SyntaxError:
        return None
    except MemoryError as error:
        # The parser raises it for its own limits, too, on 3.11 without a text; what it had taken is given back either way.
        why = str(error) or "it is nested too deeply for the parser, or too long for the memory"
        raise SyntaxError(why) from None


def _name(session: str) -> str:
    # A dot would make it a part of a package, which the import of it would look for.
    return f"{MODULE}{session.replace('%', '%25').replace('.', '%2E')}"


def _module(session: str) -> types.ModuleType:
    name = _name(session)
    return sys.modules.get(name) or sys.modules.setdefault(name, types.ModuleType(name))


def _remember(session: str, source: str) -> str:
    """Return a name for *source* by which tracebacks find its lines."""
    file = f"<session {session!r}, source {next(_numbers)}>"
    # Without a time of change, linecache takes it as it is and looks for no file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with _lock:
        _sources.append((session, file))
        if len(_sources) > _KEPT:
            linecache.cache.pop(_sources.popleft()[1], None)
    return file
