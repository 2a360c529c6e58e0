"""The scheduler with a hundred thousand workers and a million requests, in virtual time."""

from __future__ import annotations

import pytest
from crowd import Crowd, seconds_per_event


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_thousand_workers_cost_what_a_hundred_do() -> None:
    """With deaths and deadlines everything adds up, and an event costs at most 2.5 times what it does with 100."""
    few, many = Crowd(100), Crowd(100_000)
    few.run(20_000)
    many.run(300_000)  # until all of them have worked
    costs: dict[Crowd, list[float]] = {few: [], many: []}
    while many.arrived < 1_000_000:
        for crowd, each in costs.items():
            each.append(seconds_per_event(crowd, 50_000))
        many.check()
    many.finish()
    many.check()

    ratio = min(costs[many]) / min(costs[few])
    print(
        f"an event: {min(costs[few]) * 1e6:.1f} us with 100 workers, {min(costs[many]) * 1e6:.1f} us with 100,000,"
        f" ratio {ratio:.2f}; of {many.arrived} requests {many.served} served, {many.late} late,"
        f" {many.stranded} stranded; {many.deaths} deaths"
    )
    assert many.arrived == many.served + many.late + many.stranded == 1_000_000
    assert min(many.served, many.late, many.stranded, many.deaths) > 100
    assert ratio <= 2.5
