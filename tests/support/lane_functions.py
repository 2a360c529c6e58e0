"""What calls do that run beside others in one worker; importable there by name."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections import defaultdict

from bridge.interpreter import CallInterrupted, adapter, cancelled, report

__all__ = [
    "Counter", "Slow", "asked", "crash", "environment", "go_on", "log_too_much", "meet", "other_context", "report_and_meet", "sit", "spin", "wait_for",
    "wait_for_the_flood",
]  # fmt: skip

#: Seconds that nothing here takes, unless it hangs.
_PATIENCE = 20.0

_lock = threading.Lock()
_barriers: dict[str, threading.Barrier] = {}
_events: defaultdict[str, threading.Event] = defaultdict(threading.Event)


def meet(name: str, parties: int) -> tuple[int, int]:
    """Return once so many calls are here, all in one process: its number, and the thread's."""
    with _lock:
        barrier = _barriers.setdefault(name, threading.Barrier(parties))
    barrier.wait(_PATIENCE)
    return os.getpid(), threading.get_ident()


def wait_for(name: str) -> str:
    """Report, and return once another call lets this go on."""
    report(1)
    assert _events[name].wait(_PATIENCE)
    return name


def go_on(name: str) -> None:
    """Let it."""
    _events[name].set()


def spin() -> str:
    """Report, and run Python for ever; return only if an interrupt is raised in here."""
    number = 0
    try:
        report(1)
        while True:
            number += 1
    except CallInterrupted:
        report(2)
        raise


def asked() -> str:
    """Report, and look until this is to end."""
    report(1)
    while not cancelled():
        pass
    return "asked"


def sit() -> None:
    """Report, and wait in C for what does not come; no exception gets in."""
    report(1)
    os.read(os.pipe()[0], 1)


def crash() -> None:
    """Read address 0."""
    ctypes.string_at(0)


def report_and_meet(name: str, parties: int, number: int) -> int:
    """Report a number of its own while others do the same, log it, and return it."""
    meet(f"{name} before", parties)
    for _ in range(50):
        report(number)
    logging.getLogger("lanes").warning("of %d", number)
    meet(f"{name} after", parties)
    return number


def log_too_much() -> None:
    """Report, which its caller does not come back from soon; then log more than may be sent, and say at the end so."""
    report(1)
    for number in range(5000):
        logging.getLogger("lanes").warning("record %d", number)
    _events["flooded"].set()


def wait_for_the_flood() -> str:
    """Log when the other has; its end waits for room meanwhile."""
    assert _events["flooded"].wait(_PATIENCE)
    for _ in range(50):
        logging.getLogger("lanes").warning("of the neighbour")
        _events["never"].wait(0.002)
    return "logged"


def environment(name: str) -> str | None:
    """Return a variable."""
    return os.environ.get(name)


def other_context() -> str:
    """Make a socket of pyzmq's own, which a worker has not imported; return its type."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        return type(socket).__name__


_set_ups: list[int] = []


@adapter
class Counter:
    """Notes each set-up, which takes long enough for others to come."""

    def set_up(self) -> None:
        _set_ups.append(1)
        _events["never"].wait(0.05)

    def meet(self, parties: int) -> int:
        """Return how many were set up, once all are here."""
        meet("counter", parties)
        return len(_set_ups)


@adapter(scope="session")
class Slow:
    """Each session's set-up waits for the others'."""

    def set_up(self) -> None:
        meet("slow", 2)

    def ready(self) -> bool:
        """Return that it is."""
        return True
