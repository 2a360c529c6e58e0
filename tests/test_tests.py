"""What every test looks like: it does not sleep, and its docstring states the rule that it holds."""

from __future__ import annotations

import ast

import pytest
from sources import Module, suite_modules

every_test_file = pytest.mark.parametrize("module", suite_modules(), ids=lambda module: module.name)


def called(node: ast.AST) -> list[str]:
    """Return what is called within *node*, as dotted source text."""
    return [ast.unparse(child.func) for child in ast.walk(node) if isinstance(child, ast.Call)]


def cases_of(module: Module) -> list[ast.FunctionDef]:
    """Return the test functions of *module*, in classes, too."""
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if function.name.startswith("test_")]


@every_test_file
def test_no_test_sleeps(module: Module) -> None:
    """A test waits for what it needs: a Down, a call as a barrier, the virtual clock.

    Only what a worker is given to do may sleep, and lies in tests/support or in a file of functions.
    """
    if module.path.name.startswith(("test_", "conftest")):
        assert not [name for name in called(module.tree) if name in {"time.sleep", "sleep", "asyncio.sleep"}]
        assert "time.sleep" not in module.imports


@every_test_file
def test_a_test_states_its_rule(module: Module) -> None:
    """Each test function has a docstring, and each file."""
    assert ast.get_docstring(module.tree), f"{module.path} has no docstring"
    assert not [f.name for f in cases_of(module) if not ast.get_docstring(f)]


@every_test_file
def test_no_mock_stands_in_for_a_real_part(module: Module) -> None:
    """Fakes are scripted classes of our own; ``unittest.mock`` agrees with everything."""
    assert not {name for name in module.imports if name.startswith("unittest.mock")}
