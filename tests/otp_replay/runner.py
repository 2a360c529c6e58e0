"""Replays many scenarios: which are skipped, several processes at once, and what became of each."""

from __future__ import annotations

import concurrent.futures
import enum
import functools
import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Final, final

import attrs

from tests.otp_replay.compare import Difference
from tests.otp_replay.core_world import CoreWorld
from tests.otp_replay.real_world import RealWorld
from tests.otp_replay.replay import Mismatch, replay
from tests.otp_replay.scenario import Scenario

__all__ = ["Kind", "Verdict", "reason_to_skip", "run", "run_one"]

#: Scenarios that have all of these tags are not replayed: what OTP did there is not to be had, or not wanted.
_SKIPPED: Final = (
    #: OTP 25 misbehaves: a pid ``undefined`` in its table.
    frozenset({"otp_bug"}),
    #: Its count of active children is one too low once a restarting one was terminated.
    frozenset({"erlang_specific", "during_restart", "simple_one_for_one"}),
)
#: Of these, the ones that say why.
_REASONS: Final = ("otp_bug", "erlang_specific")


@final
class Kind(enum.Enum):
    """In which world a scenario is played."""

    CORE = "core"
    REAL = "real"


@final
@attrs.frozen
class Verdict:
    """What became of one scenario."""

    skipped: str | None  #: the tag because of which it was not replayed
    mismatches: Sequence[Mismatch] = ()


def reason_to_skip(scenario: Scenario) -> str | None:
    """Return the tag because of which *scenario* is not replayed, or None."""
    for tags in _SKIPPED:
        if tags <= scenario.tags:
            return next(tag for tag in _REASONS if tag in tags)
    return None


def run_one(scenario: Scenario, kind: Kind) -> Verdict:
    """Replay *scenario*, unless it is to be skipped. Blocks; a fault of the replay itself is a mismatch, too."""
    skipped = reason_to_skip(scenario)
    if skipped is not None:
        return Verdict(skipped)
    found: list[Mismatch] = []
    try:
        found.extend(replay(scenario, CoreWorld if kind is Kind.CORE else RealWorld))
    except Exception as error:
        found.append(Mismatch(scenario.name, "replay", Difference("error", None, repr(error))))
    return Verdict(None, found)


def run(scenarios: Sequence[Scenario], kind: Kind, jobs: int) -> Iterator[Verdict]:
    """Yield the verdict on each of *scenarios*, in their order, as they come. Blocks.

    Args:
        scenarios: What to replay.
        kind: Where.
        jobs: How many processes work on it; 1 replays in this one.
    """
    one = functools.partial(run_one, kind=kind)
    if jobs == 1 or len(scenarios) <= 1:
        yield from map(one, scenarios)
        return
    # Processes and not threads: a scenario's threads wait for each other all the time, and there is one GIL.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(one, scenarios, chunksize=4)
