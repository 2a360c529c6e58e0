"""What cannot be pickled is found and named, in the caller; or a marker takes its place, for who asked for one."""

from __future__ import annotations

import collections
import functools
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import attrs
import bridge_functions as there
import pytest
from bridge_house import House, Life

from bridge.errors import NotPicklable
from bridge.payload import encode_call
from bridge.wire import call_body, codec, culprit
from bridge.wire.marker import LONGEST_REPR, MOST_MARKERS, Unserialisable

LOCK = threading.Lock()
Pair = collections.namedtuple("Pair", "left right")


@pytest.fixture(autouse=True)
def main_with_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these be tests of a program: in a session without a file, as pytest-xdist's are, functions go by value."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)


class Plain:
    """Keeps what it is given in its dictionary."""

    def __init__(self, db: object) -> None:
        self.db = db

    def method(self) -> None:
        """Do nothing."""


class Slotted:
    """Keeps it in a slot."""

    __slots__ = ("db", "more")

    def __init__(self, db: object) -> None:
        self.db, self.more = db, 1


@attrs.frozen
class Frozen:
    """Keeps it in an attrs class."""

    size: int
    db: object


class Reduced:
    """Says itself how it is pickled."""

    def __init__(self, db: object) -> None:
        self.db = db

    def __reduce__(self) -> Any:
        return Reduced, (self.db,)


class Raises:
    """Raises when it is pickled."""

    def __reduce__(self) -> Any:
        raise LookupError("not today")


def local() -> Any:
    """Return an instance of a class that nobody can import."""

    class Local:
        pass

    return Local()


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize(
    ("value", "path", "type_name"),
    [
        (LOCK, "args[0]", "_thread.lock"),
        ({"config": Plain({"db": LOCK})}, "args[0]['config'].db['db']", "_thread.lock"),
        ([1, (2, LOCK)], "args[0][1][1]", "_thread.lock"),
        (Slotted(LOCK), "args[0].db", "_thread.lock"),
        (Frozen(1, [LOCK]), "args[0].db[0]", "_thread.lock"),
        (Reduced(LOCK), "args[0].db", "_thread.lock"),
        (Pair(1, LOCK), "args[0].right", "_thread.lock"),
        ({LOCK: 1}, "args[0].keys()[<_thread.lock>]", "_thread.lock"),
        ({1, Raises()}, "args[0].{<test_culprits.Raises>}", "test_culprits.Raises"),
        (collections.deque([LOCK]), "args[0][0]", "_thread.lock"),
        (collections.OrderedDict(a=LOCK), "args[0]['a']", "_thread.lock"),
        (collections.defaultdict(lambda: 0), "args[0].default_factory", "function"),
        (functools.partial(print, end=LOCK), "args[0].keywords['end']", "_thread.lock"),
        (Plain(LOCK).method, "args[0].__self__.db", "_thread.lock"),
        (ValueError("x", LOCK), "args[0].args[1]", "_thread.lock"),
        ([local()], "args[0][0]", "test_culprits.local.<locals>.Local"),
        ([lambda: 0], "args[0][0]", "function"),
    ],
)
def test_the_part_that_cannot_be_pickled_is_named(value: object, path: str, type_name: str) -> None:
    """The error has the path to it, as one would write it, its type, and what pickle said; its cause is pickle's error."""
    with pytest.raises(NotPicklable) as caught:
        encode_call(there.echo, (value,), {})

    error = caught.value
    # Run by pytest, a module of tests has a longer name than its own.
    assert error.path.replace(f"{__name__}.", "test_culprits.") == path
    assert error.type_name.replace(f"{__name__}.", "test_culprits.") == type_name
    assert error.path in str(error)
    assert error.type_name in str(error)
    assert "bridge_functions.echo" in str(error)
    assert error.__cause__ is not None
    assert str(error.__cause__) in str(error) or "not found as" in str(error)
    assert pickle.loads(pickle.dumps(error)).path == error.path


def test_a_keyword_and_the_function_itself_have_paths() -> None:
    """Whatever part of the call it is."""
    with pytest.raises(NotPicklable, match=r"kwargs\['value'\]\[0\], of type _thread.lock"):
        encode_call(there.echo, (), {"value": [LOCK]})
    with pytest.raises(NotPicklable, match="function, of type function"):
        encode_call(lambda: 0, (), {})


def test_the_search_is_bounded() -> None:
    """A value that is too deep or too large is refused all the same, without a path, and the search ends."""
    deep: list[Any] = [LOCK]
    for _ in range(culprit.DEEPEST):
        deep = [deep]
    with pytest.raises(NotPicklable) as caught:
        encode_call(there.echo, (deep,), {})
    assert caught.value.path == ""
    assert "cannot pickle '_thread.lock'" in str(caught.value)

    many = [*range(culprit.MOST_OBJECTS), LOCK]
    assert culprit.find(many, "value") is None
    assert culprit.find(many[-1000:], "value") == (
        "value[999]",
        LOCK,
        "TypeError: cannot pickle '_thread.lock' object",
    )


