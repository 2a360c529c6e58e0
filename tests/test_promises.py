"""docs/promises.md and the tests agree: each promise is shown by a test of the suite, each mark is a promise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from sources import ROOT, Module, suite_modules

#: Promises whose tests are still being written: this can only shrink.
PENDING: frozenset[str] = frozenset()

MARK = "pytest.mark.promise"


def promised() -> list[str]:
    """Return the names in the tables of docs/promises.md."""
    return re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "promises.md").read_text(), re.MULTILINE)


def marks(module: Module) -> Iterator[ast.Call]:
    """Yield each mark of *module*, wherever it stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == MARK:
            yield node


def shown(module: Module) -> Iterator[str]:
    """Yield the name in each mark that decorates a test of *module*."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for each in node.decorator_list:
                if isinstance(each, ast.Call) and ast.unparse(each.func) == MARK:
                    yield ast.literal_eval(each.args[0])


def of_the_suite() -> Iterator[Module]:
    """Yield the files whose tests run every time; the soaks only add to them."""
    return (module for module in suite_modules() if "soak" not in module.path.parts)


def test_promises_are_told_once() -> None:
    """Each name stands in one row, in words and dashes."""
    names = promised()

    assert len(names) > 10
    assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_each_promise_has_a_test() -> None:
    """Nothing is promised that no test of the suite shows; what is still pending has none yet, and is promised."""
    found = {name for module in of_the_suite() for name in shown(module)}

    assert not set(promised()) - found - PENDING, "these are promised, and no test shows them"
    assert not PENDING & found, "these have tests by now, and are pending no more"
    assert set(promised()) >= PENDING


@pytest.mark.parametrize("module", suite_modules(), ids=lambda module: module.name)
def test_each_mark_is_a_promise(module: Module) -> None:
    """A mark names a promise, and decorates a test function, where it can be found."""
    names = list(shown(module))

    assert set(names) <= set(promised())
    assert len(names) == len(list(marks(module)))
