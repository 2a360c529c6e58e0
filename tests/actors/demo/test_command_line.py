"""What the command line takes and refuses; what the summary and the progress look like."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from actors.demo.compare import compare
from actors.demo.options import LONGEST_DEADLINE, MOST_MEMORY, parse
from actors.demo.plan import make_plan
from actors.demo.style import Style
from actors.pool import Pool
from bridge.options import InterpreterOptions


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", "0"), "at least 1"),
        (("--workers", "two"), "at least 1"),
        (("--chaos", "1.5"), "from 0 to 1"),
        (("--chaos", "-0.1"), "from 0 to 1"),
        (("--chaos", "nan"), "from 0 to 1"),
        (("--memory", "16"), "at least 256"),
        (("--deadline", "0"), "more than 0"),
        (("--deadline", "1e300"), "at most 604800"),
        (("--deadline", "inf"), "at most 604800"),
        (("--memory", "16777217"), "at most 16777216"),
        (("--memory", "9" * 30), "at most 16777216"),
        (("--memory", "9" * 5000), "at most 16777216"),
        (("--workers", "513"), "at most 512"),
        (("--workers", "1\n1"), "at least 1"),
        (("--chaos", "0\n0"), "from 0 to 1"),
        (("--seed", "1\n2"), "invalid int"),
        (("--log", "loud\n"), "choose from"),
        (("one", "tw\no"), "unrecognized"),
        (("--log", "loud"), "choose from"),
        (("--verfy",), "unrecognized"),
        (("one", "two"), "unrecognized"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    """What was given, what was expected; no usage text, no traceback, and nothing on stdout."""
    with pytest.raises(SystemExit) as refused:
        parse(arguments, 2)

    out, err = capsys.readouterr()
    assert refused.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


def test_the_greatest_that_is_taken_works(sources: Path) -> None:
    """The twin of the refusals: neither the limit of memory nor the deadline overflows in a system call."""
    options = parse(["--memory", str(MOST_MEMORY), "--deadline", str(LONGEST_DEADLINE)], 2)
    plan = make_plan(str(sources))

    found = compare(plan, workers=1, memory=options.memory, poisons=None, deadline=options.deadline)
    with Pool(workers=1, interpreter=InterpreterOptions(memory=options.memory)) as pool:
        answer = pool.call(abs, -1)

    assert (found.ended, found.files, answer) == ("done", plan.files, 1)


def test_the_defaults_are_a_plain_census() -> None:
    """Nothing is killed, poisoned, compared or verified until asked for."""
    options = parse([], 7)

    assert (options.path, options.workers, options.chaos, options.affinity) == (None, 7, 0.0, True)
    assert not any((options.poison, options.compare, options.verify, options.json, options.log))


def test_help_tells_of_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """It is enough to use the program: options, exit codes, Ctrl-C, examples."""
    with pytest.raises(SystemExit) as ended:
        parse(["--help"], 2)

    out = capsys.readouterr().out
    assert ended.value.code == 0
    for word in ("PATH", "--workers", "--seed", "--chaos", "--poison", "--compare", "--verify", "--json", "--no-color",
                 "--log", "--memory", "--deadline", "exit codes", "Ctrl-C", "examples"):  # fmt: skip
        assert word in out


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them() -> None:
    """Not for files, not with NO_COLOR, not with --no-color, not for a dumb terminal."""
    assert Style.of(Terminal(), {}).color
    assert not Style.of(Terminal(), {"NO_COLOR": "1"}).color
    assert not Style.of(Terminal(), {"TERM": "dumb"}).color
    assert not Style.of(Terminal(), {}, color=False).color
    assert not Style.of(io.StringIO(), {}).color
    assert Style(color=True).bad("x") == "\x1b[31mx\x1b[0m"
    assert Style().bad("x") == "x"


def test_a_stream_that_cannot_show_it_gets_ascii() -> None:
    """Lines and ticks become ASCII; a stream that was closed from the start is no error."""
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")

    assert Style.of(latin, {}) == Style(unicode=False)
    assert Style.of(None, {}) == Style(unicode=False)
    assert Style(unicode=False).text("└─ ✓ 1\u202f000") == "`- + 1 000"
    assert Style().text("└─ ✓") == "└─ ✓"


def test_a_name_that_ends_in_no_work_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No such path and no .py files are bad input too: one line, exit code 2, before anything is started."""
    from actors.demo.cli import main

    for path in (tmp_path / "nowhere", tmp_path):
        assert main([str(path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert str(path) in err

    (tmp_path / "empty\n").mkdir()
    for name in ("no\nwhere", "empty\n"):
        assert main([str(tmp_path / name)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert name.replace("\n", "\\n") in err

    # As from a variable that is not set; taken for the current directory, it would be a census nobody asked for.
    assert main([""]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "an empty path" in err
