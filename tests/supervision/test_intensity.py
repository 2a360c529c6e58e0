"""The restart window, to the second."""

from __future__ import annotations

import math

import pytest

from supervision.intensity import RestartWindow


@pytest.mark.parametrize(("gap", "allowed"), [(0.0, False), (4.999, False), (5.0, False), (5.001, True)])
def test_a_restart_exactly_period_old_still_counts(gap: float, allowed: bool) -> None:
    """The window is closed at its old end (OTP's ``>=`` in add_restart/3)."""
    window = RestartWindow(1, 5.0)

    assert window.add(10.0)
    assert window.add(10.0 + gap) is allowed
    assert len(window) == (1 if allowed else 2)


def test_as_many_as_the_intensity_are_allowed() -> None:
    """Three in a window of intensity 3 are fine, the fourth is one too many."""
    window = RestartWindow(3, 5.0)

    assert [window.add(moment) for moment in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]


def test_the_window_slides() -> None:
    """What counts is the period before each restart, not the one in which the first fell."""
    window = RestartWindow(2, 5.0)

    assert [window.add(moment) for moment in (0.0, 4.0, 5.5, 8.0)] == [True, True, True, False]


def test_intensity_zero_allows_none() -> None:
    """With intensity 0 the first restart is one too many."""
    assert not RestartWindow(0, 5.0).add(0.0)


def test_an_endless_period_forgets_nothing() -> None:
    """The intensity then holds for the supervisor's whole life."""
    window = RestartWindow(2, math.inf)

    assert [window.add(moment) for moment in (0.0, 1e6, 1e12)] == [True, True, False]


def test_what_left_the_window_is_forgotten() -> None:
    """The moments kept are those that still count, so it does not grow with a supervisor's age."""
    window = RestartWindow(2, 5.0)

    for moment in range(0, 1000, 3):
        assert window.add(float(moment))
        assert len(window) <= 2


def test_several_leave_the_window_at_once() -> None:
    """After a long pause it is empty but for the newest."""
    window = RestartWindow(3, 5.0)
    for moment in (0.0, 1.0, 2.0):
        window.add(moment)

    window.add(100.0)

    assert len(window) == 1
