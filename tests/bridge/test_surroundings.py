"""Context variables and a trace header travel along with a call, are there while it runs, and leave nothing."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import bridge_adapters as there
import bridge_functions
import pytest
from bridge_house import Life

from bridge.errors import NotPicklable
from bridge.payload import encode_call, encode_method, encode_source

DECLARED = ("bridge_adapters:REQUEST", "bridge_adapters:TENANT")
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
NOTHING: tuple[Any, ...] = (None, "nobody", {})


def within(request: str, tenant: object, **options: Any) -> Any:
    """Return a call that was encoded where the variables are set."""

    def encode() -> Any:
        there.REQUEST.set(request)
        there.TENANT.set(tenant)
        return encode_call(there.surroundings_changed, (), {}, **options)

    return contextvars.copy_context().run(encode)


def test_what_was_declared_travels_along(life: Life) -> None:
    """The values at the time of the call, of the variables that were declared; a variable without a value has none there."""
    assert life.run(within("r1", ["t"], context=DECLARED, trace=TRACE)) == ("r1", ["t"], TRACE)
    assert life.run(within("r1", "t", context=DECLARED[:1])) == ("r1", "nobody", {})
    assert life.run(encode_call(there.surroundings, (), {}, context=DECLARED, trace=TRACE)) == (
        None,
        "nobody",
        TRACE,
    )


def test_nothing_is_left_for_the_next_call(life: Life) -> None:
    """Neither what travelled along, nor what the call made of it."""
    life.run(within("r1", "t", context=DECLARED, trace=TRACE))

    assert life.call(there.surroundings) == NOTHING
    life.call(there.leak_a_request)
    assert life.run(encode_call(there.surroundings, (), {}, context=DECLARED)) == NOTHING


def test_nothing_travels_unless_declared(life: Life) -> None:
    """The twin, and the frames of such a call are those of an ordinary one, to the byte."""
    assert life.run(within("r1", "t")) == NOTHING

    plain = encode_call(there.surroundings, (), {}).frames
    assert (
        encode_call(there.surroundings, (), {}, context=(), trace=None, secrets=["none of it"]).frames
        == plain
    )
    assert encode_call(there.surroundings, (), {}, trace=TRACE).frames != plain


def test_it_travels_with_every_form_of_a_call(life: Life) -> None:
    """Methods and sources as functions."""
    source = encode_source("__import__('bridge_adapters').surroundings()", session="a", trace=TRACE)
    assert life.run(source) == (None, "nobody", TRACE)
    assert life.run(encode_method(there.Bare, "hello", (), {}, trace=TRACE)) == "hello"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"context": ["REQUEST"]}, ValueError, "expected module:NAME"),
        ({"context": ["bridge_adapters:NO_VARIABLE"]}, TypeError, "expected a contextvars.ContextVar"),
        ({"context": ["bridge_adapters:NOBODY"]}, AttributeError, "NOBODY"),
        ({"context": ["no_such_module:X"]}, ImportError, "no_such_module"),
        ({"trace": {"traceparent": 1}}, TypeError, "mapping of str to str"),
        ({"trace": "00-abc-def-01"}, TypeError, "mapping of str to str"),
        ({"context": "bridge_adapters:REQUEST"}, TypeError, "expected several names"),
        ({"timeout": 3}, TypeError, "unknown option 'timeout' of a call, expected one of codec, context"),
        ({"trace": {"baggage": "x" * 20_000}}, ValueError, "20007 bytes, expected at most 16384"),
    ],
)
def test_what_cannot_travel_is_refused_here(options: Any, error: type[Exception], text: str) -> None:
    """In the caller, before anything is sent."""
    with pytest.raises(error, match=text):
        encode_call(bridge_functions.add, (1, 2), {}, **options)


def test_a_value_that_cannot_be_pickled_is_named() -> None:
    """As an argument would be."""

    def encode() -> None:
        there.TENANT.set(threading.Lock())
        encode_call(bridge_functions.add, (1, 2), {}, context=DECLARED)

    with pytest.raises(NotPicklable, match=r"extras\['context'\]\['bridge_adapters:TENANT'\]"):
        contextvars.copy_context().run(encode)


def test_a_variable_that_the_worker_does_not_have(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is not called; the error says what could not be rebuilt."""
    import sys
    import types

    module = types.ModuleType("only_here")
    module.NEW = contextvars.ContextVar("NEW", default=None)  # type: ignore[attr-defined]
    module.NEW.set(1)
    monkeypatch.setitem(sys.modules, "only_here", module)

    with pytest.raises(NotPicklable, match=r"rebuilt in the worker .*only_here"):
        life.run(encode_call(bridge_functions.add, (1, 2), {}, context=["only_here:NEW"]))


def test_there_is_no_trace_here() -> None:
    """A function that looks for its trace header can be called directly."""
    assert there.surroundings() == NOTHING
