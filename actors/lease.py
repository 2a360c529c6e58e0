"""One caller's hold on one worker; how it is filled and ended is in ``desk``."""

from __future__ import annotations

import threading
from typing import final

from actors.errors import PoolError
from actors.scheduler import Ticket
from bridge.interpreter_process import Interpreter

__all__ = ["Lease"]


@final
class Lease:
    """One caller's hold on one worker, empty until the desk fills it.

    Made before the checkout, so that the caller's ``finally`` gives back whatever was granted, even when an
    asynchronous exception strikes between grant and return.
    """

    __slots__ = ("gate", "interpreter", "key", "refusal", "ticket")

    def __init__(self, session: str | None) -> None:
        self.ticket = Ticket(session)
        self.key: int | None = None  #: written under the desk's lock
        self.interpreter: Interpreter | None = None  #: likewise
        self.refusal: PoolError | None = None  #: likewise; why there will be no worker
        self.gate = threading.Lock()  #: opened when ``key`` or ``refusal`` is set
        self.gate.acquire()
