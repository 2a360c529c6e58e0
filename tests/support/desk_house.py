"""What a desk meets in its tests, without a process: workers, and clocks that do not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from actors.desk import Desk
from actors.ticket import WhenFull
from bridge.certificate import Certificate, Phase, Verdict
from bridge.faces import InterpreterFace
from supervision.clock import Timer, VirtualClock

__all__ = [
    "FakeInterpreter",
    "Parked",
    "ScriptedClock",
    "a_certificate",
    "a_desk",
    "do_not_wait",
    "park",
    "stand_in",
]


class Parked(BaseException):
    """Raised instead of a wait: the caller is in the queue."""


class ScriptedClock:
    """A clock whose waits are scripted; its time moves by hand."""

    def __init__(self) -> None:
        self.time = 0.0
        self.wait: Callable[[threading.Lock, float], bool] = park

    def now(self) -> float:
        return self.time

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        return VirtualClock().call_at(deadline, callback)

    def acquire(self, gate: threading.Lock, timeout: float) -> bool:
        return self.wait(gate, timeout)

    def close(self) -> None:
        """Nothing to end."""


def park(_: threading.Lock, __: float) -> bool:
    """Leave in the middle of the wait."""
    raise Parked


def do_not_wait(gate: threading.Lock, _: float) -> bool:
    """Take what is there; else the time is over."""
    return gate.acquire(blocking=False)


class FakeChannel:
    """The channel of a worker that answers at once, or as *behave* says."""

    def __init__(self, owner: FakeInterpreter) -> None:
        self._owner = owner
        self.clean = True
        self.behave: Callable[[], Any] = lambda: "answer"

    def call(self, request: Any, *, timeout: float, on_progress: Any = None) -> Any:
        return self.behave()

    def give_up(self, why: str) -> None:
        self._owner.kill(why)


class FakeInterpreter:
    """A worker without a process."""

    def __init__(self, pid: int = 1, lanes: int = 1) -> None:
        self.pid = pid
        self.silence = ""
        self.channels = [FakeChannel(self) for _ in range(lanes)]
        self.channel = self.channels[0]
        self.killed = False

    def kill(self, why: str) -> None:
        self.killed = True

    @property
    def real(self) -> InterpreterFace:
        """This, for the type checker."""
        return cast("InterpreterFace", self)


def stand_in(interpreter: InterpreterFace) -> FakeInterpreter:
    """Return the stand-in that *interpreter* is, for the type checker."""
    return cast("FakeInterpreter", interpreter)


def a_certificate(verdict: Verdict = Verdict.EXITED, phase: Phase = Phase.IDLE, key: int = 1) -> Certificate:
    """Return how worker *key* ended."""
    return Certificate(worker=f"w{key}", incarnation=key, pid=1000 + key, verdict=verdict, phase=phase)


def a_desk(
    *,
    target: int = 1,
    max_queue: int = 100,
    affinity: bool = True,
    ttl: float = 100.0,
    when_full: WhenFull = WhenFull.RAISE,
    max_overflow: int = 0,
    threads: int = 1,
    lazy: bool = False,
) -> Desk:
    """Return a desk that is not open yet."""
    return Desk(
        "pool",
        target=target,
        max_queue=max_queue,
        affinity=affinity,
        session_ttl=ttl,
        when_full=when_full,
        max_overflow=max_overflow,
        threads=threads,
        lazy=lazy,
    )
