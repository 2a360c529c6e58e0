"""What is called travels as a reference that is made and looked up once, and always means what its name means now."""

from __future__ import annotations

import functools
import operator
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.wire import call_body, codec


def views(frames: list[bytes | memoryview]) -> list[memoryview]:
    """Return *frames* as a receiver has them."""
    return [memoryview(bytes(frame)) for frame in frames]


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """A module of its own, with a function ``f`` in it."""
    module = types.ModuleType("of_this_test")
    sys.modules[module.__name__] = module
    exec("def f(): return 1", module.__dict__)
    yield module
    del sys.modules[module.__name__]


@pytest.mark.parametrize("target", [abs, os.getpid, os.path.join, dict, operator.add, call_body.split])
def test_there_and_back(target: Callable[..., Any]) -> None:
    """A function or class of a module is the same at the other end, also the second time."""
    for _ in range(2):
        reference = call_body.reference_to(target)
        assert reference is not None
        body = call_body.join(reference, codec.dumps(((1,), {})), mentions_main=False)
        pickled, frames, mentions_main = call_body.split(views(body))
        assert call_body.target_of(pickled) is target
        assert (codec.loads(frames), mentions_main) == (((1,), {}), False)


@pytest.mark.parametrize(
    "target",
    [[].append, "x".join, functools.partial(abs), lambda: 0, operator.itemgetter(1), test_there_and_back.__get__(1)],
)  # fmt: skip
def test_what_is_not_of_a_module_is_pickles_affair(target: Callable[..., Any]) -> None:
    """Methods, partials, lambdas and instances go with the rest of the call."""
    assert call_body.reference_to(target) is None


def test_a_name_that_means_something_else_now_is_not_sent(module: types.ModuleType) -> None:
    """As pickle has it: a function that its module no longer has under its name cannot go by reference."""
    old = module.f
    assert call_body.reference_to(old) is not None

    exec("def f(): return 2", module.__dict__)

    assert call_body.reference_to(old) is None
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(old)


def test_a_name_is_looked_up_again_once_it_means_something_else(module: types.ModuleType) -> None:
    """A module that is reloaded in a worker is called as it is now."""
    reference = call_body.reference_to(module.f)
    assert reference is not None
    pickled = pickle.dumps(module.f, protocol=5)
    assert call_body.target_of(pickled)() == 1

    exec("def f(): return 2", module.__dict__)

    assert call_body.target_of(pickled)() == 2


def test_a_big_pickle_is_not_copied_behind_its_head() -> None:
    """It is a frame of its own; a small one is not, nor a call without a reference."""
    reference = call_body.reference_to(abs)
    big, small = codec.dumps("x" * 100_000), codec.dumps("x")
    pickled = big[0]

    body = call_body.join(reference, big, mentions_main=True)
    assert body[1] is pickled
    assert call_body.split(views(body))[1:] == ([pickled], True)
    assert len(call_body.join(reference, small, mentions_main=False)) == 1
    alone = call_body.join(None, codec.dumps("x"), mentions_main=False)
    assert call_body.split(views(alone))[0] == b""
    assert codec.loads(call_body.split(views(alone))[1]) == "x"


@pytest.mark.parametrize("first", [b"", b"\0\0\0", b"\0\0\0\0", b"\0\0\xff\xff", b"\0\0\x05\0abc"])
def test_what_is_no_body_is_refused(first: bytes) -> None:
    """Too short for its head, or nothing behind it."""
    with pytest.raises(ValueError, match="a call"):
        call_body.split([memoryview(first)])


def test_what_is_kept_is_bounded() -> None:
    """A service that calls ever new functions does not grow for ever."""
    module = types.ModuleType("of_very_many")
    sys.modules[module.__name__] = module
    try:
        for number in range(3 * call_body._MOST):
            exec(f"def f{number}(): pass", module.__dict__)
            reference = call_body.reference_to(module.__dict__[f"f{number}"])
            assert reference is not None
            call_body.target_of(reference.head[4:])
    finally:
        del sys.modules[module.__name__]
    assert len(call_body._sent) <= call_body._MOST
    assert len(call_body._met) <= call_body._MOST
