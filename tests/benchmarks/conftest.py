"""What these tests need besides: the programs, which are not installed, can be imported."""

from __future__ import annotations

import sys

import pytest
from sources import ROOT


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``benchmarks`` be found; at the end, so that an installed package stays the one that is tested."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
