"""100,000 wrong and right messages at each end, and thousands to real interpreters: no hang, no crash, no growth."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import fuzzing
import pytest
from bridge_house import House
from fuzzed_child import FuzzedChild

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

INPUTS = 100_000
CHILD_INPUTS = 3_000
#: Bytes that a process may grow by without keeping anything of what it was fed.
GROWTH = 8 * 1024 * 1024

#: Coverage-guided, in a process of its own: libFuzzer ends it at the first input that is neither taken nor classified.
GUIDED = """
import sys
import atheris
with atheris.instrument_imports(include=["bridge.wire", "bridge.protocol"]):
    from bridge.errors import ProtocolError
    from bridge.protocol import Hello
    from bridge.wire import exchange
    from bridge.wire.frames import WireError
import fuzzing

def one(data):
    source = atheris.FuzzedDataProvider(data)
    script = fuzzing.Script()
    script.waiting.append([source.ConsumeBytes(source.ConsumeIntInRange(0, 80)) for _ in range(source.ConsumeIntInRange(1, 4))])
    while script.has_more:
        try:
            exchange.receive(script)
        except WireError:
            pass
    try:
        Hello.parse(source.ConsumeBytes(source.remaining_bytes()))
    except ProtocolError:
        pass

atheris.Setup([sys.argv[0], "-runs=" + sys.argv[1], "-seed=1", "-max_len=400", "-timeout=10"], one)
atheris.Fuzz()
"""


def resident() -> int:
    """Return the bytes of memory that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def descriptors() -> int:
    """Return how many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("feed", [fuzzing.feed_host, fuzzing.feed_child])
def test_a_hundred_thousand_messages(feed: object) -> None:
    """Each is taken or is a classified fault, and none of it is kept."""
    assert callable(feed)
    rng = random.Random(4)
    for _ in range(INPUTS // 80):
        feed(rng, 8)
    before = resident()

    for _ in range(INPUTS // 8):
        feed(rng, 8)

    assert resident() - before < GROWTH


def test_real_children(no_leaks: None) -> None:
    """Each answers or ends with its cause, in time, and runs nothing of what is wrong; the service does not grow."""
    house = House()
    child = FuzzedChild(house, random.Random(5))
    for _ in range(CHILD_INPUTS // 10):
        child.once()
    before, open_before = resident(), descriptors()

    for _ in range(CHILD_INPUTS):
        child.once()

    print(f"{child.answers} answers, {child.ends} ends")
    assert min(child.answers, child.ends) > CHILD_INPUTS // 10
    assert resident() - before < GROWTH
    # One interpreter more or less is alive.
    assert descriptors() < open_before + 32
    house.close()


def test_guided_by_coverage(tmp_path: Path) -> None:
    """What libFuzzer thinks of beyond that, where it is installed."""
    pytest.importorskip("atheris", reason="atheris is not installed")

    done = subprocess.run(
        [sys.executable, "-P", "-c", GUIDED, str(INPUTS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"Done {INPUTS} runs" in done.stderr
