"""Whatever comes on a channel, at either end, is taken or is a classified fault: the short form of the soak."""

from __future__ import annotations

import random

import fuzzing
import pytest
from bridge_house import House
from fuzzed_child import FuzzedChild
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.wire.frames import Fault

randoms = st.randoms(use_true_random=False)


@pytest.mark.promise("malformed-frames")
@settings(max_examples=200, deadline=None)
@given(rng=randoms)
def test_the_host_takes_it_or_says_what_is_wrong(rng: random.Random) -> None:
    """Any sequence of right and spoilt messages, on both channels, from before the hello on."""
    assert set(fuzzing.feed_host(rng, 8)) <= set(Fault)


@pytest.mark.promise("malformed-frames")
@settings(max_examples=200, deadline=None)
@given(rng=randoms)
def test_the_child_takes_it_or_says_what_is_wrong(rng: random.Random) -> None:
    """Any sequence; a call is taken once, in order, and for this incarnation only."""
    assert set(fuzzing.feed_child(rng, 8)) <= set(Fault)


@pytest.mark.promise("malformed-frames")
def test_what_is_seen_at_a_glance_is_what_a_close_look_sees() -> None:
    """A call that begins as it should is taken without a look at each field; of every message both ways hear the same."""
    assert fuzzing.compare_ways(random.Random(1), 3000) > 300


def test_the_fuzzing_finds_every_fault() -> None:
    """The inputs are not all refused for one reason: each class of a fault that bytes can have comes up."""
    rng = random.Random(1)
    found = {*fuzzing.feed_child(rng, 2000)}
    for _ in range(500):
        found |= {*fuzzing.feed_host(rng, 8)}

    # A lost connection is not in the bytes, and a late answer is the data channel's to find.
    assert found == {*Fault} - {Fault.CONNECTION}


@pytest.mark.promise("malformed-frames")
def test_a_real_child_answers_or_ends_with_its_cause(house: House) -> None:
    """Mutated calls and pings over its own sockets: it answers, or exits and says why; it runs nothing of what is wrong."""
    child = FuzzedChild(house, random.Random(2))

    for _ in range(60):
        child.once()

    assert child.answers > 10
    assert child.ends > 10
