"""Calls from many threads while their workers are killed: the short form of the soak."""

from __future__ import annotations

from under_fire import under_fire


def test_every_call_ends_once(no_leaks: None) -> None:
    """With a result or a typed error that names the kill; descriptors, threads, processes and memory are as before."""
    outcome = under_fire(calls=1_500, workers=4, callers=6, every=0.15, seed=2, growth=16 * 1024 * 1024)

    assert outcome.kills > 3
