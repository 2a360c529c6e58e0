"""Merge the tables of all sessions into the census: totals, the most complex functions, dead code by package.

A package is a directory; the slices of a big one come from several sessions, and a name is dead only if none of them
uses it. Pure; how a single file is counted is in ``census``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

import attrs

from actors.demo.census import FileError, FileReport
from actors.demo.table import Table, Totals

__all__ = ["Census", "ComplexFunction", "DeadName", "Package", "merge"]


@final
@attrs.frozen(order=True)
class DeadName:
    """A function, class or variable that is defined but never used in its package."""

    path: str
    line: int
    name: str


@final
@attrs.frozen
class Package:
    """One directory."""

    directory: str  #: relative to the root; "." is the root itself
    files: int
    dead: tuple[DeadName, ...]  #: by path and line


@final
@attrs.frozen
class ComplexFunction:
    """A function that stands out."""

    name: str
    path: str
    line: int
    length: int
    complexity: int


@final
@attrs.frozen
class Census:
    """What is told of all files."""

    totals: Totals
    imports: tuple[str, ...]  #: every module named in an import, sorted
    longest: ComplexFunction | None
    most_complex: tuple[ComplexFunction, ...]  #: at most ten, the worst first
    packages: tuple[Package, ...]  #: by directory
    errors: tuple[FileError, ...]  #: by path


def merge(tables: Iterable[tuple[str, Table]], errors: Iterable[FileError] = ()) -> Census:
    """Return the census of *tables*, each with its directory.

    Args:
        tables: In any order; all slices of a directory must be there.
        errors: Further ones, of what never came to a table; they count as files.
    """
    directories: dict[str, list[FileReport]] = {}
    further = tuple(errors)
    totals = Totals(files=len(further), errors=len(further))
    failed = list(further)
    for directory, table in tables:
        directories.setdefault(directory, []).extend(table.reports.values())
        failed.extend(table.errors.values())
        totals = totals.plus(table.totals)
    reports = [report for found in directories.values() for report in found]
    functions = [
        ComplexFunction(function.name, report.path, function.line, function.length, function.complexity)
        for report in reports
        for function in report.functions
    ]
    return Census(
        totals,
        tuple(sorted({module for report in reports for module in report.imports})),
        min(functions, key=lambda it: (-it.length, it.path, it.line), default=None),
        tuple(sorted(functions, key=lambda it: (-it.complexity, it.path, it.line))[:10]),
        tuple(_package(directory, directories[directory]) for directory in sorted(directories)),
        tuple(sorted(failed)),
    )


def _package(directory: str, reports: list[FileReport]) -> Package:
    used = frozenset[str]().union(*(report.used for report in reports))
    dead = (
        DeadName(report.path, line, name)
        for report in reports
        for name, line in report.defined.items()
        if name not in used and not _called_by_convention(name)
    )
    return Package(directory, len(reports), tuple(sorted(dead)))


def _called_by_convention(name: str) -> bool:
    """Return whether Python itself, a test runner or nobody by intention reads *name*."""
    return name == "_" or name.startswith("test") or (name.startswith("__") and name.endswith("__"))
