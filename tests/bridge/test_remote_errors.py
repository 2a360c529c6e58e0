"""What a call raised or returned and cannot be brought here; and how a remote exception looks that can."""

from __future__ import annotations

import pickle
import re
import traceback
from typing import Any

import bridge_functions as there
import pytest
from bridge_house import House, Life

from bridge.errors import RemoteError, RemoteTraceback
from bridge.wire import codec, raised


@pytest.mark.parametrize(
    ("function", "name", "obstacle"),
    [
        (
            there.fail_unpicklable,
            "Unpicklable",
            r"error\.lock, of type _thread\.lock, cannot be pickled in the worker \(TypeError",
        ),
        (there.fail_undone, "Undone", r"caller's process \(RuntimeError: made elsewhere\).*__reduce__"),
        (there.fail_as_a_string, "Disguised", r"rebuilt to is no exception but of type str"),
    ],
)
def test_an_exception_that_cannot_cross_is_described(
    life: Life, function: Any, name: str, obstacle: str
) -> None:
    """Not picklable there, or not to be rebuilt here: type, text, repr, traceback, and what was wrong with which part."""
    with pytest.raises(RemoteError) as caught:
        life.call(function)

    error = caught.value
    assert error.type_name == f"bridge_functions.{name}"
    assert error.description in str(error)
    assert error.representation.startswith(f"{name}(")
    assert error.came == "raised"
    assert re.search(obstacle, error.obstacle)
    assert error.obstacle in str(error)
    assert name in error.traceback
    assert life.call(there.add, 1, 1) == 2


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_is_no_exception_stays_there(life: Life, error: BaseException) -> None:
    """A worker's SystemExit must not end the caller's thread: it is told as a RemoteError, and the worker lives."""
    with pytest.raises(RemoteError, match=rf"{type(error).__name__}.*it is no Exception"):
        life.call(there.fail, error)

    assert life.call(there.add, 1, 1) == 2


@pytest.mark.promise("graceful-serialisation")
def test_a_result_that_cannot_be_pickled_is_described(life: Life) -> None:
    """The function ran: its result's type and repr come back, the part that cannot be sent, and the pickler's traceback."""
    with pytest.raises(RemoteError) as caught:
        life.call(there.holder)

    error = caught.value
    assert (error.came, error.type_name) == ("returned", "dict")
    assert error.representation.startswith("{'fine': 1, 'config':")
    assert error.obstacle.startswith("result['config']['db'][0], of type _thread.lock, ")
    assert "the call returned dict" in str(error)
    assert "cannot pickle '_thread.lock' object" in error.traceback
    assert isinstance(error.__cause__, RemoteTraceback)
    assert life.interpreter.channel.clean
    assert life.call(there.add, 1, 1) == 2


def test_a_constructor_of_its_own_is_no_obstacle(life: Life) -> None:
    """An exception comes with its type, arguments and attributes, though pickle's way to rebuild it would fail."""
    with pytest.raises(there.BadTaste) as caught:
        life.call(there.fail_in_bad_taste)

    assert (caught.value.args, caught.value.two) == (("one",), "two")
    with pytest.raises(TypeError):  # the twin: pickle's own way
        pickle.loads(pickle.dumps(caught.value))


class Numbered(OSError):
    """Keeps its number where Python does not see it."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "of mine")


class Slotted(Exception):
    """Keeps something outside of its dictionary."""

    __slots__ = ("more",)

    def __init__(self, more: str) -> None:
        super().__init__(more)
        self.more = more


class Loose(Exception):
    """Would be told its own text a second time by pickle's way, which calls the constructor."""

    def __init__(self, what: str, code: int = 5) -> None:
        super().__init__(f"{what} {code}")
        self.itself = self


def crossed(error: Exception) -> Any:
    """Return *error* as it comes out at the other end."""
    frames = codec.dumps(error, codec.dumper(pickle.Pickler, raised.override))
    return codec.loads([memoryview(frame) for frame in frames])


@pytest.mark.parametrize("error", [Slotted("more"), FileNotFoundError(2, "no", "file"), KeyError("k")])
def test_what_holds_more_than_its_dictionary_goes_pickles_way(error: Exception) -> None:
    """Slots, and what the builtin errors keep in C, would be lost without the constructor."""
    copy = crossed(error)

    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
    assert getattr(copy, "more", None) == getattr(error, "more", None)
    assert getattr(copy, "filename", None) == getattr(error, "filename", None)


