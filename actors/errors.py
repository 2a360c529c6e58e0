"""Every error of a pool, typed by what the caller can do next.

What happens inside a call is told by ``bridge.errors``: ``WorkerDied``, ``CallDeadline``, ``RemoteError``.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.certificate import Certificate
from supervision.errors import SupervisionError
from supervision.exit_reason import ExitReason, exception_behind

__all__ = [
    "CallExpired",
    "NoAnswer",
    "PoolCannotStart",
    "PoolError",
    "PoolGaveUp",
    "PoolNotRunning",
    "PoolSaturated",
    "SessionBusy",
    "SessionExpired",
    "SessionLost",
    "SessionNotBound",
    "UnknownOption",
]


class PoolError(SupervisionError):
    """The base of what a pool raises before a call has begun; nothing was executed."""


class UnknownOption(PoolError, TypeError):
    """A pool was given an option that there is none of; ``nearest`` is the one that was meant, most likely."""

    def __init__(self, where: str, name: object, nearest: str, known: Sequence[str]) -> None:
        super().__init__(where, name, nearest, tuple(known))
        self.where = where  #: the file and the table, or the option, in which it stands; "" for keywords
        self.name = name
        self.nearest = nearest
        self.known = tuple(known)

    def __str__(self) -> str:
        return (
            f"{self.where}{self.name!r} is no option; the nearest is {self.nearest!r}. "
            f"Expected: {', '.join(sorted(self.known))}"
        )


class NoAnswer(SupervisionError, LookupError):
    """A pool of the test kit was asked for what no test has put an answer to; nothing was executed.

    ``function`` is what was called, ``answered`` what there are answers to.
    """

    def __init__(self, function: str, answered: Sequence[str]) -> None:
        super().__init__(function, tuple(answered))
        self.function = function
        self.answered = tuple(answered)

    def __str__(self) -> str:
        return (
            f"no answer was put for {self.function}; there are answers for: {', '.join(self.answered) or 'nothing'}. "
            "Put one: answers.put(function, value), or run the test on the real layer"
        )


class PoolNotRunning(PoolError):
    """The pool was not started, is stopping, or has stopped; ``state`` says which.

    ``cause`` is the exit reason of what failed, if it ended because something did: a part of it, or a supervisor above
    it that gave up. The exception that goes back to is ``__cause__``.
    """

    def __init__(self, pool: str, state: str, cause: ExitReason | None = None) -> None:
        super().__init__(pool, state, cause)
        self.pool = pool
        self.state = state
        self.cause = cause
        self.__cause__ = None if cause is None else exception_behind(cause)

    def __str__(self) -> str:
        if self.cause is not None:
            return (
                f"pool {self.pool!r} is {self.state}; nothing was executed. What ended it: {self.cause}. "
                "Mend the cause and start a new pool"
            )
        return (
            f"pool {self.pool!r} is {self.state}; nothing was executed. "
            "Use it inside 'with Pool(...) as pool:', or between start() and close()"
        )


class PoolSaturated(PoolError):
    """As many callers wait already as the pool allows; try later, or make it bigger.

    ``shed`` says whether the call had a place in the queue, and lost it to one of higher priority.
    """

    def __init__(self, pool: str, limit: int, shed: bool = False) -> None:
        super().__init__(pool, limit, shed)
        self.pool = pool
        self.limit = limit
        self.shed = shed

    def __str__(self) -> str:
        if self.shed:
            return (
                f"pool {self.pool!r}: {self.limit} callers wait already (max_queue), and a call of higher priority took "
                "this one's place; nothing was executed. Try later, add workers or raise max_queue"
            )
        return (
            f"pool {self.pool!r}: {self.limit} callers wait already (max_queue); nothing was executed. "
            "Try later, add workers or raise max_queue"
        )


class CallExpired(PoolError, TimeoutError):
    """The call's deadline passed while it waited for a worker: it never ran, so it is safe to repeat."""

    def __init__(self, pool: str, timeout: float) -> None:
        super().__init__(pool, timeout)
        self.pool = pool
        self.timeout = timeout

    def __str__(self) -> str:
        return (
            f"pool {self.pool!r}: no worker became free within {self.timeout:g} s; the call was not executed. "
            "Give it a longer timeout or add workers"
        )


class PoolCannotStart(PoolError):
    """Workers keep failing at their start and none is up; ``certificate`` tells of the last one."""

    def __init__(self, pool: str, certificate: Certificate) -> None:
        super().__init__(pool, certificate)
        self.pool = pool
        self.certificate = certificate

    def __str__(self) -> str:
        return (
            f"pool {self.pool!r} cannot start its workers and goes on trying, ever more slowly; the call was not "
            f"executed. The last one: {self.certificate.as_line()}"
        )


class PoolGaveUp(PoolError):
    """Workers failed at their start again and again; the pool has ended. ``certificates`` tell of each."""

    def __init__(self, pool: str, certificates: Sequence[Certificate]) -> None:
        super().__init__(pool, tuple(certificates))
        self.pool = pool
        self.certificates = tuple(certificates)

    def __str__(self) -> str:
        last = self.certificates[-1].as_line() if self.certificates else "no certificate"
        return (
            f"pool {self.pool!r} gave up after {len(self.certificates)} workers failed at their start; "
            f"nothing was executed. The last one: {last}"
        )


class SessionLost(PoolError):
    """The worker that held the session's state is dead; call ``rebind()`` and bring the state back."""

    def __init__(self, session: str, certificate: Certificate | None) -> None:
        super().__init__(session, certificate)
        self.session = session
        self.certificate = certificate

    def __str__(self) -> str:
        how = self.certificate.headline() if self.certificate else "its worker is gone"
        return (
            f"session {self.session!r} lost its worker and the state in it; nothing was executed. "
            f"Call rebind() and replay what it needs. {how}"
        )


class SessionExpired(PoolError):
    """The session was not used for its time to live; call ``rebind()`` to begin anew."""

    def __init__(self, session: str, ttl: float) -> None:
        super().__init__(session, ttl)
        self.session = session
        self.ttl = ttl

    def __str__(self) -> str:
        return (
            f"session {self.session!r} was not used for {self.ttl:g} s and has expired; nothing was executed. "
            "Call rebind() to begin anew"
        )


class SessionBusy(PoolError):
    """The session's worker is not free, and the session's calls are not to wait (``strict_fail_fast``); try later."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session

    def __str__(self) -> str:
        return (
            f"session {self.session!r}: its worker is busy, and its mode is strict_fail_fast; nothing was executed. "
            "Try later, or use strict_queue to wait for it"
        )


class SessionNotBound(PoolError):
    """The session has no worker: it was never used, or ended, or rebind() was not followed by a call."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session

    def __str__(self) -> str:
        return f"session {self.session!r} is not bound to a worker; its first call binds it"
