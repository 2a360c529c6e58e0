"""An actor's call and cast against pykka's ask and tell, pinned to one CPU and free, in interleaved rounds.

Pinned, because a hand-over between two CPUs costs what the kernel makes of it (14 or 60 us), and it changes its mind.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import pykka

from benchmarks.report import Line, Report, compared
from benchmarks.rounds import Effort, in_rounds, pinned
from supervision import Actor, ChildSpec, Ref, Restart, Tree
from supervision.requests import From

__all__ = ["run"]

#: Sides that are measured in messages a second; the others in seconds.
RATES: Final = frozenset({"cast", "tell"})
CALL_GOAL: Final = "<= 0.75"
CAST_GOAL: Final = ">= 3"
#: pykka's own ask on our actor is to be no slower than on its own; a tenth is what a quiet machine shows as noise.
ASK_GOAL: Final = "<= 1.1"


class Echo(Actor):
    """Answers what it is asked; a cast that can be called, it calls."""

    def handle_call(self, request: Any, from_: From) -> Any:
        return request

    def handle_cast(self, message: Any) -> None:
        if message is not None:
            message()


class PlainEcho(pykka.ThreadingActor):
    """The same, as written for pykka."""

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            message()
            return None
        return message


#: Rounds, turns of each, calls and casts of each turn. A call or cast more would not be more exact, a turn is.
SCALE: Final = {Effort.FULL: (21, 80, 50, 600), Effort.QUICK: (7, 40, 50, 600), Effort.ONCE: (2, 4, 5, 20)}


def run(effort: Effort) -> Report:
    """Measure; about a minute, about 10 s if ``QUICK``."""
    rounds, turns, calls, casts = SCALE[effort]
    plain = PlainEcho.start()
    with Tree("benchmark", [ChildSpec(id="echo", start=Echo)]) as tree:
        ref = tree.registry.whereis("benchmark/echo")
        assert ref is not None
        own = _pykka_ref(tree)
        try:
            sides: dict[str, Callable[[], float]] = {
                "call": lambda: _each(calls, lambda: ref.call(1) == 1),
                "ask": lambda: _each(calls, lambda: plain.ask(1) == 1),
                "ask_ours": lambda: _each(calls, lambda: own.ask(1) == 1),
                "hand_over": lambda: _hand_over(calls),
                "request": lambda: _each(calls, lambda: ref.send_request(1).wait() == 1),
                "cast": lambda: _rate(casts, ref.cast),
                "tell": lambda: _rate(casts, plain.tell),
            }
            with pinned():
                one_cpu = in_rounds(rounds, turns, sides, RATES)
            free = in_rounds(rounds, turns // 4, sides, RATES)
        finally:
            plain.stop()
            own.stop()
    return Report([*_lines(one_cpu, ""), *_lines(free, "_free")])


def _lines(figures: dict[str, list[float]], suffix: str) -> Sequence[Line]:
    goals = ("", "", "") if suffix else (CALL_GOAL, CAST_GOAL, ASK_GOAL)
    us = {side: [each * 1e6 for each in rounds] for side, rounds in figures.items()}
    others = {"pykka_ask": us["ask"], "two_bare_hand_overs": us["hand_over"]}
    return (
        compared(f"call{suffix}", "us", us["call"], others, goals[0]),
        compared(f"cast{suffix}", "/s", figures["cast"], {"pykka_tell": figures["tell"]}, goals[1]),
        compared(f"pykka_ask_on_ours{suffix}", "us", us["ask_ours"], {"pykka_ask": us["ask"]}, goals[2]),
        compared(f"send_request{suffix}", "us", us["request"], {"pykka_ask": us["ask"]}),
    )


def _each(count: int, once: Callable[[], bool]) -> float:
    """Return the seconds that one of *count* round trips takes; each answer is checked."""
    begun = time.perf_counter()
    for _ in range(count):
        if not once():
            raise AssertionError("a wrong answer")
    return (time.perf_counter() - begun) / count


def _rate(count: int, send: Callable[[Any], object]) -> float:
    """Return messages a second, from the first sent until the last was handled."""
    handled = threading.Event()
    begun = time.perf_counter()
    for _ in range(count):
        send(None)
    send(handled.set)
    if not handled.wait(60):
        raise AssertionError("the last message was not handled")
    return (count + 1) / (time.perf_counter() - begun)


def _hand_over(count: int) -> float:
    """Return the seconds of one hand-over to another thread and back, by two bare queues: the limit."""
    there: queue.SimpleQueue[Any] = queue.SimpleQueue()
    back: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def echo() -> None:
        while (item := there.get()) is not None:
            back.put(item)

    thread = threading.Thread(target=echo)
    thread.start()

    def once() -> bool:
        there.put(1)
        return bool(back.get() == 1)

    try:
        return _each(count, once)
    finally:
        there.put(None)
        thread.join()


def _pykka_ref(tree: Tree) -> Any:
    """Return pykka's own reference to one of our actors."""
    found: list[Any] = []

    class Telling(Echo):
        def init(self) -> None:
            found.append(self.actor_ref)

    started: Ref | None = tree.start_child(ChildSpec(id="told", start=Telling, restart=Restart.TEMPORARY))
    assert started is not None
    return found[0]
