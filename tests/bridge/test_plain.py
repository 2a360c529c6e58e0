"""The codec without pickle: what is plain comes back as it was, everything else is refused with its path."""

from __future__ import annotations

import collections
import enum
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire import plain
from bridge.wire.culprit import type_name
from bridge.wire.frames import MAX_FRAMES
from bridge.wire.marker import Unserialisable, mark
from bridge.wire.redaction import Redactor

texts = st.text(st.characters()) | st.sampled_from(["$bytes", "$buffer", "$dict", "$marker", "$"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.binary()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def crossed(value: object) -> Any:
    """Return *value* as it comes out at the other end."""
    return plain.loads([memoryview(frame) for frame in plain.dumps(value, "value")])


@given(values)
def test_what_is_plain_comes_back(value: object) -> None:
    """The same values of the same types, keys that look like ours included."""
    assert crossed(value) == value
    assert repr(crossed(value)) == repr(value)


def test_what_changes_its_type() -> None:
    """A tuple arrives as a list; what can be written to as memory of the receiver's own; infinities and nan as they are."""
    assert crossed((1, (2,))) == [1, [2]]
    back = crossed([bytearray(b"abc"), memoryview(b"abc"), memoryview(bytearray(8)).cast("d")])
    assert [(type(each), bytes(each)) for each in back] == [
        (memoryview, b"abc"),
        (memoryview, b"abc"),
        (memoryview, bytes(8)),
    ]
    back[0][0] = 7
    assert crossed(math.inf) == math.inf
    assert math.isnan(crossed(math.nan))
    assert crossed(Unserialisable("a", "b", "c", "d")) == Unserialisable("a", "b", "c", "d")


def test_buffers_are_not_copied() -> None:
    """They are frames of their own: the very memory of the sender, and of the receiver's message."""
    big = bytearray(1_000_000)

    text, view = plain.dumps([big], "value")
    assert isinstance(view, memoryview)
    assert view.obj is big
    assert len(text) < 50

    received = memoryview(bytearray(view))
    assert plain.loads([memoryview(text), received])[0] is received


class Colour(enum.IntEnum):
    """An int that is more than an int."""

    RED = 1


class Sparse:
    """A matrix of 10**12 zeroes, which must be neither iterated nor made dense."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("densified")

    __iter__ = __len__ = __array__ = __getitem__ = tolist = todense = toarray = _refuse


REFUSED: list[tuple[Any, str]] = [
    ([1, {2}], "value[1]"),
    ({"a": [object()]}, "value['a'][0]"),
    ({"a": {1: 2}}, "value['a']"),
    (Colour.RED, "value"),
    (collections.OrderedDict(), "value"),
    ([10**5000], "value[0]"),
    ([memoryview(bytes(10))[::2]], "value[0]"),
    (Sparse(), "value"),
]


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize(("value", "path"), REFUSED)
def test_what_is_not_plain_is_refused(value: object, path: str) -> None:
    """Sets, objects, keys that are no str, subclasses, ints that JSON cannot tell: named, not converted."""
    with pytest.raises(plain.NotPlain) as caught:
        plain.dumps(value, "value")
    assert caught.value.culprit.path == path
    assert path in str(caught.value)


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize(("value", "path"), REFUSED)
def test_or_marked(value: object, path: str) -> None:
    """The twin, for who asked for markers."""
    redact = Redactor()
    frames = plain.dumps(value, "value", lambda path, part, why: mark(path, part, why, redact))
    back = plain.loads([memoryview(frame) for frame in frames])

    while not isinstance(back, Unserialisable):
        back = back[-1] if isinstance(back, list) else back["a"]
    assert back.path == path
    if path == "value":
        assert back.type_name == type_name(value)


def test_bounds() -> None:
    """Too deep, or more buffers than a message has room for."""
    deep: list[Any] = []
    for _ in range(plain.DEEPEST + 1):
        deep = [deep]
    with pytest.raises(plain.NotPlain, match="deeper than 100"):
        plain.dumps(deep, "value")
    with pytest.raises(plain.NotPlain, match="more than 65535 buffers"):
        plain.dumps([b""] * (MAX_FRAMES + 1), "value")
    assert crossed(deep[0]) == deep[0]


@given(st.binary(max_size=200), st.lists(st.binary(max_size=5), max_size=3))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes, more: list[bytes]) -> None:
    """Whatever a peer sends is read, or refused in one way."""
    said = "no plain value"
    try:
        plain.loads([memoryview(data), *(memoryview(each) for each in more)])
    except ValueError as error:
        said = str(error)
    assert said.startswith("no plain value")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x05N.",
        b'{"$bytes": 1}',
        b'[{"$bytes": 0}, {"$bytes": 0}]',
        b"[]",
        b'{"$bytes": -1}',
        b'{"$buffer": "0"}',
        b'{"$buffer": true}',
        b'{"$dict": 1}',
        b'{"$marker": [1]}',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_what_is_no_value(data: bytes) -> None:
    """Pickles, buffers that are not there, or named twice or never, JSON without end."""
    with pytest.raises(ValueError, match="no plain value"):
        plain.loads([memoryview(data), memoryview(b"one")])
