"""Many workers and many requests in virtual time: the small form of the soak of the same name."""

from __future__ import annotations

import pytest
from crowd import Crowd, seconds_per_event


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_adds_up_at_any_moment(seed: int) -> None:
    """With deaths and deadlines: one holder for each worker, nobody waits beside a free one, every request ends once."""
    crowd = Crowd(50, seed)
    for _ in range(40):
        crowd.run(50)
        crowd.check()
    crowd.finish()
    crowd.check()

    assert crowd.arrived == crowd.served + crowd.late + crowd.stranded == 2000
    assert min(crowd.late, crowd.stranded, crowd.deaths) > 0


def test_an_event_costs_the_same_however_many_workers_there_are() -> None:
    """No event looks at all workers: a hundred times as many would cost a hundred times as much."""
    few, many = Crowd(100), Crowd(10_000)
    few.run(2000)
    many.run(12_000)  # until most of them have worked
    costs = [(seconds_per_event(few, 1000), seconds_per_event(many, 1000)) for _ in range(6)]

    assert min(cost for _, cost in costs) < 10 * min(cost for cost, _ in costs)
