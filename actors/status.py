"""What a pool says of itself: frozen pictures, taken under the desk's lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import attrs

from bridge.certificate import Certificate

__all__ = ["DEFAULT", "GIVEN", "Choice", "PoolStatus", "SessionStatus", "WorkerStatus"]

#: Why something was chosen: it was an option.
GIVEN: Final = "given"
#: Why something was chosen: nobody said otherwise.
DEFAULT: Final = "default"


@final
@attrs.frozen
class Choice:
    """What was chosen where there is more than one."""

    what: str  #: "launcher" or "python"; of the test kit's pools also "layer"
    value: str
    why: str  #: "given", "default", or which variable of the environment says so

    def __str__(self) -> str:
        return f"{self.what} {self.value} ({self.why})"


@final
@attrs.frozen(kw_only=True)
class WorkerStatus:
    """One worker at one moment."""

    name: str
    incarnation: int
    state: str  #: one of ``WorkerState``
    health: str  #: one of ``Health``
    overflow: bool  #: beyond the pool's target, and ended when nobody has needed it for a while
    pid: int | None  #: None before its interpreter runs
    silence: str  #: why its process is held to be dead, though it is kept (``on_silence="log"``); else empty
    running: int  #: calls that it has now; more than one only with ``Pool(threads=...)``
    calls: int  #: given to this incarnation
    restarts: int  #: earlier incarnations of this name
    #: Calls given to this name, earlier incarnations included; when none runs it is
    #: ok + errors + timeouts + cancelled + lost + given_back.
    attempts: int
    ok: int
    errors: int
    timeouts: int
    cancelled: int
    lost: int  #: it died under the call
    given_back: int  #: the call was never sent


@final
@attrs.frozen(kw_only=True)
class SessionStatus:
    """One session at one moment."""

    id: str
    state: str  #: "bound", "unbound" (no call yet, or a pool that binds none), "lost" with its worker, or "expired"
    worker: int | None  #: the incarnation that it is bound to
    calls: int  #: requests so far that were not refused for the session's sake
    running: int  #: of these, those that wait or run
    moves: int  #: how often it was bound anew
    age: float  #: seconds since it began
    idle: float  #: seconds since it was last used; 0 while it is


@final
@attrs.frozen(kw_only=True)
class PoolStatus:
    """A pool at one moment. Counts are since its start."""

    name: str
    state: str
    target: int  #: how many workers there should be
    workers: tuple[WorkerStatus, ...]
    ready: int  #: workers whose interpreter has shaken hands and lives
    overflow: int  #: workers beyond the target
    waiting: int  #: callers in the queue; with ``when_full="block"`` also those that wait for a place in it
    sessions: int
    #: Sessions "bound", "expired" and "lost", and calls of bound sessions that ran at their worker ("hits") or elsewhere
    #: ("misses"); nothing in a pool that does not bind them.
    affinity: Mapping[str, int]
    requests: int  #: = ok + errors + timeouts + rejected + cancelled, and those that wait or run
    ok: int
    errors: int  #: the called function raised, or its worker died
    timeouts: int  #: overran their deadline, in the queue or running
    rejected: int  #: not taken: saturated, not running, session lost
    cancelled: int  #: the caller left, or somebody else cancelled the call
    lost: int  #: of the errors: the worker died under the call
    attempts: (
        int  #: = ok + errors + timeouts + cancelled + lost + given_back of all workers, and those that run
    )
    given_back: int  #: of the attempts: never sent to the worker
    deaths: int  #: of workers, however they came; one that ended in good order when asked is none
    restarts: int
    moves: int  #: sessions that were bound anew
    certificates: tuple[Certificate, ...]  #: the last deaths, oldest first
    choices: tuple[Choice, ...] = ()  #: what brings its interpreters to life, which Python they are, and why
