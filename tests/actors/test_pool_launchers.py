"""A pool whose interpreters come from a provider: it neither knows nor cares, and bears what a provider does."""

from __future__ import annotations

import os

import pytest

from actors import Pool
from bridge.errors import WorkerDied
from bridge.launchers.fake import FakeLauncher, Refuses, Stuck
from bridge.launchers.notices import Fault
from bridge.options import InterpreterOptions


def test_a_pool_of_fakes_starts_no_process(no_leaks: None) -> None:
    """Calls run in this process; an interpreter that is preempted is replaced."""
    fake = FakeLauncher()
    with Pool(workers=2, launcher=fake) as pool:
        assert pool.wait_ready(30)
        assert pool.call(os.getpid) == os.getpid()
        fake.launched[0].preempt(0.0)
        try:
            answer = pool.call(os.getpid)
        except WorkerDied:  # it was given the call before its end was heard of
            answer = pool.call(os.getpid)
        assert answer == os.getpid()
    assert len(fake.launched) >= 2


def test_a_pool_outlives_a_quota_and_a_stuck_start(no_leaks: None) -> None:
    """One start is refused and one hangs until its deadline; the third is the worker."""
    fake = FakeLauncher([Refuses(Fault.QUOTA, "one too many"), Stuck("no room")])
    with Pool(workers=1, launcher=fake, interpreter=InterpreterOptions(start_timeout=0.2)) as pool:
        assert pool.call(os.getpid, timeout=30) == os.getpid()
        causes = [
            certificate.detail or certificate.sent_by_us or "" for certificate in pool.status().certificates
        ]
        assert "one too many" in causes[0]
        assert "no handshake within 0.2 s" in causes[1]


@pytest.mark.parametrize("max_starting", [1, None])
def test_real_workers_start_one_after_the_other_if_told_so(max_starting: int | None, no_leaks: None) -> None:
    """They are all up in the end, whichever it is."""
    with Pool(workers=3, max_starting=max_starting) as pool:
        assert pool.wait_ready(30)
        assert pool.status().ready == 3
