"""A request whose answer is waited for later, or never: OTP's ``send_request`` and what belongs to it.

A call is the same thing, waited for at once; how it travels is in ``cell``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from supervision.arguments import checked_timeout
from supervision.clock import open_gate
from supervision.errors import CallSelf, CallTimeout, RequestAbandoned
from supervision.requests import Request

if TYPE_CHECKING:
    from supervision.cell import Cell

__all__ = ["Pending"]


@final
class Pending:
    """One request on its way; made by ``Ref.send_request``. Any thread may ask it."""

    __slots__ = ("_cell", "_request")

    def __init__(self, cell: Cell, request: Request) -> None:
        self._cell = cell
        self._request = request

    def wait(self, timeout: float = 5.0) -> Any:
        """Return the reply. Blocks; after a ``CallTimeout`` the request stands, and can be waited for again.

        Args:
            timeout: Seconds of the tree's clock; ``math.inf`` waits for ever, 0 does not wait.

        Raises:
            NoProcess: The actor was down already; the request was not delivered.
            SenderKilled: It was sent by the thread of a killed actor; it was not delivered.
            CallTimeout: No reply in time; the actor may still be handling it.
            ActorExited: The actor ended before replying; ``reason`` says why.
            RequestAbandoned: It was given up before.
            CallSelf: The request went to the actor whose thread waits, which could never answer.
            TypeError, ValueError: *timeout* is no number of seconds >= 0.
        """
        checked_timeout(timeout)
        request, cell = self._request, self._cell
        if not request.answered():
            if cell.runs_here():
                raise CallSelf(cell.ref.name)
            if cell.context.clock.acquire(request.gate, timeout):
                open_gate(request.gate)  # for the next who waits
            elif not request.answered():
                raise CallTimeout(cell.ref.name, timeout)
        return request.result()

    def receive(self, timeout: float = 5.0) -> Any:
        """Return the reply as ``wait`` does, but ``abandon`` the request if it does not come in time."""
        try:
            return self.wait(timeout)
        except CallTimeout:
            self.abandon()
            raise

    def check(self) -> bool:
        """Return whether the answer, or the news that there will be none, is here; ``wait`` then returns at once."""
        return self._request.answered()

    def abandon(self) -> None:
        """Give it up: its answer is dropped, and if it is still in the mailbox it is not handled. Never blocks."""
        self._request.listener = None
        self._request.deadline = -math.inf
        self._request.fail(RequestAbandoned(self._cell.ref.name))

    def __repr__(self) -> str:
        return f"<request to {self._cell.ref.name}#{self._cell.ref.incarnation}>"
