"""Specs that are checked without a supervisor, as a supervisor would: OTP's check_childspecs."""

from __future__ import annotations

from typing import Any

import pytest

from supervision import Actor, AutoShutdown, ChildSpec, Restart, check_childspecs
from supervision.errors import InvalidSpec

A: dict[str, Any] = {"id": "a", "start": Actor}
SIGNIFICANT = {**A, "restart": "transient", "significant": True}


def test_good_specs_are_returned_as_child_specs() -> None:
    """Mappings of the same keys are taken too; the order stays, and no spec is as good as many."""
    b = ChildSpec(id="b", start=Actor)

    assert list(check_childspecs([A, b])) == [ChildSpec(id="a", start=Actor), b]
    assert list(check_childspecs([])) == []


@pytest.mark.parametrize(
    ("specs", "error", "expected"),
    [
        ([A, {**A, "restart": "always"}], InvalidSpec, "restart 'always'"),
        ([A, A], InvalidSpec, "id 'a': expected an id that no other child has"),
        ([{**A, "colour": "red"}], TypeError, "colour"),
        ([{"start": Actor}], TypeError, "id"),
        ([{"id": "a"}], TypeError, "start"),
        ([{**A, "significant": True}], InvalidSpec, "a permanent child never ends by itself"),
    ],
    ids=str,
)
def test_a_bad_spec_among_them_is_named(specs: Any, error: type[Exception], expected: str) -> None:
    """An unknown or a missing key is an error, unlike in OTP."""
    with pytest.raises(error, match=expected):
        check_childspecs(specs)


def test_significance_is_held_against_the_flag_if_one_is_given() -> None:
    """check_childspecs/1 does not know it; /2 does, by its name or its member."""
    assert check_childspecs([SIGNIFICANT])
    for flag in (
        AutoShutdown.ANY_SIGNIFICANT,
        AutoShutdown.ALL_SIGNIFICANT,
        "any_significant",
        "all_significant",
    ):
        assert check_childspecs([SIGNIFICANT], flag)
    for never in (AutoShutdown.NEVER, "never"):
        assert check_childspecs([A], never)
        with pytest.raises(InvalidSpec, match=r"auto_shutdown 'never': .* child 'a' is significant"):
            check_childspecs([A | {"id": "b"}, SIGNIFICANT], never)


def test_the_flag_itself_is_checked() -> None:
    """A name that is none is refused."""
    with pytest.raises(InvalidSpec, match="auto_shutdown 'sometimes'"):
        check_childspecs([A], "sometimes")


def test_nothing_is_started() -> None:
    """It looks at values only: the class is never called."""

    class Touchy(Actor):
        def __init__(self) -> None:
            raise AssertionError("made")

    assert check_childspecs([{**A, "start": Touchy}])[0].restart is Restart.PERMANENT
