"""The pure modules, where the rules are: no I/O, clock, lock, log, thread or randomness. The table is here.

What they may import is listed, and not what they may not: a module that nobody thought of is refused.
"""

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
        "actors.idle",
        "actors.ledger",
        "actors.overflow",
        "actors.pictures",
        "actors.scheduler",
        "actors.session_books",
        "actors.start_gate",
        "actors.status",
        "actors.ticket",
        "actors.ticket_heap",
        "actors.waiters",
        "actors.worker_state",
        "bridge.certificate",
        "bridge.errors",
        "bridge.events",
        "bridge.ladder",
        "bridge.liveness",
        "bridge.launchers.notices",
        "bridge.options",
        "bridge.protocol",
        "bridge.suspects",
        "bridge.wire.frames",
        "bridge.wire.numbers",
        "supervision.administration",
        "supervision.admission",
        "supervision.arguments",
        "supervision.backoff",
        "supervision.child_spec",
        "supervision.child_table",
        "supervision.commands",
        "supervision.decisions",
        "supervision.errors",
        "supervision.events",
        "supervision.exit_reason",
        "supervision.intensity",
        "supervision.links",
        "supervision.mermaid",
        "supervision.messages",
        "supervision.ref",
        "supervision.state_actions",
        "supervision.state_engine",
        "supervision.statem",
        "supervision.strategy",
        "supervision.sup_state",
    }
)

#: What holds values and computes with them. Nothing here reads or writes.
ALLOWED = frozenset(
    {
        "__future__", "attrs", "bisect", "collections", "collections.abc", "copy", "dataclasses", "enum", "functools",
        "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "struct", "types", "typing",
    }
)  # fmt: skip
#: And what one module alone may import, with the names that it may take of it.
EXCEPTIONS = {
    # Base classes of its errors.
    "bridge.errors": {
        "concurrent.futures": {"CancelledError"},
        "concurrent.futures.process": {"BrokenProcessPool"},
    },
    "bridge.options": {"sys": {"executable"}},  # the default of an option
}

#: Builtins that read or write something besides their arguments, or run what is not in the file.
FORBIDDEN = frozenset(
    {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "open", "print"}
)

MODULES = {module.name: module for module in package_modules()}

#: A module whose docstring says "Pure" is held to it, whether it is in the table or not.
CLAIMED = {
    name
    for name, module in MODULES.items()
    if re.search(r"\bPure[.,:]", ast.get_docstring(module.tree) or "")
}
assert CLAIMED, "no docstring says so: the pattern looks for the wrong thing"
HELD = sorted(PURE | CLAIMED)


def foreign_imports(tree: ast.AST) -> set[str]:
    """Return the modules of others that *tree* imports anywhere, type checking included: a type is no excuse."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if not within(name, *PACKAGES)}


def uses(tree: ast.AST, module: str) -> set[str]:
    """Return the names that *tree* takes from *module*."""
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }
    return taken | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


@pytest.mark.parametrize("name", HELD)
def test_a_pure_module_imports_what_is_listed(name: str) -> None:
    """Time, randomness, ids and files come in as arguments, so every line can be tested without a thread."""
    tree, excepted = MODULES[name].tree, EXCEPTIONS.get(name, {})

    assert foreign_imports(tree) - ALLOWED <= set(excepted)
    for module, names in excepted.items():
        assert uses(tree, module), f"{name} does not need {module}: take it off the list"
        assert uses(tree, module) <= names


@pytest.mark.parametrize("name", HELD)
def test_a_pure_module_reads_and_writes_nothing(name: str) -> None:
    """No builtin that does I/O or runs text, however it is named: called, passed on or given another name."""
    names = {node.id for node in ast.walk(MODULES[name].tree) if isinstance(node, ast.Name)}

    assert not names & FORBIDDEN


@pytest.mark.parametrize("name", HELD)
def test_a_pure_module_stands_on_pure_modules(name: str) -> None:
    """Of this project it imports pure modules only, so it is pure all the way down."""
    ours = {used for used in MODULES[name].imports if used in MODULES and within(used, *PACKAGES)}

    assert ours <= set(HELD)
