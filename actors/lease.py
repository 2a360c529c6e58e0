"""One caller's request and its hold on one worker; how it is filled and ended is in ``books``."""

from __future__ import annotations

import threading
from typing import Any

from actors.errors import PoolError
from actors.ledger import Outcome
from actors.ticket import SessionMode, Ticket
from bridge.faces import ChannelFace, InterpreterFace
from supervision.clock import open_gate

__all__ = ["Lease"]


class Lease:
    """One caller's request for a worker, empty until the desk fills it.

    Made before the checkout, so that the caller's ``finally`` gives back whatever was granted, even when an
    asynchronous exception strikes between grant and return.
    """

    __slots__ = (
        "dispatched", "gate", "interpreter", "outcome", "over", "patient", "refusal", "tally", "ticket", "timeout",
    )  # fmt: skip

    def __init__(
        self,
        session: str | None = None,
        *,
        ttl: float | None = None,
        mode: SessionMode = SessionMode.STRICT_QUEUE,
        priority: int = 0,
    ) -> None:
        #: Its ``key`` is the worker that is held; written under the desk's lock.
        self.ticket = Ticket(session, ttl=ttl, mode=mode, priority=priority)
        self.patient = False  #: whether it waits where the queue is full, whatever the pool's rule; set before the checkout
        self.timeout = 0.0  #: seconds that its caller gave it; likewise
        self.interpreter: InterpreterFace | None = None  #: of that worker; likewise
        self.refusal: PoolError | None = None  #: why there will be no worker; likewise
        #: What it will be counted under; its caller's, until it is given back.
        self.outcome = Outcome.CANCELLED
        self.dispatched = False  #: whether the call was sent to its worker, or may have been; its caller's
        #: The counts with this one: which, under what, and how many; once set, it is ended.
        self.tally: tuple[tuple[dict[Any, int], object, int], ...] | None = None
        self.over = False  #: whether it was given back and nothing is left to do; its caller's
        self.gate = threading.Lock()  #: opened when a worker is granted or ``refusal`` is set
        self.gate.acquire()

    def wake(self) -> None:
        """Tell who waits that there is a worker, or a refusal. Under the desk's lock; never blocks."""
        open_gate(self.gate)

    @property
    def channel(self) -> ChannelFace:
        """Where its call runs, once there is a worker."""
        assert self.interpreter is not None
        return self.interpreter.channels[self.ticket.lane]

    @property
    def clean(self) -> bool:
        """Whether nothing of a call is left in its worker's channel, so that the next call may use it."""
        return self.interpreter is None or self.channel.clean

    def refuse(self, error: PoolError, outcome: Outcome) -> None:
        """Say that there will be no worker; both or neither."""
        self.refusal, self.outcome = error, outcome
