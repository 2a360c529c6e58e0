"""Pickling on the host's side: by reference or by value, with a marker or with an error that names what cannot be sent.

The pickle's form is `wire.codec`'s; what is pickled, and what it is called, is `payload`'s.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bridge.errors import NotPicklable
from bridge.wire import call_body, codec, culprit, marker
from bridge.wire.call_body import Reference
from bridge.wire.redaction import Redactor

__all__ = ["PARTS", "dumps", "main_module"]

#: What the parts of a call are called in a path.
PARTS: Final = ("function", "args", "kwargs", "extras")
_INSTALL: Final = "Install cloudpickle: pip install 'treewarden[pickle]'"
_PLAIN: Final = "Send functions of modules and plain values"


def dumps(
    call: Sequence[object],
    label: str,
    reference: Reference | None = None,
    *,
    marking: bool = False,
    secrets: Sequence[str] = (),
) -> list[bytes | memoryview]:
    """Return the frames of *call*.

    Functions and classes of a main module that has no file (a REPL, a notebook, ``python -c``) go by value, for which
    cloudpickle is needed; everything else goes by reference.

    Args:
        call: Its parts, as `PARTS` names them.
        label: What it is called in an error.
        reference: To its function, which then need not be pickled.
        marking: Whether a marker takes the place of an argument, or a part of one, that cannot be sent.
        secrets: What no error and no marker shows.

    Raises:
        NotPicklable: If it cannot be sent; ``path`` says which part of it.
    """
    failure: Exception | None = None
    try:
        frames = codec.dumps(call if reference is None else call[1:])
        mentions_main = codec.MAIN_BYTES in frames[0]
        if not mentions_main or main_module() != (None, None) or not _uses_main(call):
            return call_body.join(reference, frames, mentions_main)
    except Exception as error:  # pickling runs the methods of users' classes, which raise what they like
        failure = error
    dump: Callable[..., bytes] = pickle.dumps
    remedy = _PLAIN
    if main_module() == (None, None):
        try:
            dump = importlib.import_module("cloudpickle").dumps
        except ImportError:
            if failure is None:
                raise NotPicklable(
                    label,
                    "it belongs to a __main__ that has no file (a REPL, a notebook or python -c)",
                    f"{_INSTALL}, or put it into a module",
                ) from None
            remedy = f"{_INSTALL}, to send lambdas and what a session defines"
    redact = Redactor(secrets)
    try:
        # What failed is not tried a second time, unless something else is to pickle it.
        if failure is None or marking or dump is not pickle.dumps:
            frames = marker.dumps(call, PARTS, redact, dump) if marking else codec.dumps(call, dump)
            return call_body.join(None, frames, codec.MAIN_BYTES in frames[0])
    except Exception as error:
        failure = error
    assert failure is not None
    found = culprit.find(call, PARTS, dump=dump)
    told = culprit.text_of(failure)
    raise _refused(f"the call of {label}", failure, found, redact, remedy) from (
        failure if redact(told) == told else None
    )


def _refused(
    what: str, error: Exception, found: culprit.Culprit | None, redact: Redactor, remedy: str
) -> NotPicklable:
    """Return the error that says which part of *what* cannot be sent, and why."""
    if found is None:
        return NotPicklable(
            what, redact(f"it cannot be pickled ({type(error).__name__}: {culprit.text_of(error)})"), remedy
        )
    path, why = redact(found.path), redact(found.why)
    return NotPicklable(
        what, f"{path}, of type {found.type_name}, cannot be pickled ({why})", remedy, path, found.type_name
    )


def main_module() -> tuple[str | None, str | None]:
    """Return the main module's name if it was run with -m, else what was run: the path of a script, a directory or a zip.

    Neither in a session without a file.
    """
    main = sys.modules.get(codec.MAIN)
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name and spec.name != codec.MAIN:
        return spec.name, None
    file = getattr(main, "__file__", None)
    if file is None:
        return None, None
    path = Path(file).absolute()
    # Profilers, too, give the scripts that they run a spec of the name __main__.
    if spec is not None and path.stem == codec.MAIN:
        return None, str(path.parent)
    return None, str(path) if path.is_file() else None


def _uses_main(call: object) -> bool:
    """Return whether *call* refers to the main module; that its name occurs in a string is not enough."""
    finder = _MainFinder(io.BytesIO(), protocol=5, buffer_callback=lambda _: None)
    finder.dump(call)
    return finder.found


class _MainFinder(pickle.Pickler):
    found = False

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type | types.FunctionType) and obj.__module__ == codec.MAIN:
            self.found = True
        return NotImplemented
