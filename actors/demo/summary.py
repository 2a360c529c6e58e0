"""The report as a page for people.

What is said is decided in ``report``; here it only gets its looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from actors.demo.outcome import Death
from actors.demo.report import Report
from actors.demo.style import Style

__all__ = ["summary"]

_ROWS: Final = 10  #: of any list; --json has them all


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
    yield style.bold(f"Census of {report.outcome.plan.root}") + (
        "  (interrupted)" if report.outcome.interrupted else ""
    )
    yield "  " + "   ".join(
        f"{style.bold(_number(count))} {name}"
        for count, name in (
            (totals.files, "files"),
            (totals.lines, "lines"),
            (totals.functions, "functions"),
            (totals.classes, "classes"),
            (len(census.imports), "modules imported"),
            (totals.errors, "errors"),
        )
    )
    if census.longest:
        it = census.longest
        yield f"  longest function: {it.name}, {it.length} lines {style.dim(f'{it.path}:{it.line}')}"


def _complex(report: Report, style: Style) -> Iterator[str]:
    functions = report.census.most_complex
    if functions:
        yield style.bold("Most complex functions")
    width = max((len(function.name) for function in functions), default=0)
    for it in functions:
        yield f"  {it.complexity:5}  {it.name:{width}}  {it.length:4} lines  {style.dim(f'{it.path}:{it.line}')}"


def _dead_code(report: Report, style: Style) -> Iterator[str]:
    packages = [package for package in report.census.packages if package.dead]
    if not packages:
        return
    packages.sort(key=lambda package: (-len(package.dead), package.directory))
    count = sum(len(package.dead) for package in packages)
    yield style.bold("Dead code") + f"  {_number(count)} names defined, but never used in their package"
    width = max(len(package.directory) for package in packages[:_ROWS])
    for package in packages[:_ROWS]:
        names = ", ".join(name.name for name in package.dead[:4]) + (", …" if len(package.dead) > 4 else "")
        yield f"  {len(package.dead):5}  {package.directory:{width}}  {style.dim(names)}"
    yield from _more(len(packages), "packages", style)


def _errors(report: Report, style: Style) -> Iterator[str]:
    errors = report.census.errors
    if errors:
        yield style.bold("Could not be counted")
    for error in errors[:_ROWS]:
        yield f"  {error.path}  {style.dim(error.reason)}"
    yield from _more(len(errors), "files", style)


def _poison(report: Report, style: Style) -> Iterator[str]:
    deaths = report.outcome.poisoned
    if deaths:
        yield style.bold("Poison")
    for it in deaths:
        mark = style.good("✓") if it.as_expected else style.bad("✗")
        if it.certificate is None:
            yield f"  {mark} {it.path}: its worker lived"
        else:
            yield from _account(f"{mark} {it.path}", Death(it.certificate, it.path), style)


def _deaths(report: Report, style: Style) -> Iterator[str]:
    poisoned = {it.certificate.incarnation for it in report.outcome.poisoned if it.certificate is not None}
    deaths = [death for death in report.outcome.deaths if death.certificate.incarnation not in poisoned]
    if deaths:
        yield style.bold("Deaths") + f"  {len(deaths)}, each certified"
    for death in deaths[:_ROWS]:
        yield from _account(death.path or "(between two files)", death, style)
    yield from _more(len(deaths), "deaths", style)


def _account(what: str, death: Death, style: Style) -> Iterator[str]:
    yield f"  {what}: {death.certificate.headline()}"
    for line in _last_words(death.certificate.last_output):
        yield style.dim(f"      │ {line}")


def _last_words(output: Sequence[str]) -> Sequence[str]:
    """Return the last two lines, without the stack that faulthandler prints after a fatal signal."""
    for index, line in enumerate(output):
        if line.startswith("Fatal Python error"):
            return output[max(0, index - 1) : index + 1]
    return output[-2:]


def _sessions(report: Report, style: Style) -> Iterator[str]:
    outcome = report.outcome
    yield style.bold("Sessions")
    lost = len(outcome.lost)
    yield (
        f"  {len(outcome.sessions)} sessions, {outcome.moves} moves, {outcome.replays} files replayed, "
        + (style.bad(f"{lost} files lost") if lost else style.good("nothing lost"))
    )
    if outcome.strikes or outcome.kills:
        yield f"  {outcome.strikes} kills planned, {len(outcome.kills)} struck"


def _throughput(report: Report, style: Style) -> Iterator[str]:
    outcome = report.outcome
    yield style.bold("Throughput")
    yield (
        f"  {report.files_per_second:.0f} files/s: {_number(outcome.files)} files in {outcome.seconds:.1f} s "
        f"with {outcome.status.target} workers"
    )
    it = report.comparison
    if it is not None:
        yield (
            f"  ProcessPoolExecutor: {it.files_per_second:.0f} files/s: {_number(it.files)} of {_number(it.of)} files in "
            f"{it.seconds:.1f} s; {style.good(it.ended) if it.ended == 'done' else style.bad(it.ended)}"
        )
        if it.strikes:
            yield (
                f"    (with {_number(it.strikes)} planned strikes: there the file's own process sends itself the SIGKILL, "
                "since nobody outside can tell which process is at which file)"
            )


def _tree(report: Report, style: Style) -> Iterator[str]:
    yield style.bold("The tree at the end")
    for line in report.outcome.tree.as_text().splitlines():
        yield f"  {line}"


def _verdict(report: Report, style: Style) -> Iterator[str]:
    if report.verified:
        yield style.good("✓ Verified: equal to the serial census in everything")
    elif report.verified is None and not report.faults:
        yield style.good("✓ Complete")
    for fault in report.faults:
        yield style.bad(f"✗ {fault}")


def _more(count: int, of: str, style: Style) -> Iterator[str]:
    if count > _ROWS:
        yield style.dim(f"  … and {count - _ROWS} more {of} (--json lists all)")


def _number(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
