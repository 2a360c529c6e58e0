"""Payloads: whether a pickle refers to the main module is read from its bytes."""

from __future__ import annotations

import pickle

import pytest

from bridge.wire import codec


def test_a_reference_into_main_is_seen() -> None:
    """Functions and classes of the main module are written with its name as a string of its own."""
    data = pickle.dumps(str, protocol=5).replace(b"\x8c\x08builtins", b"\x8c\x08__main__")
    assert codec.mentions([data], codec.MAIN_BYTES)


def test_a_path_that_ends_in_main_is_no_reference() -> None:
    """The twin: a file's name must not make a worker load the service's script."""
    frames = codec.dumps(("package/__main__.py", "__main__.py", "see __main__"))
    assert not codec.mentions(frames, codec.MAIN_BYTES)


def test_more_buffers_than_frames_go_into_the_pickle() -> None:
    """A message has so many frames and no more; the buffers beyond are not refused."""
    buffers = [pickle.PickleBuffer(bytearray(codec.OUT_OF_BAND)) for _ in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "MAX_FRAMES", 4)
        frames = codec.dumps(buffers)
    assert len(frames) == 4
    assert codec.loads([memoryview(bytes(frame)) for frame in frames]) == [bytes(codec.OUT_OF_BAND)] * 5


def test_what_is_too_large_for_a_message_says_so() -> None:
    """At its sender, and before anything is sent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "LARGEST", 100_000)
        with pytest.raises(OverflowError, match="at most 100000"):
            codec.dumps(pickle.PickleBuffer(bytearray(100_000)))
        assert len(codec.dumps(bytes(90_000))) == 1
