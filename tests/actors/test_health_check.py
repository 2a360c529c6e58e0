"""Health checks with real processes: a worker that does not answer is kept, comes back, or is replaced."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pool_functions as work
import pytest
from gates import gates

from actors import InterpreterOptions, Pool, PoolStatus
from bridge.certificate import Verdict

PATIENCE = 30.0
#: Nothing but the health check finds one that is stopped.
NO_PULSE = InterpreterOptions(ping_interval=float("inf"))


def states(status: PoolStatus) -> dict[int | None, tuple[str, str]]:
    """Return state and health of each worker by its pid."""
    return {each.pid: (each.state, each.health) for each in status.workers}


def health_of(pool: Pool) -> Mapping[str, Any]:
    """Return what the checks have done."""
    return next(node.status for node in pool.tree.snapshot().walk() if node.id == "health")


@pytest.mark.promise("degrade-keep-recover")
@pytest.mark.promise("health-check-off-thread")
def test_a_worker_that_does_not_answer_gets_no_work_until_it_does(no_leaks: None) -> None:
    """The very process: while it is stopped all calls go to the other one, and nobody waits for it."""
    # Two failures in a row at the most before it goes on: the third would be its end.
    with Pool(workers=2, interpreter=NO_PULSE, health_interval=0.05, health_timeout=3.0) as pool:
        assert pool.wait_ready(PATIENCE)
        one, other = (each.pid for each in pool.status().workers)
        assert one is not None
        os.kill(one, signal.SIGSTOP)
        while states(pool.status())[one] != ("degraded", "unhealthy"):
            pass
        assert {pool.call(work.pid) for _ in range(20)} == {other}
        os.kill(one, signal.SIGCONT)
        while states(pool.status())[one] != ("ready", "healthy"):
            pass
        with pool.map(work.after, [0.2] * 2, "ab") as both:
            assert list(both) == ["a", "b"]
        assert {each.pid for each in pool.status().workers} == {one, other}
        assert pool.status().deaths == 0


@pytest.mark.promise("health-check-off-thread")
def test_three_failed_checks_replace_a_worker(no_leaks: None) -> None:
    """Its certificate says why; the pool actor has answered all the time, and its successor works."""
    with Pool(workers=1, interpreter=NO_PULSE, health_interval=0.02, health_timeout=0.1) as pool:
        pid = pool.call(work.pid)
        os.kill(pid, signal.SIGSTOP)
        while pool.status().deaths == 0:
            pass
        assert pool.call(work.pid, timeout=PATIENCE) != pid
        (certificate,) = pool.status().certificates
        assert certificate.verdict is Verdict.SILENT
        assert "3 health checks in a row failed, each within 0.1 s" in (certificate.sent_by_us or "")


@pytest.mark.promise("busy-is-not-dead")
def test_a_worker_at_work_is_not_asked(no_leaks: None, tmp_path: Path) -> None:
    """One that is stopped in the midst of a call is left to its deadline; without the check, so is an idle one."""
    with Pool(workers=1, interpreter=NO_PULSE, health_interval=0.02, health_timeout=0.05) as pool:
        with gates(tmp_path) as gate:
            pid = pool.call(work.pid)
            call = pool.submit(work.wait_at, str(first := next(gate)), "mine")
            first.reached()
            os.kill(pid, signal.SIGSTOP)
            before = health_of(pool)
            while (now := health_of(pool))["rounds"] < before["rounds"] + 5:
                pass
            assert (now["checks"], now["failed"]) == (before["checks"], 0)
            os.kill(pid, signal.SIGCONT)
            first.open()
            assert call.result(PATIENCE) == "mine"
        assert pool.status().deaths == 0
    with Pool(workers=1) as pool:
        assert pool.tree.registry.whereis("tree/pool/health") is None
