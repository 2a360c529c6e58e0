"""A call that forks: the copy is not the worker, whatever its code does."""

from __future__ import annotations

from collections.abc import Callable

import bridge_functions as there
import copies as forks
import pytest
from bridge_house import House, Life

from bridge.channel import Progress
from bridge.interpreter.copies import RETURNED


@pytest.mark.parametrize("function", [forks.fork_and_come_back, forks.fork_and_raise, forks.fork_and_report])
def test_a_copy_that_comes_back_ends(life: Life, function: Callable[[], object]) -> None:
    """It answers nobody and reports to nobody, says on stderr what became of it, and the worker goes on."""
    told: list[Progress] = []

    assert life.call(function, on_progress=told.append) == ("the interpreter", RETURNED)

    assert told == []
    assert "is a copy that a call has forked" in life.line("came back from that call").text
    assert life.call(there.add, 1, 2) == 3
    assert life.interpreter.ping(20) > 0


def test_a_copy_that_runs_out_of_memory_is_not_the_worker(house: House) -> None:
    """Nor does it say on the worker's board that it did."""
    life = house.ready(memory=1 << 30)

    assert life.call(forks.fork_and_ask_too_much) == ("the interpreter", RETURNED)
    assert not life.interpreter._placement.board.out_of_memory
    assert life.call(there.add, 1, 2) == 3


def test_a_copy_that_ends_itself_is_nobodys_affair(life: Life) -> None:
    """The twin: its exit code is its own."""
    assert life.call(forks.fork_and_leave) == ("the interpreter", 5)
    assert life.call(there.add, 1, 2) == 3
