"""The project's own source code, as the structural tests read it: from the checkout, without importing it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("supervision", "bridge", "actors")


@attrs.frozen
class Module:
    """One source file, parsed."""

    name: str  #: dotted; a package's is that of its ``__init__``
    path: Path
    tree: ast.Module = attrs.field(repr=False, eq=False)

    @property
    def imports(self) -> frozenset[str]:
        """Every module imported anywhere in it, type checking apart, as dotted names."""
        return frozenset(_imported(self.tree))

    @property
    def exported(self) -> tuple[str, ...] | None:
        """The names in ``__all__``, or None without one."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
            ):
                return tuple(ast.literal_eval(node.value))
        return None


@functools.cache
def package_modules() -> tuple[Module, ...]:
    """Return every module of the three packages, sorted by name."""
    return tuple(sorted((m for package in PACKAGES for m in _modules(ROOT / package)), key=lambda m: m.name))


@functools.cache
def suite_modules() -> tuple[Module, ...]:
    """Return every Python file under tests/ and examples/, sorted by name."""
    return tuple(sorted((*_modules(ROOT / "tests"), *_modules(ROOT / "examples")), key=lambda m: m.name))


def within(name: str, *packages: str) -> bool:
    """Return whether the dotted *name* is one of *packages* or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _modules(directory: Path) -> Iterator[Module]:
    for path in directory.rglob("*.py"):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield Module(dotted, path, ast.parse(path.read_text(), str(path)))


def _imported(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module or ""
            # `from bridge import events` names a module, too.
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imported(child)
