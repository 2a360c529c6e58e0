"""The store's errors: each survives pickling, and says what was given and what to do."""

from __future__ import annotations

import pickle

import pytest

from actors import UnknownOption
from actors.store import errors
from supervision import SupervisionError

ALL = [
    errors.MigrationFailed("s", "why"),
    errors.NotOwner("s", "w1", "w2"),
    errors.NotStorable("s", "value['x']", "set"),
    errors.NotStored("s", True),
    errors.StoreBusy("/db", 5.0),
    errors.StoreClosed("/db", "why"),
    errors.StoreFull("/db", "bytes", 10, 11),
    errors.StoreUnusable("/db", "why"),
    errors.VersionConflict("s", 1, 2),
    UnknownOption("file: ", "worker", "workers", ("workers", "name")),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: SupervisionError) -> None:
    """The copy has the same type, arguments and text, and the text names what it is about."""
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
    assert all(str(part) in str(error) for part in error.args if isinstance(part, str))


def test_every_error_is_in_this_list() -> None:
    """A new error gets its case here."""
    assert {type(error).__name__ for error in ALL} - {"UnknownOption"} == {*errors.__all__} - {"StoreError"}


def test_errors_are_what_callers_expect() -> None:
    """A missing session is a KeyError, a wait that ended a TimeoutError, a wrong value a TypeError."""
    assert issubclass(errors.NotStored, KeyError)
    assert issubclass(errors.StoreBusy, TimeoutError)
    assert issubclass(errors.NotStorable, TypeError)
    assert all(issubclass(type(error), errors.StoreError) for error in ALL[:-1])
