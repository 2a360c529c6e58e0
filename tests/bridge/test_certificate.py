"""What a death is called: the rule by itself, and the one renderer."""

from __future__ import annotations

import json

import attrs
import pytest

from bridge.certificate import (
    CallRecord,
    Cause,
    Certificate,
    ExitStatus,
    OutOfMemory,
    PeakMemory,
    Phase,
    Verdict,
    verdict_of,
)

KILLED = ExitStatus(signal="SIGKILL")
ASKED = Cause("why", Verdict.STOPPED)


@pytest.mark.parametrize(
    ("status", "phase", "cause", "verdict"),
    [
        (ExitStatus(code=3), Phase.RUNNING, None, Verdict.EXITED),
        (ExitStatus(code=0), Phase.IDLE, None, Verdict.EXITED),
        (ExitStatus(code=3), Phase.STARTING, None, Verdict.START_FAILED),
        (ExitStatus(signal="SIGSEGV"), Phase.RUNNING, None, Verdict.CRASH_SIGNAL),
        (ExitStatus(signal="SIGSEGV"), Phase.STARTING, None, Verdict.CRASH_SIGNAL),
        (KILLED, Phase.RUNNING, None, Verdict.KILLED_FROM_OUTSIDE),
        (ExitStatus(signal="SIGTERM"), Phase.IDLE, None, Verdict.KILLED_FROM_OUTSIDE),
        (KILLED, Phase.RUNNING, Cause("why"), Verdict.KILLED_BY_US),
        (KILLED, Phase.RUNNING, Cause("why", Verdict.DEADLINE), Verdict.DEADLINE),
        (KILLED, Phase.STARTING, Cause("why", Verdict.START_TIMEOUT), Verdict.START_TIMEOUT),
        (KILLED, Phase.STOPPING, ASKED, Verdict.KILLED_FROM_OUTSIDE),
        (KILLED, Phase.STARTING, ASKED, Verdict.STOPPED),
        (ExitStatus(signal="SIGSEGV"), Phase.STARTING, ASKED, Verdict.CRASH_SIGNAL),
        (ExitStatus(code=3), Phase.STARTING, ASKED, Verdict.START_FAILED),
        (ExitStatus(code=0), Phase.STOPPING, ASKED, Verdict.STOPPED),
        (ExitStatus(code=1), Phase.STOPPING, ASKED, Verdict.EXITED),
        (ExitStatus(code=3), Phase.RUNNING, Cause("why", Verdict.DEADLINE), Verdict.EXITED),
        (ExitStatus(signal="SIGSEGV"), Phase.RUNNING, Cause("why"), Verdict.CRASH_SIGNAL),
        (ExitStatus(), Phase.RUNNING, None, Verdict.UNKNOWN),
        (ExitStatus(), Phase.STOPPING, ASKED, Verdict.UNKNOWN),
        (ExitStatus(), Phase.STARTING, ASKED, Verdict.STOPPED),
        (ExitStatus(), Phase.RUNNING, Cause("why", Verdict.DEADLINE), Verdict.DEADLINE),
    ],
)
def test_what_a_death_is_called(
    status: ExitStatus, phase: Phase, cause: Cause | None, verdict: Verdict
) -> None:
    """The kernel's word, what it was doing and what we did to it decide; a death before our signal is its own."""
    assert verdict_of(status, phase=phase, cause=cause, out_of_memory=OutOfMemory.NO) is verdict
    assert verdict_of(status, phase=phase, cause=cause, out_of_memory=OutOfMemory.UNKNOWN) is verdict
    for known in (OutOfMemory.LIMIT, OutOfMemory.KERNEL):
        assert verdict_of(status, phase=phase, cause=cause, out_of_memory=known) is Verdict.OUT_OF_MEMORY