def test_an_exception_holds_what_it_held() -> None:
    """No constructor is called twice; references to itself stay; an OSError of one's own is not taken apart."""
    copy = crossed(Loose("it was"))

    assert copy.args == ("it was 5",)
    assert copy.itself is copy
    with pytest.raises(TypeError):
        crossed(Numbered(2))


def test_notes_and_causes_are_shown(life: Life) -> None:
    """The exception brings its notes; its causes and what was being handled are in the remote traceback, under the local."""
    with pytest.raises(RuntimeError, match="gave up") as caught:
        life.call(there.fail_with_a_cause)

    assert caught.value.__notes__ == ["while reading line 7"]
    shown = "".join(traceback.format_exception(caught.value))
    order = [
        "ValueError: as asked",
        "During handling of the above exception",
        "LookupError: no such key",
        "was the direct cause of",
        "in fail_with_a_cause",
        "RuntimeError: gave up\nwhile reading line 7",
        '"""\n\nThe above exception was the direct cause',
        "in call",
        "RuntimeError: gave up\nwhile reading line 7",
    ]
    position = -1
    for piece in order:
        assert piece in shown[position + 1 :]
        position = shown.index(piece, position + 1)


def test_a_group_comes_as_a_group(life: Life) -> None:
    """With its inner groups, notes, and leaves whose constructors are their own: except* finds them."""
    leaves: list[BaseException] = []
    try:
        life.call(there.fail_together)
    except* there.BadTaste as found:
        inner = found.exceptions[0]
        assert isinstance(inner, ExceptionGroup)
        leaves.extend(inner.exceptions)
    except* ValueError:
        pass

    (leaf,) = leaves
    assert isinstance(leaf, there.BadTaste)
    assert (leaf.two, leaf.__notes__) == ("two", ["a note of the leaf"])


def test_a_text_without_end_is_cut(life: Life) -> None:
    """A text of ten million characters is told by its beginning and its end."""
    with pytest.raises(RemoteError) as caught:
        life.call(there.fail_at_length, 10_000_000)

    assert len(str(caught.value)) < 25_000
    assert len(caught.value.traceback) < 110_000
    assert "characters left out" in caught.value.description


SECRET = "tr0ub4dor's &3"


@pytest.mark.promise("graceful-serialisation")
@pytest.mark.parametrize("error", [ValueError(f"wrong password {SECRET}"), ValueError({"password": SECRET})])
def test_an_error_shows_no_secret(house: House, error: Exception) -> None:
    """What was declared secret is in no text that comes back, and no exception that holds it does."""
    with pytest.raises(RemoteError, match="it holds a declared secret") as caught:
        house.ready(secrets=[SECRET]).call(there.fail, error)

    told = "".join(map(str, caught.value.args)) + str(caught.value.__cause__)
    assert SECRET not in told
    assert repr(SECRET)[1:-1] not in told
    assert "[redacted]" in caught.value.description
    assert "[redacted]" in caught.value.traceback


def test_what_was_not_declared_is_no_secret(house: House) -> None:
    """The twin: the exception comes as it is, also with a secret that it does not hold."""
    with pytest.raises(ValueError, match="wrong password"):
        house.ready(secrets=["another"]).call(there.fail, ValueError(f"wrong password {SECRET}"))


def test_a_result_that_cannot_be_sent_shows_no_secret(house: House) -> None:
    """Its repr is a text like others."""
    with pytest.raises(RemoteError) as caught:
        house.ready(secrets=[SECRET]).call(there.held, SECRET)

    assert SECRET not in "".join(map(str, caught.value.args))
    assert caught.value.obstacle.startswith('result["[redacted]"]')


def test_a_call_that_breaks_the_imports_has_its_answer(life: Life) -> None:
    """What is needed to describe an error is imported with the first one; where that fails, the least is told."""
    with pytest.raises(RemoteError, match=r"builtins\.ValueError .*can import nothing"):
        life.call(there.fail_without_imports)
    assert life.call(there.add, 1, 1) == 2


def test_a_group_with_a_leaf_that_cannot_cross_is_described_whole(life: Life) -> None:
    """No group with a leaf missing: ``except*`` would take it for all there was. Every leaf is in the traceback, also the good one."""
    with pytest.raises(RemoteError) as caught:
        life.call(there.fail_together_unpicklably)

    assert caught.value.type_name == "builtins.ExceptionGroup"
    assert "lock" in caught.value.obstacle
    for leaf in ("ValueError: a good leaf", "Unpicklable: it holds a lock"):
        assert leaf in caught.value.traceback
