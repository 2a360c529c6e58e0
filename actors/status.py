"""What a pool says of itself: frozen pictures, taken under the desk's lock."""

from __future__ import annotations

from typing import final

import attrs

from bridge.certificate import Certificate

__all__ = ["PoolStatus", "WorkerStatus"]


@final
@attrs.frozen(kw_only=True)
class WorkerStatus:
    """One worker at one moment."""

    name: str
    incarnation: int
    state: str  #: one of ``WorkerState``
    pid: int | None  #: None before its interpreter runs
    calls: int  #: given to this incarnation
    restarts: int  #: earlier incarnations of this name


@final
@attrs.frozen(kw_only=True)
class PoolStatus:
    """A pool at one moment. Counts are since its start."""

    name: str
    state: str
    target: int  #: how many workers there should be
    workers: tuple[WorkerStatus, ...]
    ready: int  #: workers whose interpreter has shaken hands and lives
    waiting: int  #: callers in the queue
    sessions: int
    requests: int  #: = ok + errors + timeouts + rejected + cancelled + lost + running + waiting
    ok: int
    errors: int  #: the called function raised
    timeouts: int  #: overran their deadline, in the queue or running
    rejected: int  #: not taken: saturated, not running, session lost
    cancelled: int  #: the caller left, or somebody else cancelled the call
    lost: int  #: the worker died under the call
    deaths: int  #: of workers, however they came; one that ended in good order when asked is none
    restarts: int
    moves: int  #: sessions that were bound anew
    certificates: tuple[Certificate, ...]  #: the last deaths, oldest first
