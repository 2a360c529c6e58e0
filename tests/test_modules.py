"""What every module looks like: a docstring, a true ``__all__`` (ruff sorts it), a readable length, no print."""

from __future__ import annotations

import ast

import pytest
from sources import Module, package_modules, within

LONGEST = 350

every_module = pytest.mark.parametrize("module", package_modules(), ids=lambda module: module.name)


def bound_names(body: list[ast.stmt]) -> set[str]:
    """Return the names that module-level statements bind, those under TYPE_CHECKING included."""
    bound: set[str] = set()
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            bound |= bound_names(
                [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            )
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound |= {
                name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    return bound


@every_module
def test_a_module_says_what_it_is(module: Module) -> None:
    """The docstring comes first; its first line is one sentence."""
    docstring = ast.get_docstring(module.tree)

    assert docstring, f"{module.path} has no docstring"
    assert docstring.splitlines()[0], f"{module.path}: the first line of the docstring is empty"


@every_module
def test_a_module_can_be_read_in_one_sitting(module: Module) -> None:
    """Past 350 lines there is a seam."""
    assert len(module.path.read_text().splitlines()) <= LONGEST


@every_module
def test_what_is_public_is_listed(module: Module) -> None:
    """``__all__`` names what exists, once, and leaves out no public class or function."""
    exported = module.exported
    if exported is None:
        own = [
            n
            for n in module.tree.body
            if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        last = module.name.rpartition(".")[2]
        assert not own or last.startswith("_"), (
            f"{module.name} defines {[n.name for n in own]} and has no __all__"
        )
        return
    defined = {
        node.name
        for node in module.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    }

    assert len(exported) == len(set(exported))
    assert set(exported) <= bound_names(module.tree.body)
    assert defined <= set(exported)


@every_module
def test_the_library_does_not_print(module: Module) -> None:
    """Whoever embeds it owns the terminal; the demo is a program, and prints."""
    calls = [node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]

    assert not prints or within(module.name, "actors.demo")
