"""The supervisor does what OTP's did: scenarios recorded from Erlang/OTP 25, replayed by the rules and on real actors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.otp_replay.loader import load
from tests.otp_replay.runner import Kind, run
from tests.otp_replay.scenario import Scenario

CORPUS = Path(__file__).parents[1] / "data" / "otp_corpus"


def faults(scenarios: Sequence[Scenario], kind: Kind) -> list[str]:
    """Replay *scenarios* and return the mismatches, as lines."""
    return [str(mismatch) for verdict in run(scenarios, kind, jobs=1) for mismatch in verdict.mismatches]


@pytest.mark.parametrize("kind", Kind)
def test_every_rule_is_otps(kind: Kind) -> None:
    """Each handmade scenario, one rule of OTP each, goes as it went in OTP: by the rules alone, and on real actors."""
    assert faults(load(CORPUS / "handmade.jsonl"), kind) == []


def test_the_rules_hold_in_any_combination() -> None:
    """Each random scenario goes by the rules alone as it went in OTP."""
    assert faults(load(CORPUS / "random_public.jsonl"), Kind.CORE) == []


def test_real_supervisors_follow_the_rules() -> None:
    """A sample of the random scenarios goes on real actors as it went in OTP; the soak replays all."""
    assert faults(load(CORPUS / "random_public.jsonl")[::12], Kind.REAL) == []


@pytest.mark.parametrize("kind", Kind)
def test_a_dynamic_supervisor_is_elixirs(kind: Kind) -> None:
    """Each scenario of Elixir's DynamicSupervisor goes as it went there: by the rules alone, and on real actors."""
    scenarios = load(CORPUS / "elixir.jsonl", "dynamic_supervisor")

    assert len(scenarios) > 50
    assert faults(scenarios, kind) == []
