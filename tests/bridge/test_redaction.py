"""Declared secrets: found as they are and as repr and JSON write them, the longest first."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.options import SHORTEST_SECRET, InterpreterOptions
from bridge.wire.redaction import REDACTED, Redactor


@given(secret=st.text(min_size=SHORTEST_SECRET, max_size=20), around=st.text(max_size=20))
def test_a_secret_is_found_in_every_form(secret: str, around: str) -> None:
    """Plain, in a repr, in JSON with and without escapes; and in a pickle."""
    redact = Redactor([secret])

    for form in (secret, json.dumps({"x": secret}), json.dumps(secret, ensure_ascii=False), repr([secret])):
        assert REDACTED in redact(around + form + around)
    assert redact.finds(pickle.dumps((around, secret), protocol=5))


def test_a_secret_within_a_secret() -> None:
    """The longer one goes first: nothing of it is left."""
    assert Redactor(["pass", "password!"])("my password! is pass") == f"my {REDACTED} is {REDACTED}"


def test_nothing_declared_nothing_changed() -> None:
    """The twin."""
    redact = Redactor()

    assert redact("password") == "password"
    assert not redact.finds(b"password")


def test_the_options_do_not_show_them() -> None:
    """Neither their repr nor the error about one that is too short."""
    assert "hunter22" not in repr(InterpreterOptions(secrets=["hunter22"]))
    with pytest.raises(ValueError, match=r"secrets\[1\] has 2 characters") as caught:
        InterpreterOptions(secrets=["hunter22", "xy"])
    assert "xy" not in str(caught.value)
    with pytest.raises(TypeError, match="not one str"):
        InterpreterOptions(secrets="hunter22")
