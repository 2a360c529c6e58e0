"""How many processors there are to be used: affinity and quota, on fake control groups of both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors import Pool
from actors.machine import cpu_quotas, cpus_of, usable_cpus


def a_machine(at: Path, groups: str, mounts: dict[str, str], files: dict[str, str]) -> Path:
    """Make what the kernel would tell under *at*: the group of this process, the mounts, the files below them."""
    proc = at / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(groups)
    lines = [f"30 20 0:1 / {at / where} rw - {kind}" for where, kind in mounts.items()]
    (proc / "self" / "mountinfo").write_text("\n".join(lines) + "\n")
    for name, text in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_text(text)
    return proc


UNIFIED = {"sys": "cgroup2 cgroup2 rw"}
OLD = {"cpu": "cgroup cgroup rw,cpu,cpuacct", "mem": "cgroup cgroup rw,memory"}


@pytest.mark.parametrize(
    ("affinity", "quotas", "workers"),
    [
        (8, [], 8),
        (8, [2.0], 2),
        (2, [8.0], 2),
        (8, [4.0, 1.5, 3.0], 2),
        (8, [0.2], 1),
        (1, [], 1),
    ],
)
def test_the_smallest_limit_counts(affinity: int, quotas: list[float], workers: int) -> None:
    """Rounded up, for a part of a processor is worth a worker; never below one."""
    assert cpus_of(affinity, quotas) == workers


@pytest.mark.parametrize(
    ("files", "quotas"),
    [
        ({"sys/a/b/cpu.max": "150000 100000\n"}, (1.5,)),
        ({"sys/a/b/cpu.max": "max 100000\n"}, ()),
        ({"sys/a/b/cpu.max": "max 100000\n", "sys/a/cpu.max": "300000 100000\n"}, (3.0,)),
        ({"sys/a/b/cpu.max": "200000 100000\n", "sys/cpu.max": "50000 100000\n"}, (2.0, 0.5)),
        ({"cpu.max": "100000 100000\n"}, ()),
        ({"sys/a/b/cpu.max": "garbage\n"}, ()),
        ({"sys/a/b/cpu.max": "100000 0\n"}, ()),
        ({}, ()),
    ],
    ids=["own", "none", "of-a-parent", "nested", "above-the-mount", "garbage", "no-period", "no-file"],
)
def test_the_quota_of_version_two_is_read(
    tmp_path: Path, files: dict[str, str], quotas: tuple[float, ...]
) -> None:
    """Of the group and of all around it, up to the mount; what is no limit is none."""
    assert cpu_quotas(a_machine(tmp_path, "0::/a/b\n", UNIFIED, files)) == quotas


@pytest.mark.parametrize(
    ("quota", "quotas"), [("250000", (2.5,)), ("-1", ()), ("0", ())], ids=["some", "none", "zero"]
)
def test_the_quota_of_version_one_is_read(tmp_path: Path, quota: str, quotas: tuple[float, ...]) -> None:
    """From the hierarchy that has the controller, not from the others."""
    files = {
        "cpu/box/cpu.cfs_quota_us": f"{quota}\n",
        "cpu/box/cpu.cfs_period_us": "100000\n",
        "mem/other/cpu.cfs_quota_us": "100000\n",
        "mem/other/cpu.cfs_period_us": "100000\n",
    }
    proc = a_machine(tmp_path, "4:memory:/other\n3:cpu,cpuacct:/box\n", OLD, files)
    assert cpu_quotas(proc) == quotas


def test_a_machine_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    """Then the affinity alone counts."""
    assert cpu_quotas(tmp_path) == ()
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))


def test_a_pool_has_as_many_workers_as_it_may_use_processors(tmp_path: Path) -> None:
    """By quota and by affinity; what the machine has beyond these is not counted."""
    proc = a_machine(tmp_path, "0::/\n", UNIFIED, {"sys/cpu.max": "100000 100000\n"})
    assert usable_cpus(proc) == 1
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert Pool().options.workers == 1
    finally:
        os.sched_setaffinity(0, before)
    assert Pool().options.workers == usable_cpus()
