"""Where a pool's options come from: keywords before a mapping or a TOML file, these before the defaults.

What each option may be is in ``options``. Everything is checked here, in the caller; nothing is started.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from actors.errors import UnknownOption
from actors.options import PoolOptions
from bridge.ladder import Graces
from bridge.options import InterpreterOptions

__all__ = ["Source", "as_keywords", "pool_options"]

#: What options may come from besides keywords: their names and values, or the file that has them.
Source: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str]"

T = TypeVar("T")

#: Options that are options themselves: in a mapping they are mappings, in a file tables.
_NESTED: Final[Mapping[type, Mapping[str, type]]] = {
    PoolOptions: {"interpreter": InterpreterOptions},
    InterpreterOptions: {"graces": Graces},
}


def pool_options(
    source: Source | None = None, keywords: Mapping[str, Any] | None = None, *, table: str = "pool"
) -> PoolOptions:
    """Return the options of a pool. Reads the file, if there is one.

    None, wherever it stands, is as if the option were not given. False and 0 are values.

    Args:
        source: A mapping, or the path of a TOML file.
        keywords: They take the place of what *source* says of the same option; an ``interpreter`` as a whole.
        table: The file's table with the options, dotted if it lies in another: "pools.parse".

    Raises:
        UnknownOption: There is no option of that name; the error names the nearest.
        TypeError: An option, or *source*, is of the wrong type.
        ValueError: A value is out of its range, the file is no TOML, or has no such table.
        OSError: The file cannot be read.
    """
    where, given = _given(source, table)
    read = _values(PoolOptions, given, where)
    over = {name: value for name, value in (keywords or {}).items() if value is not None}
    _refuse_unknown(PoolOptions, over, "")
    if read and over:
        # What a keyword overrides is wrong all the same, and would be so again without it.
        _made(PoolOptions, read, where)
    return _made(PoolOptions, {**read, **over}, "" if over else where)


def as_keywords(options: PoolOptions) -> dict[str, Any]:
    """Return *options* as the keywords that make the same again."""
    return {field.name: getattr(options, field.name) for field in attrs.fields(PoolOptions)}


def _given(source: Source | None, table: str) -> tuple[str, Mapping[str, Any]]:
    """Return what *source* says, and how to call it in an error."""
    if source is None:
        return "", {}
    if isinstance(source, Mapping):
        return "", source
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"options {source!r}: expected a mapping of names to values, or the path of a TOML file;"
            " give single options as keywords"
        )
    import tomllib

    path = Path(source)
    with path.open("rb") as file:
        try:
            found: Any = tomllib.load(file)
        except ValueError as error:
            raise ValueError(f"{path}: expected TOML: {error}") from None
    for part in table.split("."):
        names = sorted(name for name, value in found.items() if isinstance(value, dict))
        if part not in names:
            raise ValueError(
                f"{path}: no table [{table}]; there is {', '.join(names) or 'none'}."
                f" Write the options under [{table}], or name their table with table="
            )
        found = found[part]
    return f"{path} [{table}]: ", found


def _values(kind: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the values of *given* as *kind* takes them: what is not given left out, inner options made."""
    _refuse_unknown(kind, given, where)
    inner = _NESTED.get(kind, {})
    values = {name: value for name, value in given.items() if value is not None}
    for name in values.keys() & inner.keys():
        if isinstance(values[name], Mapping):
            deeper = f"{where}{name}: "
            values[name] = _made(inner[name], _values(inner[name], values[name], deeper), deeper)
    return values


def _refuse_unknown(kind: type, given: Mapping[str, Any], where: str) -> None:
    known = tuple(field.name for field in attrs.fields(kind))
    for name in given:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
            raise UnknownOption(where, name, near[0], known)


def _made(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        if not where:
            raise
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{where}{error}") from None