def test_nothing_is_searched_unless_pickling_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search costs a call nothing that can be sent."""
    searched: list[object] = []
    monkeypatch.setattr(culprit, "find", lambda value, *_, **__: searched.append(value))

    encode_call(there.echo, ([1, 2],), {})
    assert searched == []
    with pytest.raises(NotPicklable):
        encode_call(there.echo, ([LOCK],), {})
    assert len(searched) == 1


@pytest.mark.promise("graceful-serialisation")
def test_a_marker_takes_the_place(life: Life) -> None:
    """Who asks for it gets the rest of the value through; the marker says what was there, where, and why it is not."""
    value = {"fine": [1, 2], "config": there.Config(1, LOCK), "again": LOCK}

    got = life.call_marked(there.described, value)

    assert got[0] == "{'fine': [1, 2], 'config': Config, 'again': Unserialisable}"
    marker = got[1]
    assert isinstance(marker, Unserialisable)
    assert (marker.path, marker.type_name) == ("args[0]['config'].db", "_thread.lock")
    assert marker.text == repr(LOCK)
    assert "cannot pickle" in marker.why


@pytest.mark.promise("graceful-serialisation")
def test_a_marker_takes_the_place_in_a_result(life: Life) -> None:
    """Also on the way back; and where the whole result cannot be sent."""
    got = life.call_marked(there.holder)
    assert got["fine"] == 1
    assert got["config"]["db"][0].path == "result['config']['db'][0]"

    whole = life.call_marked(threading.Lock)
    assert (whole.path, whole.type_name) == ("result", "_thread.lock")


def test_a_marker_must_be_asked_for() -> None:
    """The twin: by default it is an error; and a word that is none of the two is refused."""
    with pytest.raises(NotPicklable):
        encode_call(there.echo, (LOCK,), {})
    with pytest.raises(ValueError, match="'error', 'marker'"):
        encode_call(there.echo, (), {}, on_unserialisable="mark")  # type: ignore[arg-type]


def test_a_function_is_not_replaced_by_a_marker() -> None:
    """What is to be called must be there; nor does a value that is all markers come through."""
    with pytest.raises(NotPicklable, match="function"):
        encode_call(lambda: 0, (), {}, on_unserialisable="marker")
    with pytest.raises(NotPicklable):
        encode_call(
            there.echo, ([threading.Lock() for _ in range(MOST_MARKERS + 1)],), {}, on_unserialisable="marker"
        )


class Sparse:
    """A matrix of 10**12 zeroes, which must be neither iterated nor made dense; and which cannot be pickled."""

    shape = (10**6, 10**6)

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("densified")

    __iter__ = __len__ = __array__ = __getitem__ = tolist = todense = toarray = _refuse

    def __reduce__(self) -> Any:
        raise TypeError("too large")

    def __repr__(self) -> str:
        return "<sparse matrix of 10**12 elements>" + " " * 10_000


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize("codec_of", ["pickle"])
def test_a_sparse_array_is_not_densified(codec_of: str) -> None:
    """Of what cannot be sent only type and repr are read, and the repr is cut."""
    call = encode_call(there.echo, (Sparse(),), {}, on_unserialisable="marker")

    _, frames, _ = call_body.split([memoryview(frame) for frame in call.frames])
    _, (marker,), _, _ = codec.loads(frames)
    assert marker.text.startswith("<sparse matrix")
    assert len(marker.text) < LONGEST_REPR + 100


SECRET = "correct horse 'battery'"


@pytest.mark.promise("graceful-serialisation")
def test_no_refusal_shows_a_secret(house: House) -> None:
    """Neither an error nor a marker, here or there, in a path, a repr or a reason."""

    class Telling:
        def __repr__(self) -> str:
            return f"Telling({SECRET!r})"

        def __reduce__(self) -> Any:
            raise ValueError(SECRET)

    value = {SECRET: Telling()}
    with pytest.raises(NotPicklable) as caught:
        encode_call(there.echo, (value,), {}, secrets=[SECRET])
    assert "battery" not in str(caught.value)
    assert caught.value.path == 'args[0]["[redacted]"]'
    assert "battery" not in "".join(traceback.format_exception(caught.value))

    call = encode_call(there.echo, ([Telling()],), {}, secrets=[SECRET], on_unserialisable="marker")
    assert not any(b"battery" in frame for frame in call.frames)
    # The twin: without the declaration it is shown.
    with pytest.raises(NotPicklable, match="battery"):
        encode_call(there.echo, (value,), {})


def test_what_goes_by_value_is_no_culprit() -> None:
    """Where cloudpickle takes functions and classes by value, the search passes them over and finds the true one."""
    cloudpickle = pytest.importorskip("cloudpickle")
    dump: Callable[..., bytes] = cloudpickle.dumps

    found = culprit.find([lambda: 0, local(), LOCK], "value", dump=dump)

    assert found is not None
    assert found.path == "value[2]"
