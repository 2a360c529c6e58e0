"""Give one poisoned file to a worker and take down how it died.

What the files do is in ``poison``; sessions that are meant to live are in ``session_run``.
"""

from __future__ import annotations

from typing import Final

from actors.demo.outcome import PoisonDeath
from actors.demo.poison import Poison
from actors.errors import CallExpired, SessionLost
from actors.session import Session
from bridge.certificate import Certificate
from bridge.errors import CallDeadline, WorkerDied

__all__ = ["administer"]

_ATTEMPTS: Final = 20  # to get a worker at all, while others kill them


def administer(session: Session, poison: Poison, root: str) -> PoisonDeath:
    """Have *poison* done and return the account of it. Blocks up to its timeout, for each attempt.

    Raises:
        PoolError: The pool cannot go on.
    """
    try:
        for _ in range(_ATTEMPTS):
            try:
                session.call(poison.function, session.id, root, poison.path, timeout=poison.timeout)
                break
            except (SessionLost, CallExpired):
                session.rebind()  # nothing was executed
            except WorkerDied as error:
                if error.started:
                    return _account(poison, error.certificate)
                session.rebind()
            except CallDeadline as error:
                assert error.certificate is not None  # noqa: PT017 (this pool's graces are 0, so its worker died)
                return _account(poison, error.certificate)
        return PoisonDeath(poison.path, None, as_expected=False)
    finally:
        session.end()


def _account(poison: Poison, certificate: Certificate) -> PoisonDeath:
    found = (certificate.verdict.name, certificate.signal, certificate.exit_code)
    wanted = (poison.verdict, poison.signal or certificate.signal, poison.exit_code or certificate.exit_code)
    return PoisonDeath(poison.path, certificate, as_expected=found == wanted)
