"""What the desk knows of sessions: why a request for one is refused, and what is asked of it apart from calls.

Every method runs under the desk's lock. The rules are in ``affinity``.
"""

from __future__ import annotations

from typing import final

from actors.affinity import Affinity, Binding
from actors.errors import PoolError, SessionExpired, SessionLost, SessionNotBound
from actors.ledger import Ledger
from actors.status import SessionStatus
from actors.ticket import SessionMode, Ticket

__all__ = ["SessionBooks"]


@final
class SessionBooks:
    """The sessions of one pool.

    Args:
        affinity: Their bindings.
        ledger: Knows how workers ended.
    """

    def __init__(self, affinity: Affinity, ledger: Ledger) -> None:
        self.affinity = affinity
        self._ledger = ledger

    def admit(self, ticket: Ticket, now: float) -> PoolError | None:
        """Note that *ticket*'s session is used from now until ``release``; or return why it cannot be served."""
        session = ticket.session
        if session is None:
            return None
        binding = self.affinity.touch(session, now, ticket.ttl)
        if binding.expired:
            return SessionExpired(session, binding.ttl)
        loss = self.loss(ticket)
        if loss is None:
            # In one: a mend counts the users by the tickets.
            ticket.binding, binding.calls, binding.users = binding, binding.calls + 1, binding.users + 1
        return loss

    def release(self, ticket: Ticket, now: float) -> None:
        """*ticket*'s request has ended."""
        if ticket.binding is not None:
            self.affinity.release(ticket.binding, now)

    def loss(self, ticket: Ticket) -> SessionLost | None:
        """Return that the worker with the state of the ticket's session is gone, if so and if it matters."""
        session = ticket.session
        lost = None if session is None else self.affinity.lost_worker_of(session)
        if session is None or lost is None or ticket.mode is SessionMode.HINT:
            return None
        return self._lost(session, lost)

    def worker_of(self, session: str, now: float) -> int:
        """Return the worker that *session* is bound to; that is no use of it.

        Raises:
            SessionExpired, SessionLost, SessionNotBound: There is none; the class says why.
        """
        binding = self.affinity.find(session, now)
        if binding is not None and binding.expired:
            raise SessionExpired(session, binding.ttl)
        if binding is not None and binding.lost is not None:
            raise self._lost(session, binding.lost)
        if binding is None or binding.worker is None:
            raise SessionNotBound(session)
        return binding.worker

    def touch(self, session: str, now: float, ttl: float | None) -> None:
        """Note that *session* is used; it begins, if it is not known.

        Raises:
            SessionExpired: It was not used for its time to live.
        """
        binding = self.affinity.touch(session, now, ttl)
        if binding.expired:
            raise SessionExpired(session, binding.ttl)

    def statuses(self, now: float) -> tuple[SessionStatus, ...]:
        """Return all sessions, longest unused first."""
        return tuple(
            self._status(session, binding, now) for session, binding in self.affinity.sessions(now).items()
        )

    def _status(self, session: str, binding: Binding, now: float) -> SessionStatus:
        state = "expired" if binding.expired else "lost" if binding.lost is not None else "unbound"
        return SessionStatus(
            id=session,
            state=state if binding.worker is None else "bound",
            worker=binding.worker,
            calls=binding.calls,
            running=binding.users,
            moves=binding.moves,
            age=now - binding.started_at,
            idle=0.0 if binding.users else now - binding.used_at,
        )

    def _lost(self, session: str, worker: int) -> SessionLost:
        end = self._ledger.end_of(worker)
        return SessionLost(session, None if end is None else end.certificate)
