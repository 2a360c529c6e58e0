"""Count what one Python file holds: lines, functions, classes, complexity, imports, names defined and used.

Reading and parsing are in ``source``; what is made of many files is in ``packages``. Workers import this module, and the
serial check runs the very same code: standard library only, and the same result wherever it runs.
"""

from __future__ import annotations

import ast
import os.path
from typing import Final, NamedTuple, final

from actors.demo.source import TOO_DEEP, Unreadable, load

__all__ = ["DEEPEST", "FileError", "FileReport", "Function", "count", "examine"]

#: Levels of syntax nodes. The parser's own limit depends on how deep the stack of its caller is; this one, well below,
#: makes a worker and the serial check agree. The deepest file of the standard library has 33.
DEEPEST: Final = 1000


@final
class Function(NamedTuple):
    """One function or method."""

    name: str  #: qualified within its file: ``Class.method``, ``outer.inner``
    line: int
    length: int  #: lines from ``def`` to the end of the body
    complexity: (
        int  #: cyclomatic: 1 + branches, loops, handlers, cases, and/or operands, comprehension clauses
    )


@final
class FileReport(NamedTuple):
    """What was counted in one file."""

    path: str  #: relative to the root of the census
    lines: int
    classes: int
    functions: tuple[Function, ...]  #: in the order of their lines
    imports: frozenset[str]  #: modules named in import statements; relative ones with their dots
    defined: dict[str, int]  #: functions, classes and the module's own variables, each with its first line
    used: frozenset[
        str
    ]  #: every name and attribute that is read, imported from a module, or listed in ``__all__``


@final
class FileError(NamedTuple):
    """A file that could not be counted."""

    path: str
    reason: str  #: one line


def examine(root: str, path: str) -> FileReport | FileError:
    """Count the file *path* below *root*; one that cannot be counted is a FileError.

    Raises:
        MemoryError: If the process is really out of memory.
    """
    try:
        tree, lines = load(os.path.join(root, path))  # noqa: PTH118 - a hot path, and Path would normalize
        return count(tree, path, lines)
    except Unreadable as unreadable:
        return FileError(path, unreadable.reason)


def count(tree: ast.Module, path: str, lines: int) -> FileReport:
    """Count the syntax *tree* of the file *path*.

    Raises:
        Unreadable: If it nests deeper than DEEPEST levels.
    """
    tally = _Tally()
    scopes = [_Scope("", tree.body, 1)]
    for scope in scopes:  # grows while it runs: every def and class met is walked as a scope of its own
        tally.walk(scope, scopes)
    return FileReport(
        path,
        lines,
        tally.classes,
        tuple(sorted(tally.functions, key=lambda function: (function.line, function.name))),
        frozenset(tally.imports),
        tally.defined,
        frozenset(tally.used),
    )


@final
class _Scope(NamedTuple):
    prefix: str  #: "" for the module, else its qualified name with a dot
    body: list[ast.stmt]
    depth: int
    function: ast.FunctionDef | ast.AsyncFunctionDef | None = None


_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BRANCHES: Final = frozenset((
    ast.AsyncFor, ast.BoolOp, ast.ExceptHandler, ast.For, ast.If, ast.IfExp, ast.While, ast.comprehension, ast.match_case,
))  # fmt: skip
_CHILDLESS: Final = (
    ast.Constant, ast.Global, ast.Import, ast.ImportFrom, ast.MatchSingleton, ast.Name, ast.Nonlocal,
)  # fmt: skip
_NO_NODES: Final = frozenset((
    "arg", "asname", "attr", "conversion", "ctx", "is_async", "kind", "level", "module", "name", "op", "ops", "simple",
    "type_comment", "type_ignores",
))  # fmt: skip


def _child_fields() -> dict[type, tuple[str, ...]]:
    """Return, for every class of nodes, the fields that can hold nodes worth a look."""
    # None and strings lie among the children of a few nodes: a missing key of a dict, the keywords of a pattern.
    fields: dict[type, tuple[str, ...]] = {type(None): (), str: ()}
    kinds: list[type[ast.AST]] = [ast.AST]
    for kind in kinds:  # grows while it runs
        kinds += kind.__subclasses__()
        fields[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
    for kind in _CHILDLESS:
        fields[kind] = ()
    for kind in _DEFINITIONS:  # the body is a scope of its own
        fields[kind] = tuple(name for name in fields[kind] if name != "body")
    return fields


_FIELDS: Final = _child_fields()


@final
class _Tally:
    """The counts of one file while it is walked; no recursion, so no file is too deep for our own stack."""

    def __init__(self) -> None:
        self.classes = 0
        self.functions: list[Function] = []
        self.imports: set[str] = set()
        self.defined: dict[str, int] = {}
        self.used: set[str] = set()

    def walk(self, scope: _Scope, scopes: list[_Scope]) -> None:
        """Count *scope* level by level, and add the scopes met in it to *scopes*."""
        complexity = 1
        depth = scope.depth
        level: list[ast.AST] = list(scope.body)
        while level:
            if depth > DEEPEST:
                raise Unreadable(TOO_DEEP)
            below: list[ast.AST] = []
            for node in level:
                kind = type(node)
                if kind in _BRANCHES:
                    complexity += _weight(node)
                elif kind in _COUNTED:
                    self._note(node, scope, depth, scopes)
                for field in _FIELDS[kind]:
                    child = getattr(node, field)
                    if child.__class__ is list:
                        below += child
                    else:
                        below.append(child)
            level = below
            depth += 1
        if scope.function is not None:
            self._finish(scope.prefix[:-1], scope.function, complexity)

    def _note(self, node: ast.AST, scope: _Scope, depth: int, scopes: list[_Scope]) -> None:
        """Note what *node* defines, uses or imports."""
        match node:
            case ast.Name():
                if type(node.ctx) is ast.Load:
                    self.used.add(node.id)
                elif not scope.prefix and type(node.ctx) is ast.Store:
                    self._define(node.id, node.lineno)
            case ast.Attribute():
                if type(node.ctx) is ast.Load:
                    self.used.add(node.attr)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node.name, node.lineno)
                scopes.append(_Scope(f"{scope.prefix}{node.name}.", node.body, depth + 1, node))
            case ast.ClassDef():
                self.classes += 1
                self._define(node.name, node.lineno)
                scopes.append(_Scope(f"{scope.prefix}{node.name}.", node.body, depth + 1))
            case ast.Import():
                self.imports.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                self.imports.add("." * node.level + (node.module or ""))
                self.used.update(alias.name for alias in node.names)
            case ast.Assign() | ast.AugAssign():
                if not scope.prefix:
                    self._export(node)

    def _define(self, name: str, line: int) -> None:
        self.defined[name] = min(line, self.defined.get(name, line))

    def _export(self, node: ast.Assign | ast.AugAssign) -> None:
        """Count what ``__all__`` lists as used: a name is exported for somebody."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        listed = any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)
        if listed and isinstance(node.value, ast.List | ast.Tuple):
            for element in node.value.elts:
                if isinstance(element, ast.Constant) and isinstance(element.value, str):
                    self.used.add(element.value)

    def _finish(self, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef, complexity: int) -> None:
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        self.functions.append(Function(name, node.lineno, length, complexity))


_COUNTED: Final = frozenset((
    *_DEFINITIONS, ast.Assign, ast.Attribute, ast.AugAssign, ast.Import, ast.ImportFrom, ast.Name,
))  # fmt: skip


def _weight(node: ast.AST) -> int:
    """Return what a branch adds to the complexity of its function."""
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case _:
            return 1
