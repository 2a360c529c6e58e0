"""The scheduler with a hundred thousand workers and a million requests, in virtual time."""

from __future__ import annotations

from statistics import median

import pytest
from crowd import Crowd, seconds_per_event


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_thousand_workers_cost_what_a_hundred_do() -> None:
    """With deaths and deadlines everything adds up, and an event costs at most 2.5 times what it does with 100."""
    few, many = Crowd(100), Crowd(100_000)
    few.run(20_000)
    many.run(300_000)  # until all of them have worked
    rounds = []
    while many.arrived < 1_000_000:
        # Side by side: whatever else the machine does meanwhile, it does to both.
        rounds.append((seconds_per_event(few, 20_000), seconds_per_event(many, 20_000)))
        many.check()
    many.finish()
    many.check()

    ratio = median(cost / base for base, cost in rounds)
    base, cost = (median(column) * 1e6 for column in zip(*rounds, strict=True))
    print(
        f"an event: {base:.1f} us with 100 workers, {cost:.1f} us with 100,000, ratio {ratio:.2f} (medians of"
        f" {len(rounds)} rounds); of {many.arrived} requests {many.served} served, {many.late} late,"
        f" {many.stranded} stranded; {many.deaths} deaths"
    )
    assert many.arrived == many.served + many.late + many.stranded == 1_000_000
    assert min(many.served, many.late, many.stranded, many.deaths) > 100
    assert ratio <= 2.5
