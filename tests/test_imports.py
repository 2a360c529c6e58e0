"""Who may import whom: the direction of the packages, one file for each foreign runtime, and what stays light."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from sources import PACKAGES, Module, package_modules, within

import actors
import supervision

BELOW = {"supervision": (), "bridge": ("supervision",), "actors": ("supervision", "bridge")}

#: Where each foreign runtime is known by name, and nowhere else.
HOMES = {
    "pykka": ("supervision._pykka",),
    "loguru": ("supervision.observer", "actors.demo"),
    "zmq": (
        "bridge.channel",
        "bridge.turn",
        "bridge.connection",
        "bridge.hub",
        "bridge.probe",
        "bridge.switchboard",
        "bridge.interpreter",
        "bridge.launchers.fake",
        "bridge.launchers.fake_lane",
    ),
}

MODULES = {module.name: module for module in package_modules()}


def every_module(*packages: str) -> pytest.MarkDecorator:
    """Run the test once for each module of *packages*."""
    chosen = [module for name, module in MODULES.items() if within(name, *packages)]
    return pytest.mark.parametrize("module", chosen, ids=[module.name for module in chosen])


@every_module(*PACKAGES)
def test_imports_go_down_only(module: Module) -> None:
    """``actors`` imports ``bridge`` imports ``supervision``; nothing imports upward, nor tests and examples."""
    own = module.name.partition(".")[0]
    upward = {*PACKAGES, "tests", "examples"} - {own, *BELOW[own]}

    assert not [name for name in module.imports if within(name, *upward)]


@every_module("bridge.wire")
def test_the_wire_is_standard_library_only(module: Module) -> None:
    """Both ends run the same code, in whatever Python: ``bridge.wire`` needs nothing installed."""
    foreign = {name for name in module.imports if name.partition(".")[0] not in sys.stdlib_module_names}

    assert not {name for name in foreign if not within(name, "bridge.wire") and name != "bridge"}


@every_module("bridge.interpreter")
def test_the_child_imports_little(module: Module) -> None:
    """What runs in the child stands on the standard library, zmq, the wire and itself (cloudpickle, if asked)."""
    foreign = {name for name in module.imports if name.partition(".")[0] not in sys.stdlib_module_names}
    allowed = ("bridge.interpreter", "bridge.wire", "zmq", "cloudpickle")

    assert not {name for name in foreign if not within(name, *allowed) and name != "bridge"}


@pytest.mark.parametrize("runtime", HOMES)
def test_a_foreign_runtime_has_one_home(runtime: str) -> None:
    """pykka, zmq and loguru could each be replaced in one place."""
    users = {
        name for name, module in MODULES.items() if any(within(used, runtime) for used in module.imports)
    }

    assert users, f"nobody imports {runtime}: the test looks at the wrong thing"
    assert not {name for name in users if not within(name, *HOMES[runtime])}


def modules_after(statement: str) -> set[str]:
    """Return the top-level names in ``sys.modules`` of a fresh interpreter after *statement*: all, whoever imported it."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], check=True, capture_output=True, text=True, timeout=30
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("statement", ["import actors", "from actors import Pool"])
def test_importing_actors_is_light(statement: str) -> None:
    """Nobody pays for logs, asyncio or a database before using them; the pool's own import is the twin: it loads zmq."""
    loaded = modules_after(statement)

    assert not {"loguru", "asyncio", "sqlite3"} & loaded
    assert ("zmq" in loaded) == ("Pool" in statement)
    assert ("concurrent" in loaded) == ("Pool" in statement)


def errors_of(*modules: str) -> dict[str, type[BaseException]]:
    """Return every public exception class that one of *modules* defines, by its name."""
    found = (vars(importlib.import_module(module)) for module in modules)
    return {
        name: value
        for names in found
        for name, value in names.items()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and not name.startswith("_")
        and value.__module__ in modules
    }


def test_every_error_can_be_imported_from_actors() -> None:
    """Of each package, as the README says; those of supervision from there, too. All are the same classes."""
    own = errors_of("supervision.errors", "supervision.statem")
    every = errors_of("actors.errors", "bridge.errors") | own
    assert {"PoolError", "WorkerDied", "TreeEnded", "IllegalTransition"} <= set(every)

    assert not sorted(set(every) - set(actors.__all__))
    assert {name: getattr(actors, name) for name in every} == every
    assert not sorted(set(own) - set(supervision.__all__))
    assert {name: getattr(supervision, name) for name in own} == own


def test_every_name_of_actors_is_there() -> None:
    """Each that is promised is found, and found by ``dir``, though none is loaded before."""
    assert all(getattr(actors, name) is not None for name in actors.__all__)
    assert set(actors.__all__) <= set(dir(actors))


def test_the_root_of_bridge_imports_nothing() -> None:
    """The child passes through ``bridge/__init__`` on its way to the loop."""
    assert modules_after("import bridge") - modules_after("pass") == {"bridge"}
