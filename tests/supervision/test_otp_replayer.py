"""The replayer of OTP's scenarios fails where it should: a match is worth something only if a difference is found."""

from __future__ import annotations

import copy
import json
import math
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from supervision.exit_reason import KILLED, SHUTDOWN
from tests.otp_replay.cli import main
from tests.otp_replay.journal import Journal
from tests.otp_replay.patient_clock import PatientClock
from tests.otp_replay.real_world import RealWorld
from tests.otp_replay.runner import Kind
from tests.otp_replay.scenario import Blueprint, Plan

CORPUS = Path(__file__).parents[1] / "data" / "otp_corpus"

both = pytest.mark.parametrize("kind", Kind)


def recorded(name: str) -> dict[str, Any]:
    """Return one scenario of the corpus, as it stands in the file."""
    for file in ("handmade", "random_public"):
        for line in (CORPUS / f"{file}.jsonl").read_text().splitlines():
            scenario: dict[str, Any] = json.loads(line)
            if scenario["name"] == name:
                return scenario
    raise LookupError(name)


Replay = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Replay scenarios from a file, by the command line; returns the exit status and all lines printed."""

    def replay(*scenarios: object, options: Sequence[str] = ("--core",)) -> tuple[int, list[str]]:
        file = tmp_path / "scenarios.jsonl"
        lines = (each if isinstance(each, str) else json.dumps(each) for each in scenarios)
        file.write_text("\n".join(lines))
        status = main([str(file), *options])
        output = capsys.readouterr()
        return status, [*output.out.splitlines(), *output.err.splitlines()]

    return replay


def test_a_file_that_matches_is_a_success(replayed: Replay) -> None:
    """The last line counts; the exit status is 0."""
    status, lines = replayed(recorded("child_adm_full"), recorded("simple_admin"))

    assert (status, lines) == (0, ["2 of 2 scenarios match (0 skipped)"])


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("ret", "{ok,nobody#1}"),
        ("ev", ["init nobody#1"]),
        ("tree", []),
        ("sup", "exit:shutdown"),
        ("spec", {"id": "nobody"}),
        ("rets", ["ok"]),
    ],
)
@both
def test_each_part_of_a_step_is_compared(replayed: Replay, kind: Kind, part: str, expected: object) -> None:
    """A recording that says something else of one part of one step fails with one line, which tells which."""
    scenario = recorded("start_default_childspec_values")
    scenario["steps"][1][part] = expected

    status, lines = replayed(scenario, options=["--core"] if kind is Kind.CORE else [])

    assert status == 1
    assert len(lines) == 2
    assert lines[0].startswith(f"start_default_childspec_values: steps[1] get_childspec b: {part}: expected ")
    assert repr(expected) in lines[0]
    assert lines[1] == "0 of 1 scenarios match (0 skipped)"


def test_the_start_is_compared(replayed: Replay) -> None:
    """As is each step."""
    scenario = recorded("start_fail_nested")
    scenario["start"]["ev"].reverse()

    status, lines = replayed(scenario)

    assert status == 1
    assert lines[0].startswith("start_fail_nested: start: ev: expected ")


def test_answers_during_a_restart_are_compared(replayed: Replay) -> None:
    """Each answer counts."""
    scenario = recorded("during_restart_reads_one_for_one")
    scenario["steps"][0]["rets"][1] = [3, 3, 0, 3]

    status, lines = replayed(scenario)

    assert status == 1
    assert "rets" in lines[0]


def test_the_order_of_concurrent_events_does_not_matter(replayed: Replay) -> None:
    """Where the recording says so; where it does not, order is compared; and of one instance, always."""
    concurrent, ordered, torn = (recorded("stop_by_parent_kill") for _ in range(3))
    events = concurrent["steps"][0]["ev"]
    assert events[:2] == ["terminate a#1 killed", "exit a#1 killed"]
    concurrent["steps"][0]["ev"] = [*events[2:], *events[:2]]
    torn["steps"][0]["ev"] = [events[1], events[0], *events[2:]]
    ordered["steps"][0]["ev"] = [*events[2:], *events[:2]]
    del ordered["steps"][0]["unordered"]

    assert replayed(concurrent)[0] == 0
    assert replayed(ordered)[0] == 1
    assert replayed(torn)[0] == 1


def test_only_what_otp_does_wrong_is_skipped(replayed: Replay) -> None:
    """By its tags, and never because of what came out: without them the same scenarios are mismatches."""
    skipped = [recorded("simple_ignore_on_restart"), recorded("during_restart_simple")]
    plain = copy.deepcopy(skipped)
    for scenario in plain:
        scenario["tags"] = ["simple_one_for_one", "during_restart"]

    assert replayed(*skipped) == (0, ["0 of 2 scenarios match (2 skipped: erlang_specific, otp_bug)"])
    status, lines = replayed(*plain)
    assert status == 1
    assert lines[-1] == "0 of 2 scenarios match (0 skipped)"


def test_one_scenario_can_be_chosen(replayed: Replay) -> None:
    """By its name; a name that nobody has is an error."""
    scenarios = recorded("simple_admin"), recorded("child_adm_full")

    assert replayed(*scenarios, options=["--name", "child_adm_full"]) == (
        0,
        ["1 of 1 scenarios match (0 skipped)"],
    )
    status, lines = replayed(*scenarios, options=["--name", "nobody"])
    assert status == 2
    assert len(lines) == 1


def test_several_processes_find_the_same(replayed: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts come in the order of the file."""
    # They import this by its name, as ``python -m`` does; at the end, so that an installed package stays the one tested.
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2])])
    wrong = recorded("simple_admin")
    wrong["steps"][0]["ret"] = "ok"

    status, lines = replayed(
        recorded("child_adm_full"), wrong, recorded("stop_sup_boom"), options=["--jobs", "2"]
    )

    assert status == 1
    assert [line.partition(":")[0] for line in lines] == [
        "simple_admin",
        "2 of 3 scenarios match (0 skipped)",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "Expecting"),
        ("[]", "a scenario"),
        ('{"name": "x"}', "'actions' is missing"),
        ('{"kind": "agent", "name": "x"}', "kind 'agent'"),
        ('{"kind": "registry"}', "'name' is missing"),
    ],
)
def test_a_bad_line_is_an_error(replayed: Replay, line: str, complaint: str) -> None:
    """One line that names the place, and status 2; nothing is replayed."""
    status, lines = replayed(recorded("simple_admin"), line)

    assert status == 2
    assert len(lines) == 1
    assert "scenarios.jsonl:2: " in lines[0]
    assert complaint in lines[0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"actions": [{"op": "dance"}], "steps": []}, "op 'dance'"),
        ({"actions": [{"op": "crash", "id": "a"}]}, "'reason' is missing"),
        ({"actions": [], "steps": [{}]}, "'ret' is missing"),
        ({"actions": [{"op": "sleep", "ms": 1}], "steps": []}, "1 actions, but 0 steps"),
        ({"children": [{"id": "a", "inits": ["dance"]}]}, "inits 'dance'"),
        ({"children": [{"id": "a", "on_shutdown": "dance"}]}, "on_shutdown 'dance'"),
        ({"children": [{"id": "a", "trap": "no"}]}, "trap 'no'"),
        ({"children": [{"id": "s", "sup": {}, "children": [{"id": "x", "inits": []}]}]}, "at least one"),
        ({"tags": "random"}, "tags 'random'"),
    ],
)
def test_what_a_replay_relies_on_is_checked(
    replayed: Replay, change: dict[str, object], complaint: str
) -> None:
    """The faults of child specs are OTP's business; those of the file itself are told."""
    status, lines = replayed({**recorded("simple_admin"), **change})

    assert status == 2
    assert len(lines) == 1
    assert complaint in lines[0]


