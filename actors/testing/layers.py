"""A pool for a test, on one of three layers, which all take the same calls: the mock, the bridge and the real one.

| layer | what is real | what answers |
| --- | --- | --- |
| mock | the pool: tree, desk, sessions, multiplexer, statistics, errors | what the test put |
| bridge | also hub, handshake, frames, channels; the interpreters are threads | what the test put |
| real | everything | the functions, in processes |
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from actors.errors import UnknownOption
from actors.pool import Pool
from actors.status import DEFAULT, GIVEN, Choice
from actors.testing.answers import Answers
from actors.testing.mock import MockLauncher
from bridge.launchers.fake import FakeLauncher
from bridge.options import InterpreterOptions

if TYPE_CHECKING:
    from actors.unbridged import Unbridged
    from bridge.launchers.launcher import Launcher

__all__ = ["LAYER", "LAYERS", "PYTHON", "layered_pool"]

#: The variable of the environment that names the layer.
LAYER: Final = "TREEWARDEN_LAYER"
#: The variable of the environment that says which Python the workers of the real layer are.
PYTHON: Final = "TREEWARDEN_PYTHON"


def _nobody(_: Answers) -> None:
    """The functions answer for themselves."""


_LAUNCHERS: Final[Mapping[str, Callable[[Answers], Launcher | Unbridged | None]]] = MappingProxyType(
    {
        "mock": MockLauncher,
        "bridge": lambda answers: FakeLauncher(run=answers.run),
        "real": _nobody,
    }
)
#: Their names, lowest first.
LAYERS: Final = tuple(_LAUNCHERS)


def layered_pool(layer: str | None = None, answers: Answers | None = None, **options: Any) -> Pool:
    """Return a pool, not started. Which layer it is on, and why, ``status().choices`` says.

    Args:
        layer: "mock", "bridge" or "real"; None: as ``TREEWARDEN_LAYER`` says, else "real".
        answers: What is answered on the layers without processes; None: nothing.
        options: As of ``Pool``, but for ``launcher``, which is the layer's. Without ``interpreter`` the workers of the
            real layer are what ``TREEWARDEN_PYTHON`` says, else this Python.

    Raises:
        UnknownOption: There is no such layer, or option; the error names the nearest, and all that there are.
        TypeError, ValueError: As ``Pool``.
    """
    if "launcher" in options:
        raise TypeError("launcher: it is the layer's; use Pool(launcher=...) for one of your own")
    chosen = [_chosen("layer", layer, LAYER, "real")]
    _refuse_unknown(chosen[0])
    on = chosen[0].value
    if on == "real" and options.get("interpreter") is None:
        python = _chosen("python", None, PYTHON, InterpreterOptions().python)
        options["interpreter"] = InterpreterOptions(python=python.value)
        chosen.append(python)
    pool = Pool(**options, launcher=_LAUNCHERS[on](Answers() if answers is None else answers))
    # Which launcher it is follows from the layer, and so does why.
    of_pool = (
        attrs.evolve(each, why=chosen[0].why) if each.what == "launcher" else each
        for each in pool.desk.choices
    )
    pool.desk.choices = tuple({each.what: each for each in (*of_pool, *chosen)}.values())
    return pool


def _chosen(what: str, given: str | None, variable: str, default: str) -> Choice:
    """Return what was given; else what the environment says, unless that is empty; else the default."""
    if given is not None:
        return Choice(what, given, GIVEN)
    named = os.environ.get(variable)
    return Choice(what, named, f"{variable} in the environment") if named else Choice(what, default, DEFAULT)


def _refuse_unknown(layer: Choice) -> None:
    if layer.value not in LAYERS:
        nearest = get_close_matches(str(layer.value), LAYERS, n=1, cutoff=0.0)[0]
        raise UnknownOption(f"layer ({layer.why}): ", layer.value, nearest, LAYERS)
