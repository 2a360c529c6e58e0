"""What a death is called: the rule by itself, and the one renderer."""

from __future__ import annotations

import json

import pytest

from bridge.certificate import CallRecord, Cause, Certificate, ExitStatus, Phase, Verdict, verdict_of

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
    assert verdict_of(status, phase=phase, cause=cause, out_of_memory=False) is verdict
    assert verdict_of(status, phase=phase, cause=cause, out_of_memory=True) is Verdict.OUT_OF_MEMORY


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
        last_output=("one", "two"),
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


def test_the_text_ends_with_the_last_output() -> None:
    """Below the headline, line by line."""
    assert certificate().as_text().splitlines()[1:] == ["  | one", "  | two"]


def test_as_dict_is_json() -> None:
    """Everything, as types that JSON has."""
    told = json.loads(json.dumps(certificate().as_dict()))

    assert (told["verdict"], told["phase"], told["pid"]) == ("exited", "running", 4711)
    assert told["call"] == {"id": 7, "label": "module.function", "age": 0.25, "begun": True}
    assert told["last_output"] == ["one", "two"]
