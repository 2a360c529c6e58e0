"""A request for a worker, as the scheduler sees it, and what may be said of it: its priority, deadline and session's mode."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from actors.affinity import Binding
    from actors.ledger import WorkerBook
    from actors.ticket_heap import TicketHeap

__all__ = ["SessionMode", "Ticket", "WhenFull"]


@final
class SessionMode(enum.Enum):
    """What a session's call does when the worker that the session is bound to is not free."""

    HINT = "hint"  #: it takes any free worker; the state in the bound one is a convenience
    STRICT_QUEUE = "strict_queue"  #: it waits for that worker
    STRICT_FAIL_FAST = "strict_fail_fast"  #: it is refused at once


@final
class WhenFull(enum.Enum):
    """What becomes of a request that finds the queue full."""

    #: It waits, until its own deadline. It is served as if it stood in the queue: two queues in a row would let a free
    #: worker stand by whose next caller is in the second one.
    BLOCK = "block"
    RAISE = "raise"  #: it is refused at once
    #: The newest of the lowest priority is refused, of all who wait and it: among equals it is this one itself.
    SHED = "shed"


@final
class Ticket:
    """One request for a worker, from its arrival until it is withdrawn or its worker is given back.

    Written by the scheduler alone, but for ``deadline`` and ``binding``, which ``books`` sets at its arrival.

    Args:
        session: The session's id; None: none.
        ttl: Seconds without use after which the session expires, from now on; None: as before, or as the pool says.
        mode: What its call does when the session's worker is not free.
        priority: Higher is served first; equals in order of arrival.
        deadline: Seconds on the pool's clock, from which on it is granted nothing; ``math.inf``: never.
    """

    __slots__ = (
        "binding",
        "book",
        "deadline",
        "hit",
        "key",
        "lane",
        "mode",
        "number",
        "priority",
        "queue",
        "session",
        "ttl",
    )

    def __init__(
        self,
        session: str | None = None,
        *,
        ttl: float | None = None,
        mode: SessionMode = SessionMode.STRICT_QUEUE,
        priority: int = 0,
        deadline: float = math.inf,
    ) -> None:
        self.session = session
        self.ttl = ttl
        self.mode = mode
        self.priority = priority
        self.deadline = deadline
        self.binding: Binding | None = None  #: of its session, which is in use as long as this has not ended
        self.number = 0  #: order of arrival
        self.queue: TicketHeap | None = None  #: where it waits
        self.key: int | None = None  #: the worker that it was granted
        self.lane = 0  #: of that worker, which may run several calls at a time
        self.book: WorkerBook | None = None  #: where that is counted
        self.hit: bool | None = (
            None  #: whether that is the one its session was bound to; None: it was bound to none
        )
