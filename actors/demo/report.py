"""All that a run has to say, put together: what decides the exit code, and the object that ``--json`` prints.

The same for people is in ``summary``.
"""

from __future__ import annotations

from typing import final

import attrs

from actors.demo.census import FileError
from actors.demo.compare import Comparison
from actors.demo.outcome import Death, Outcome
from actors.demo.packages import Census, merge
from actors.demo.words import counted, grouped, noun, visible

__all__ = ["Report"]


@final
@attrs.frozen(kw_only=True)
class Report:
    """One run."""

    outcome: Outcome
    census: Census
    differences: tuple[str, ...] | None = None  #: from the serial run; None if that was not asked for
    comparison: Comparison | None = None

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        *,
        differences: tuple[str, ...] | None = None,
        comparison: Comparison | None = None,
    ) -> Report:
        """Return the report of *outcome*, with the census merged from its tables."""
        tables = ((session.plan.directory, session.table) for session in outcome.sessions)
        census = merge(tables, (*outcome.plan.unreadable, *outcome.given_up))
        return cls(outcome=outcome, census=census, differences=differences, comparison=comparison)

    @property
    def verified(self) -> bool | None:
        """Whether the serial run found the same; None if it was not asked for."""
        return None if self.differences is None else not self.differences

    @property
    def files_per_second(self) -> float:
        """Files done by second, the start of the pool included."""
        return self.outcome.files / self.outcome.seconds if self.outcome.seconds else 0.0

    @property
    def faults(self) -> tuple[str, ...]:
        """Every reason why this run is not a success, a line each."""
        outcome = self.outcome
        found = []
        if outcome.failure:
            found.append(f"the pool could not go on: {outcome.failure}")
        if outcome.lost:
            are = noun(len(outcome.lost), "is", "are")
            found.append(f"{counted(len(outcome.lost), 'file')} {are} lost, {visible(outcome.lost[0])} first")
        if outcome.missing:
            found.append(f"nobody came to {counted(outcome.missing, 'file')}")
        if outcome.given_up:
            first = visible(outcome.given_up[0].path)
            were = noun(len(outcome.given_up), "was", "were")
            found.append(f"{counted(len(outcome.given_up), 'file')} {were} given up, {first} first")
        if len(outcome.kills) != outcome.strikes:
            were = noun(outcome.strikes, "was", "were")
            found.append(
                f"{counted(outcome.strikes, 'kill')} {were} planned, {grouped(len(outcome.kills))} struck"
            )
        found += [
            f"{death.path} did not end as it must" for death in outcome.poisoned if not death.as_expected
        ]
        if self.differences:
            count = counted(len(self.differences), "difference")
            found.append(f"{count} to the serial run, the first: {visible(self.differences[0])}")
        return tuple(found)

    @property
    def exit_code(self) -> int:
        """0: all is there and, if verified, equal. 130: interrupted. 1: else."""
        if self.outcome.interrupted:
            return 130
        return 1 if self.faults else 0

    def as_dict(self) -> dict[str, object]:
        """Return everything ready for JSON."""
        outcome = self.outcome
        return {
            "root": outcome.plan.root,
            "files": outcome.files,
            "totals": {**self.census.totals._asdict(), "imports": len(self.census.imports)},
            "errors": [_error(error) for error in self.census.errors],
            "lost": list(outcome.lost),
            "kills": [attrs.asdict(kill) for kill in outcome.kills],
            "planned_kills": outcome.strikes,
            "sessions": len(outcome.sessions),
            "moves": outcome.moves,
            "replays": outcome.replays,
            "deaths": [_death(death) for death in outcome.deaths],
            "poison": [
                {
                    "path": death.path,
                    "as_expected": death.as_expected,
                    "account": death.certificate.headline() if death.certificate else None,
                }
                for death in outcome.poisoned
            ],
            "most_complex": [attrs.asdict(function) for function in self.census.most_complex],
            "dead_code": {package.directory: len(package.dead) for package in self.census.packages},
            "verified": self.verified,
            "differences": None if self.differences is None else list(self.differences),
            "compared": None if self.comparison is None else self.comparison.as_dict(),
            "faults": list(self.faults),
            "interrupted": outcome.interrupted,
            "seconds": round(outcome.seconds, 3),
            "files_per_second": round(self.files_per_second, 1),
            "workers": [attrs.asdict(worker) for worker in outcome.status.workers],
            "tree": outcome.tree.as_dict(),
        }


def _error(error: FileError) -> dict[str, str]:
    return {"path": error.path, "reason": error.reason}


def _death(death: Death) -> dict[str, object]:
    return {"path": death.path, **death.certificate.as_dict()}
