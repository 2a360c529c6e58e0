"""Every random scenario of OTP's, on real actors, again and again."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.otp_replay.cli import main

ROOT = Path(__file__).parents[2]
RANDOM = ROOT / "tests" / "data" / "otp_corpus" / "random_public.jsonl"


@pytest.mark.soak
@pytest.mark.parametrize("jobs", [1, 2, 8])
@pytest.mark.parametrize("turn", range(5))
def test_real_supervisors_are_otps(
    turn: int, jobs: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them match, however crowded the machine is, in less than three minutes."""
    # Its processes look for `tests` where this one says, after what is installed.
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    begun = time.monotonic()

    status = main([str(RANDOM), "--jobs", str(jobs)])

    assert (status, capsys.readouterr().out) == (0, "992 of 1000 scenarios match (8 skipped: otp_bug)\n")
    assert time.monotonic() - begun < 180
