"""A storm of SIGINTs over thousands of calls: late ones, early ones, such as name another call; each call ends once."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import bridge_functions as there
import pytest
from bridge_house import PATIENCE, House

from bridge.errors import CallCancelled
from bridge.ladder import Graces
from bridge.payload import encode_call


@pytest.mark.parametrize(
    ("seed", "threads", "count", "rounds"),
    # In a thread beside others an interrupt comes with the next turn of the main thread, 5 ms later: its calls are longer.
    [(1, 1, 4000, 200), (2, 1, 4000, 200), (3, 2, 400, 100_000)],
)
def test_no_call_gets_an_interrupt_of_another(
    house: House, seed: int, threads: int, count: int, rounds: int
) -> None:
    """A call that was never named ends with its own result, a named one with that or interrupted; the loop serves on.

    The host writes names onto the board, of the call that runs, of one that is over, of one that is still to come, and
    fires, at any moment, that of sending and receiving included.
    """
    life = house.ready(graces=Graces(flag=20, interrupt=20, terminate=20), threads=threads)
    pid, channel = life.interpreter.pid, life.interpreter.channels[-1]
    board = channel.wires.board
    chance = random.Random(seed)
    named: set[int] = set()
    fired = 0
    over = threading.Event()

    def storm() -> None:
        nonlocal fired
        while not over.is_set():
            last = channel._last_id // threads
            target = max(0, last + chance.choice([0, 0, 0, 1, -1, -chance.randint(0, 50)]))
            named.add(target)
            board.cancelled = target * threads
            for _ in range(chance.randint(1, 3)):
                os.kill(pid, signal.SIGINT)
            fired += 1
            over.wait(chance.random() * 0.0005)

    def call(function: Callable[..., Any], *args: Any) -> Any:
        return channel.call(encode_call(function, args, {}), timeout=PATIENCE)

    thread = threading.Thread(target=storm)
    thread.start()
    interrupted = set()
    unstarted = 0
    try:
        for token in range(1, count + 1):
            try:
                assert call(there.stumble, token, chance.randint(1, rounds)) == token
            except CallCancelled as error:
                interrupted.add(token)  # ids count from 1, too
                unstarted += not error.started
            assert channel._last_id == token * threads
            assert channel.clean
    finally:
        over.set()
        thread.join(20)

    assert interrupted <= named
    # The faults have struck, and at more than one place, or nothing is shown.
    assert fired > count / 20
    assert unstarted
    assert unstarted < len(interrupted) < 0.98 * count
    assert life.interpreter.pid == pid
    board.cancelled = 0
    assert [call(there.echo, n) for n in range(50)] == [*range(50)]
    assert life.interpreter.ping(20) > 0


def test_an_idle_worker_takes_no_notice(house: House) -> None:
    """Between two calls there is nothing to interrupt, whatever the board says."""
    life = house.ready()
    for n in range(1, 200):
        life.interpreter.channel.wires.board.cancelled = n - 1
        os.kill(life.interpreter.pid, signal.SIGINT)
        assert life.call(there.add, n, n) == 2 * n
