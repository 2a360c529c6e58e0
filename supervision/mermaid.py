"""What Mermaid wants of a text, and its diagram of states: names that it would misread are quoted.

Pure. What is drawn is decided where it lives: transition tables in ``statem``, trees in ``tree_view``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, final

import attrs

__all__ = ["Arrow", "in_quotes", "state_diagram"]

#: What would mean something inside quotes; Mermaid's own escapes begin with "#".
_IN_QUOTES: Final = str.maketrans(
    {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\n": " ", "\r": " "}
)
#: And what ends a label that has none.
_BARE: Final = _IN_QUOTES | str.maketrans({":": "#58;", ";": "#59;", "%": "#37;"})
#: A name that a diagram of states takes as it is, unless it is one of its own words.
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset(
    "accdescr acctitle as choice class classdef click default direction end fork hide href join left note of over "
    "right root scale state statediagram style title bt tb lr rl".split()
)


@final
@attrs.frozen
class Arrow:
    """One transition to be drawn."""

    start: str
    end: str
    label: str


def in_quotes(lines: Iterable[str]) -> str:
    """Return *lines* as one quoted label, with nothing in them that Mermaid would take for its own."""
    return f'"{"<br>".join(line.translate(_IN_QUOTES) for line in lines)}"'


def state_diagram(
    initial: str,
    states: Sequence[str],
    arrows: Iterable[Arrow],
    *,
    notes: Mapping[str, str],
    finals: Iterable[str],
) -> str:
    """Return a state diagram.

    Args:
        initial: Where it begins.
        states: All of them; one whose name is no plain word gets one (``s2``), and its name as a description.
        arrows: The transitions, in order.
        notes: What is said beside a state.
        finals: Where it ends.
    """
    ids = dict(zip(states, _ids(states), strict=True))
    lines = ["stateDiagram-v2"]
    lines += [f"    state {in_quotes([state])} as {id}" for state, id in ids.items() if id != state]
    lines.append(f"    [*] --> {ids[initial]}")
    lines += [
        f"    {ids[arrow.start]} --> {ids[arrow.end]}: {arrow.label.translate(_BARE)}" for arrow in arrows
    ]
    lines += [f"    note right of {ids[state]}: {text.translate(_BARE)}" for state, text in notes.items()]
    lines += [f"    {ids[state]} --> [*]" for state in finals]
    return "\n".join(lines)


def _ids(states: Sequence[str]) -> Iterator[str]:
    for number, state in enumerate(states, 1):
        if _PLAIN.fullmatch(state) and state.lower() not in _WORDS:
            yield state
            continue
        id = f"s{number}"
        while id in states:
            id += "_"
        yield id