def test_a_file_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Status 2, and one line."""
    assert main([str(tmp_path / "nothing.jsonl")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@both
def test_who_refuses_for_ever_is_not_waited_for(replayed: Replay, kind: Kind) -> None:
    """An orphan that nobody is left to kill ends with the scenario; until then it does nothing, which is quiet."""
    deaf = {"id": "x", "shutdown": "infinity", "on_shutdown": "refuse"}
    above = {"id": "s", "type": "supervisor", "shutdown": 60, "sup": {}, "children": [deaf]}
    up = [
        ["top#1", [["s", "s#1", "supervisor"]], [1, 1, 1, 0]],
        ["s#1", [["x", "s/x#1", "worker"]], [1, 1, 0, 1]],
    ]
    begun = ["init top#1", "init s#1", "init s/x#1", "ready s/x#1", "ready s#1", "ready top#1"]
    ended = ["terminate s/x#1 shutdown", "exit s#1 killed", "exit top#1 shutdown"]
    scenario = {
        "name": "deaf",
        "sup": {},
        "children": [above],
        "actions": [{"op": "stop", "reason": "shutdown"}],
        "start": {"ret": "{ok,top#1}", "ev": begun, "tree": up, "sup": "alive"},
        "steps": [{"ret": "ok", "ev": ended, "tree": [], "sup": "exit:shutdown"}],
    }

    assert replayed(scenario, options=["--core"] if kind is Kind.CORE else []) == (
        0,
        ["1 of 1 scenarios match (0 skipped)"],
    )


def test_a_kill_that_comes_with_the_request_is_not_preceded_by_it() -> None:
    """Shutdown 0: an OTP process sees request and kill together; a thread of ours may run in between, and must not."""
    world = RealWorld()
    child = {"id": "a", "restart": "temporary", "shutdown": 0}
    try:
        world.start(Blueprint("top", plan=Plan({}, [child])))
        top, ref = world.latest("top"), world.latest("a")
        assert top is not None
        assert ref is not None
        world.settle()
        world.journal.take()

        ref.exit(SHUTDOWN, sender=top)
        world.settle()
        assert world.journal.take() == []
        ref.exit(KILLED)
        world.settle()

        assert world.journal.take() == ["exit a#1 killed"]
    finally:
        world.close()


def test_a_replay_that_fails_is_a_mismatch(replayed: Replay) -> None:
    """An error in one scenario does not keep the others from being replayed."""
    impossible = recorded("start_order_and_stop_order")
    impossible["children"][0]["id"] = "a/b"  # a name that ours cannot have

    status, lines = replayed(impossible, recorded("simple_admin"))

    assert status == 1
    assert lines[-1] == "1 of 2 scenarios match (0 skipped)"


def test_what_has_no_counterpart_here_is_named_and_is_no_success(replayed: Replay) -> None:
    """Scenarios of a Registry or a PartitionSupervisor: counted by their kind; all others are replayed, and chosen from."""
    dynamic = json.loads((CORPUS / "elixir.jsonl").read_text().splitlines()[0])
    foreign = [{"kind": kind, "name": kind} for kind in ("registry", "partition_supervisor", "registry")]
    file = [foreign[0], recorded("simple_admin"), foreign[1], dynamic, foreign[2]]

    assert replayed(*file) == (
        1,
        [
            "not replayed: 1 of kind partition_supervisor, which this project has no counterpart of",
            "not replayed: 2 of kind registry, which this project has no counterpart of",
            "2 of 5 scenarios match (0 skipped)",
        ],
    )
    only = ("--core", "--kind", "dynamic_supervisor")
    assert replayed(*file, options=only) == (0, ["1 of 1 scenarios match (0 skipped)"])
    named = ("--core", "--name", "simple_admin")
    assert replayed(*file, options=named) == (0, ["1 of 1 scenarios match (0 skipped)"])


# Its parts


def closed_gate() -> threading.Lock:
    """Return a gate that nobody opens."""
    gate = threading.Lock()
    gate.acquire()
    return gate


def test_time_passes_when_nobody_is_at_work() -> None:
    """A wait ends at its deadline, without any real wait for it; the earlier deadline first."""
    threads: list[threading.Thread] = []
    ends: list[tuple[float, float]] = []
    clock = PatientClock(
        lambda: len(threads) == 3 and all(clock.waits(each.ident) for each in threads if each.is_alive())
    )

    def wait(seconds: float) -> None:
        assert not clock.acquire(closed_gate(), seconds)
        ends.append((seconds, clock.now()))

    for seconds in (3600.0, 60.0, 61.0):
        threads.append(threading.Thread(target=wait, args=(seconds,)))
        threads[-1].start()
    for thread in threads:
        thread.join()

    assert ends == [(60.0, 60.0), (61.0, 61.0), (3600.0, 3600.0)]


def test_time_stands_still_while_somebody_is_at_work() -> None:
    """So that who is slow to wake up is not taken for one that refuses to."""
    looks = []
    gate = closed_gate()

    def is_calm() -> bool:
        looks.append(1)
        if len(looks) == 20:
            gate.release()
        return len(looks) % 5 != 0  # now and then it seems so

    clock = PatientClock(is_calm)

    assert clock.acquire(gate, 60.0)
    assert clock.now() == 0.0


def test_who_only_has_to_wake_up_does_not_wait() -> None:
    """A thread whose gate has been opened is about to do something, whether it has come to that or not."""
    gate, seen = closed_gate(), []

    def is_calm() -> bool:
        seen.append(clock.waits(threading.get_ident()))
        gate.release()
        seen.append(clock.waits(threading.get_ident()))
        return False

    clock = PatientClock(is_calm)

    assert clock.acquire(gate, 60.0)
    assert seen == [True, False]


def test_a_wait_without_end_is_none_of_the_clocks() -> None:
    """It ends when its gate is opened, and only then; one that does not wait is told at once."""
    clock, gate = PatientClock(lambda: True), closed_gate()
    thread = threading.Thread(target=clock.acquire, args=(gate, math.inf))
    thread.start()

    assert not clock.acquire(closed_gate(), 0)
    assert not clock.acquire(closed_gate(), 60.0)
    assert thread.is_alive()
    gate.release()
    thread.join()


def test_nothing_is_noted_of_who_has_ended() -> None:
    """A thread that was killed goes on; a process does not. A start that failed has no end."""
    journal = Journal()
    up, down = journal.begin("a"), journal.begin("a")
    journal.note("ready", up)
    journal.note("init_fail", down, "boom")
    journal.end(down, "boom")
    journal.end(up, "killed")
    journal.end(up, "normal")
    journal.note("terminate", up, "shutdown")

    assert journal.take() == ["init a#1", "init a#2", "ready a#1", "init_fail a#2 boom", "exit a#1 killed"]
    assert journal.take() == []