def certificate(verdict: Verdict = Verdict.EXITED) -> Certificate:
    """Return a certificate with everything in it."""
    return Certificate(
        worker="pool/worker",
        incarnation=3,
        pid=4711,
        verdict=verdict,
        phase=Phase.RUNNING,
        exit_code=3,
        sent_by_us="why" if verdict.is_ours else None,
        uptime=1.5,
        call=CallRecord(7, "module.function", 0.25),
        peak_memory=PeakMemory(45_200_000),
        last_output=("one", "two"),
        stacks=("Thread 1", "  File"),
        detail="a detail",
    )


@pytest.mark.parametrize("verdict", Verdict)
def test_the_headline_is_one_line_with_everything(verdict: Verdict) -> None:
    """Who, which process, how, in which call, and why if it was us."""
    headline = certificate(verdict).headline()

    assert "\n" not in headline
    for part in ("pool/worker#3", "4711", "call 7", "module.function", "0.25 s", "a detail"):
        assert part in headline
    assert ("(why)" in headline) == verdict.is_ours


def test_verdicts_read_differently() -> None:
    """No two verdicts have the same words."""
    assert len({certificate(verdict).headline().replace(" (why)", "") for verdict in Verdict}) == len(Verdict)


def test_the_text_tells_everything() -> None:
    """The headline, the figures, the last output, the stacks; what is not known is not mentioned."""
    assert certificate().as_text().splitlines()[1:] == [
        "  up 1.5 s, peak memory 45.2 MB",
        "  last output:",
        "  | one",
        "  | two",
        "  stacks:",
        "  | Thread 1",
        "  |   File",
    ]
    bare = attrs.evolve(certificate(), uptime=None, peak_memory=None, last_output=(), stacks=())
    assert bare.as_text() == bare.headline()


def test_one_line_has_the_last_words() -> None:
    """For logs and exit reasons: the headline and three lines of output; without output the headline alone."""
    talker = attrs.evolve(certificate(), last_output=("zero", "one", "  two", "three"))

    assert talker.as_line() == f"{talker.headline()}; last output: one | two | three"
    silent = attrs.evolve(certificate(), last_output=())
    assert silent.as_line() == silent.headline()


def test_a_figure_that_is_none_of_its_own_says_so() -> None:
    """What a process shared with its service before its exec is in the kernel's figure: then it is an upper bound."""
    bound = attrs.evolve(certificate(), peak_memory=PeakMemory(61_000_000, exact=False))

    assert "peak memory at most 61.0 MB" in bound.as_text()


def test_who_says_that_memory_ran_out() -> None:
    """The kernel, the worker itself, or nobody who could know: each reads differently."""
    limit = attrs.evolve(certificate(Verdict.OUT_OF_MEMORY), out_of_memory=OutOfMemory.LIMIT)
    kernel = attrs.evolve(limit, out_of_memory=OutOfMemory.KERNEL)
    unknown = attrs.evolve(certificate(Verdict.KILLED_FROM_OUTSIDE), out_of_memory=OutOfMemory.UNKNOWN)

    assert "reached its memory limit" in limit.headline()
    assert "killed by the kernel for want of memory" in kernel.headline()
    assert "whether memory ran out is unknown" in unknown.as_text()
    assert "memory ran out" not in certificate(Verdict.KILLED_FROM_OUTSIDE).as_text()


def test_json_has_everything() -> None:
    """Each field of the certificate, as types that JSON has, and the headline; one renderer for both forms."""
    told = json.loads(certificate().as_json())

    assert told == certificate().as_dict()
    assert {*told} == {"headline", *(field.name for field in attrs.fields(Certificate))}
    assert (told["verdict"], told["phase"], told["pid"]) == ("exited", "running", 4711)
    assert told["call"] == {"id": 7, "label": "module.function", "age": 0.25, "begun": True}
    assert told["peak_memory"] == {"bytes": 45_200_000, "exact": True}
    assert (told["out_of_memory"], told["last_output"]) == ("no", ["one", "two"])
    assert told["headline"] == certificate().headline()
