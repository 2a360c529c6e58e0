"""Where the kernel counts its kills for want of memory, and to whose death a rise of the count is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.memory_group import KernelKills, oom_kills, oom_kills_file

EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


class Machine:
    """A /proc and a /sys/fs/cgroup as the kernel would show them, with one process."""

    def __init__(self, root: Path, groups: str, mounts: dict[str, tuple[str, str]]) -> None:
        self.proc = root / "proc"
        self.root = root
        (self.proc / "7").mkdir(parents=True)
        (self.proc / "self").mkdir()
        (self.proc / "7" / "cgroup").write_text(groups)
        lines = ["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,memory"]
        for name, (inside, kind) in mounts.items():
            lines.append(f"31 24 0:27 {inside} {root / name} rw,nosuid shared:9 - {kind}")
        (self.proc / "self" / "mountinfo").write_text("\n".join(lines))

    def write(self, name: str, text: str) -> Path:
        """Write a file of the cgroup file system."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


V1 = "cgroup cgroup rw,memory"
V2 = "cgroup2 cgroup2 rw,nsdelegate"


@pytest.mark.parametrize(
    ("groups", "mounts", "name", "text"),
    [
        ("0::/a.slice/b\n", {"u": ("/", V2)}, "u/a.slice/b/memory.events", EVENTS),
        ("0::/a.slice/b\n", {"u": ("/", V2)}, "u/a.slice/b/memory.events.local", EVENTS),
        (
            "4:cpu:/x\n3:memory:/m\n0::/\n",
            {"u": ("/", V2), "m": ("/", V1)},
            "m/m/memory.oom_control",
            CONTROL,
        ),
        # A container sees a part of the hierarchy as if it were the whole.
        ("3:memory:/docker/c\n", {"m": ("/docker/c", V1)}, "m/memory.oom_control", CONTROL),
        # Version 1 is mounted, but memory is limited by version 2.
        (
            "4:cpu:/x\n0::/s\n",
            {"c": ("/", "cgroup cgroup rw,cpu"), "u": ("/", V2)},
            "u/s/memory.events",
            EVENTS,
        ),
    ],
)
def test_where_the_count_is(
    tmp_path: Path, groups: str, mounts: dict[str, tuple[str, str]], name: str, text: str
) -> None:
    """Version 1 or 2, mounted as a whole or in part: the file that counts for the process."""
    machine = Machine(tmp_path, groups, mounts)
    file = machine.write(name, text.format(5))

    assert oom_kills_file(7, machine.proc) == file
    assert oom_kills(file) == 5


def test_those_of_the_group_alone_are_counted_where_that_is_told(tmp_path: Path) -> None:
    """memory.events counts the groups below, too; memory.events.local does not, and goes first."""
    machine = Machine(tmp_path, "0::/a\n", {"u": ("/", V2)})
    machine.write("u/a/memory.events", EVENTS.format(9))
    local = machine.write("u/a/memory.events.local", EVENTS.format(1))

    assert oom_kills_file(7, machine.proc) == local


@pytest.mark.parametrize(
    ("groups", "mounts", "name", "text"),
    [
        ("0::/\n", {"u": ("/", V2)}, "u/cgroup.procs", ""),  # the root has no count
        ("0::/a\n", {}, "u/a/memory.events", EVENTS.format(5)),  # not mounted
        ("3:memory:/other\n", {"m": ("/docker/c", V1)}, "m/memory.oom_control", CONTROL.format(5)),
        ("0::/a\n", {"u": ("/", V2)}, "u/a/memory.events", "oom 1\n"),  # a kernel before 4.13
    ],
)
def test_there_may_be_no_count(
    tmp_path: Path, groups: str, mounts: dict[str, tuple[str, str]], name: str, text: str
) -> None:
    """No count, or somebody else's: then nothing is said, neither yes nor no."""
    machine = Machine(tmp_path, groups, mounts)
    machine.write(name, text)

    assert oom_kills_file(7, machine.proc) is None
    kills = KernelKills(machine.proc)
    assert kills.claim(kills.group_of(7)) is None
    assert kills.group_of(8) is None  # no such process


def test_each_rise_is_one_death(tmp_path: Path) -> None:
    """Two kills are two deaths, a third death is somebody else's doing; a kill before its birth is not one's own."""
    machine = Machine(tmp_path, "0::/a\n", {"u": ("/", V2)})
    file = machine.write("u/a/memory.events", EVENTS.format(5))
    kills = KernelKills(machine.proc)
    one, two, three = (kills.group_of(7) for _ in range(3))

    assert kills.claim(one) is False
    file.write_text(EVENTS.format(7))
    late = kills.group_of(7)
    assert [kills.claim(one), kills.claim(two), kills.claim(three)] == [True, True, False]
    assert kills.claim(late) is False
    file.write_text(EVENTS.format(8))
    assert kills.claim(late) is True


def test_a_group_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    """Removed meanwhile: unknown."""
    machine = Machine(tmp_path, "0::/a\n", {"u": ("/", V2)})
    file = machine.write("u/a/memory.events", EVENTS.format(5))
    kills = KernelKills(machine.proc)
    group = kills.group_of(7)
    file.unlink()

    assert kills.claim(group) is None
