"""The shape of a pool's supervision tree: which child under whom, and how each is treated.

pool (rest_for_one; ends when its pool actor gives up)
bridge     the I/O thread, the zmq context, the run directory
sessions   ends sessions that nobody uses
calls      the thread that talks to workers for submitted calls
workers    dynamic; each worker owns one interpreter process, and is temporary
health     asks workers that nobody uses whether they are well; if asked for
pool       brings the set of workers to its target
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from actors.desk import Desk
from actors.health_check import HealthCheck
from actors.hub_actor import HubActor, HubSlot
from actors.multiplexer import Multiplexer
from actors.multiplexer_actor import MultiplexerActor
from actors.options import PoolOptions
from actors.pool_actor import PoolActor
from actors.session_affinity import SessionAffinity
from actors.unbridged import Unbridged, UnbridgedActor
from actors.worker import Worker
from bridge.launchers.launcher import Launcher
from bridge.options import InterpreterOptions
from supervision import (
    AutoShutdown,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    Restart,
    Strategy,
    Supervisor,
    SupFlags,
)

__all__ = ["pool_spec"]

#: Seconds that a worker gets to stop: its interpreter is asked, killed and buried in less.
_WORKER_SHUTDOWN: Final = 6.0


def pool_spec(
    options: PoolOptions, desk: Desk, multiplexer: Multiplexer, *, restart: Restart, significant: bool
) -> ChildSpec:
    """Return the spec of a pool with *options* around *desk* and *multiplexer*."""
    slot = HubSlot()
    flags = SupFlags(
        strategy=Strategy.REST_FOR_ONE, intensity=3, period=30.0, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT
    )
    health = (options.health_interval, options.health_timeout)
    children = (
        _bridge(slot, desk, options.launcher),
        ChildSpec(id="sessions", start=SessionAffinity, args=(desk, options.session_ttl)),
        ChildSpec(id="calls", start=MultiplexerActor, args=(desk, multiplexer)),
        ChildSpec(id="workers", start=DynamicSupervisor, type=ChildType.SUPERVISOR),
        *([ChildSpec(id="health", start=HealthCheck, args=(desk, *health))] if health[0] < math.inf else []),
        ChildSpec(
            id="pool",
            start=PoolActor,
            args=(
                desk,
                _worker_specs(slot, desk, options.interpreter),
                options.max_starting,
                options.overflow_ttl,
                options.start_interval,
            ),
            restart=Restart.TRANSIENT,
            significant=True,
        ),
    )
    return ChildSpec(
        id=options.name,
        start=Supervisor,
        args=(flags, children),
        type=ChildType.SUPERVISOR,
        restart=restart,
        significant=significant,
    )


def _bridge(slot: HubSlot, desk: Desk, launcher: Launcher | Unbridged | None) -> ChildSpec:
    start = UnbridgedActor if isinstance(launcher, Unbridged) else HubActor
    return ChildSpec(id="bridge", start=start, args=(slot, desk, launcher))


def _worker_specs(slot: HubSlot, desk: Desk, options: InterpreterOptions) -> Callable[[str], ChildSpec]:
    def spec(id: str) -> ChildSpec:
        return ChildSpec(
            id=id,
            start=Worker,
            args=(desk, slot, options, int(id) > desk.target),
            restart=Restart.TEMPORARY,
            shutdown=_WORKER_SHUTDOWN,
        )

    return spec
