"""The pure modules, where the rules are: no I/O, clock, lock, log, thread or randomness. The table is here."""

from __future__ import annotations

import ast
import re

import pytest
from sources import PACKAGES, package_modules, within

PURE = frozenset(
    {
        "actors.affinity",
        "actors.errors",
        "actors.events",
        "actors.ledger",
        "actors.scheduler",
        "actors.start_gate",
        "actors.status",
        "actors.worker_state",
        "bridge.certificate",
        "bridge.errors",
        "bridge.events",
        "bridge.options",
        "bridge.protocol",
        "bridge.wire.frames",
        "supervision.child_spec",
        "supervision.child_table",
        "supervision.decisions",
        "supervision.errors",
        "supervision.events",
        "supervision.exit_reason",
        "supervision.intensity",
        "supervision.links",
        "supervision.messages",
        "supervision.ref",
        "supervision.statem",
        "supervision.strategy",
    }
)

IMPURE = ("asyncio", "datetime", "logging", "loguru", "multiprocessing", "pykka", "queue", "random", "secrets", "select",
          "selectors", "signal", "socket", "subprocess", "threading", "time", "uuid", "zmq")  # fmt: skip

MODULES = {module.name: module for module in package_modules()}


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_module_imports_nothing_impure(name: str) -> None:
    """Time, randomness and ids come in as arguments, so every line can be tested without a thread."""
    assert not [used for used in MODULES[name].imports if within(used, *IMPURE)]


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_module_stands_on_pure_modules(name: str) -> None:
    """Of this project it imports pure modules only, so it is pure all the way down."""
    ours = {used for used in MODULES[name].imports if used in MODULES and within(used, *PACKAGES)}

    assert ours <= PURE


def test_whatever_calls_itself_pure_is_in_the_table() -> None:
    """A module whose docstring says "Pure" is held to it."""
    claimed = {
        name
        for name, module in MODULES.items()
        if re.search(r"\bPure[.,:]", ast.get_docstring(module.tree) or "")
    }

    assert claimed
    assert claimed <= PURE
