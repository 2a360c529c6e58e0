"""Payloads: whether a pickle refers to the main module is read from its bytes."""

from __future__ import annotations

import pickle

from bridge.wire import codec


def test_a_reference_into_main_is_seen() -> None:
    """Functions and classes of the main module are written with its name as a string of its own."""
    data = pickle.dumps(str, protocol=5).replace(b"\x8c\x08builtins", b"\x8c\x08__main__")
    assert codec.mentions([data], codec.MAIN_BYTES)


def test_a_path_that_ends_in_main_is_no_reference() -> None:
    """The twin: a file's name must not make a worker load the service's script."""
    frames = codec.dumps(("package/__main__.py", "__main__.py", "see __main__"))
    assert not codec.mentions(frames, codec.MAIN_BYTES)
