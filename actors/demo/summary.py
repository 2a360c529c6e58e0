"""The report as a page for people.

What is said is decided in ``report``; here it only gets its looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from actors.demo.outcome import Death
from actors.demo.packages import ComplexFunction
from actors.demo.report import Report
from actors.demo.style import Style
from actors.demo.words import counted, grouped, noun, visible

__all__ = ["summary"]

_ROWS: Final = 10  #: of any list; --json has them all
_ALIKE: Final = 3  #: deaths that differ in nothing but worker, file and time


def summary(report: Report, style: Style) -> str:
    """Return *report* as text, without a newline at its end."""
    sections = (
        _totals,
        _complex,
        _dead_code,
        _errors,
        _poison,
        _deaths,
        _sessions,
        _throughput,
        _tree,
        _verdict,
    )
    parts = ["\n".join(section(report, style)) for section in sections]
    return style.text("\n\n".join(part for part in parts if part))


def _totals(report: Report, style: Style) -> Iterator[str]:
    census, totals = report.census, report.census.totals
    interrupted = "  (interrupted: what was done until then)" if report.outcome.interrupted else ""
    yield style.bold(f"Census of {visible(report.outcome.plan.root)}") + interrupted
    yield "  " + "   ".join(
        f"{style.bold(grouped(count))} {noun(count, *name)}"
        for count, *name in (
            (totals.files, "file"),
            (totals.lines, "line"),
            (totals.functions, "function"),
            (totals.classes, "class", "classes"),
            (len(census.imports), "module imported", "modules imported"),
            (totals.errors, "error"),
        )
    )
    if census.longest:
        it = census.longest
        yield f"  longest function: {it.name}, {counted(it.length, 'line')} {style.dim(_place(it))}"


def _complex(report: Report, style: Style) -> Iterator[str]:
    functions = report.census.most_complex
    if functions:
        yield style.bold("Most complex functions")
    width = max((len(function.name) for function in functions), default=0)
    for it in functions:
        lines = f"{it.length:4} {noun(it.length, 'line'):5}"
        yield f"  {it.complexity:5}  {it.name:{width}}  {lines}  {style.dim(_place(it))}"


def _dead_code(report: Report, style: Style) -> Iterator[str]:
    packages = [package for package in report.census.packages if package.dead]
    if not packages:
        return
    packages.sort(key=lambda package: (-len(package.dead), package.directory))
    count = sum(len(package.dead) for package in packages)
    whose = noun(count, "its", "their")
    yield style.bold("Dead code") + f"  {counted(count, 'name')} defined, but never used in {whose} package"
    names = [visible(package.directory) for package in packages[:_ROWS]]
    width = max(map(len, names))
    for directory, package in zip(names, packages, strict=False):
        dead = ", ".join(name.name for name in package.dead[:4]) + (", …" if len(package.dead) > 4 else "")
        yield f"  {len(package.dead):5}  {directory:{width}}  {style.dim(dead)}"
    yield from _more(len(packages), "package", style)


def _errors(report: Report, style: Style) -> Iterator[str]:
    errors = report.census.errors
    if errors:
        yield style.bold("Could not be counted")
    for error in errors[:_ROWS]:
        yield f"  {visible(error.path)}  {style.dim(visible(error.reason))}"
    yield from _more(len(errors), "file", style)


def _poison(report: Report, style: Style) -> Iterator[str]:
    deaths = report.outcome.poisoned
    if deaths:
        yield style.bold("Poison")
    for it in deaths:
        mark = style.good("✓") if it.as_expected else style.bad("✗")
        if it.certificate is None:
            yield f"  {mark} {it.path}: its worker lived"
        else:
            yield from _account(f"{mark} ", Death(it.certificate, it.path), style, whole=True)


def _deaths(report: Report, style: Style) -> Iterator[str]:
    outcome = report.outcome
    poisoned = {it.certificate.incarnation for it in outcome.poisoned if it.certificate is not None}
    others = [death for death in outcome.deaths if death.certificate.incarnation not in poisoned]
    if not outcome.deaths:
        return
    causes = (
        (len(outcome.kills), "by chaos"),
        (len(poisoned), "by poison"),
        (len(others) - len(outcome.kills), "by something else"),
    )
    how = ", ".join(f"{grouped(count)} {cause}" for count, cause in causes if count)
    yield style.bold("Deaths") + f"  {grouped(len(outcome.deaths))}, each certified: {how}"
    alike: dict[tuple[object, ...], list[Death]] = {}
    for death in others:
        alike.setdefault(_manner(death), []).append(death)
    for deaths in list(alike.values())[:_ROWS]:
        for death in deaths[:_ALIKE]:
            yield from _account("", death, style)
        if len(deaths) > _ALIKE:
            yield style.dim(f"  … and {grouped(len(deaths) - _ALIKE)} more alike (--json lists all)")
    yield from _more(len(alike), "manner of death", style, "manners of death")


def _manner(death: Death) -> tuple[object, ...]:
    it = death.certificate
    return (it.verdict, it.signal, it.exit_code, it.phase, it.call and (it.call.label, it.call.begun))


def _account(mark: str, death: Death, style: Style, *, whole: bool = False) -> Iterator[str]:
    """Yield the headline of a certificate and the last two lines of output, or the whole of it."""
    what = f"{visible(death.path)}: " if death.path is not None else ""
    # There is one pool, and the tree below calls its workers by these names.
    worker = f"worker {death.certificate.worker.rpartition('/')[2]}"
    headline, *more = attrs.evolve(death.certificate, worker=worker).as_text().splitlines()
    yield f"  {mark}{what}{visible(headline)}"
    if whole:
        for line in more:
            quoted = line.startswith("  | ")
            yield style.dim(f"      │ {visible(line[4:])}" if quoted else f"  {visible(line)}")
    else:
        for line in death.certificate.last_output[-2:]:
            yield style.dim(f"      │ {visible(line)}")


def _sessions(report: Report, style: Style) -> Iterator[str]:
    outcome = report.outcome
    yield style.bold("Sessions")
    lost = len(outcome.lost)
    yield (
        f"  {counted(len(outcome.sessions), 'session')}, {counted(outcome.moves, 'move')} to another worker, "
        f"{counted(outcome.replays, 'file')} replayed, "
        + (style.bad(f"{counted(lost, 'file')} lost") if lost else style.good("nothing lost"))
    )
    if outcome.strikes or outcome.kills:
        yield f"  {counted(outcome.strikes, 'kill')} planned, {grouped(len(outcome.kills))} struck"


def _throughput(report: Report, style: Style) -> Iterator[str]:
    outcome = report.outcome
    yield style.bold("Throughput")
    yield (
        f"  {_rate(report.files_per_second)}: {counted(outcome.files, 'file')} in {outcome.seconds:.1f} s "
        f"with {counted(outcome.status.target, 'worker')}"
    )
    it = report.comparison
    if it is not None:
        yield (
            f"  ProcessPoolExecutor: {_rate(it.files_per_second)}: {grouped(it.files)} of {counted(it.of, 'file')} in "
            f"{it.seconds:.1f} s; {style.good(it.ended) if it.ended == 'done' else style.bad(it.ended)}"
        )
        if it.strikes:
            yield (
                f"    (with {counted(it.strikes, 'planned strike')}: there the file's own process sends itself the "
                "SIGKILL, since nobody outside can tell which process is at which file)"
            )


def _tree(report: Report, style: Style) -> Iterator[str]:
    yield style.bold("The tree at the end")
    for line in report.outcome.tree.as_text().splitlines():
        yield f"  {visible(line)}"


def _verdict(report: Report, style: Style) -> Iterator[str]:
    if report.verified:
        yield style.good("✓ Verified: equal to the serial census in everything")
    elif report.verified is None and not report.faults:
        yield style.good("✓ Complete")
    for fault in report.faults:
        yield style.bad(f"✗ {fault}")


def _more(count: int, of: str, style: Style, plural: str = "") -> Iterator[str]:
    if count > _ROWS:
        left = count - _ROWS
        yield style.dim(f"  … and {grouped(left)} more {noun(left, of, plural)} (--json lists all)")


def _place(function: ComplexFunction) -> str:
    return f"{visible(function.path)}:{function.line}"


def _rate(files_per_second: float) -> str:
    return f"{counted(round(files_per_second), 'file')}/s"
