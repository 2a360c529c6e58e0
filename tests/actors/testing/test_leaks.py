"""How long what a test leaves behind is waited for."""

from __future__ import annotations

import itertools
import time

import pytest

from actors.testing import leaks
from actors.testing.leaks import LOOKS, Watch
from actors.testing.resources import Resource
from actors.testing.resources import held as held_now


def watch_that_sees(monkeypatch: pytest.MonkeyPatch, gone_after: float) -> Watch:
    """Return a watch to which a new resource shows itself at the first *gone_after* looks."""
    left = next(iter(held_now("none")))
    watch = Watch()
    looks = itertools.count()

    def held(_: str) -> frozenset[Resource]:
        return frozenset({left}) if next(looks) < gone_after else frozenset()

    monkeypatch.setattr(leaks, "held", held)
    return watch


def test_a_machine_that_stands_still_makes_no_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock may jump over the whole grace in one look: what then goes in the next ones was on its way out."""
    hours = itertools.count(0.0, 3600.0)
    watch = watch_that_sees(monkeypatch, gone_after=LOOKS // 2)
    monkeypatch.setattr(leaks, "INTERVAL", 0.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(hours))

    assert watch.left(grace=2.0) == ()


def test_what_stays_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: at the end of the grace, however often was looked."""
    monkeypatch.setattr(leaks, "INTERVAL", 0.0)
    watch = watch_that_sees(monkeypatch, gone_after=float("inf"))

    assert len(watch.left(grace=0.01)) == 1
    assert len(watch.left(grace=0.0)) == 1
