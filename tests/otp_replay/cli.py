"""The command line: which file, which world, what is said of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.otp_replay.core_world import CoreWorld
from tests.otp_replay.loader import BadLine, load
from tests.otp_replay.replay import Mismatch, replay
from tests.otp_replay.scenario import Scenario

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.otp_replay")
    parser.add_argument("file", type=Path)
    parser.add_argument("--core", action="store_true")
    parser.add_argument("--name")
    options = parser.parse_args(argv)
    scenarios = load(options.file)
    n = 0
    for s in scenarios:
        if options.name and s.name != options.name:
            continue
        if "otp_bug" in s.tags:
            continue
        found = list(replay(s, CoreWorld))
        for m in found:
            print(m)
        n += not found
    print(n, "of", len(scenarios))
    return 0
