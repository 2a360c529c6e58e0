"""The restart window, to the second."""

from __future__ import annotations

import pytest

from supervision.intensity import add_restart


@pytest.mark.parametrize(("gap", "too_many"), [(0.0, True), (4.999, True), (5.0, True), (5.001, False)])
def test_a_restart_exactly_period_old_still_counts(gap: float, too_many: bool) -> None:
    """The window is closed at its old end (OTP's ``>=`` in add_restart/3)."""
    kept, exceeded = add_restart((10.0,), 10.0 + gap, intensity=1, period=5.0)

    assert exceeded is too_many
    assert kept == ((10.0, 10.0 + gap) if too_many else (10.0 + gap,))


def test_as_many_as_the_intensity_are_allowed() -> None:
    """Three in a window of intensity 3 are fine, the fourth is one too many."""
    restarts: tuple[float, ...] = ()
    verdicts = []
    for moment in (0.0, 1.0, 2.0, 3.0):
        restarts, exceeded = add_restart(restarts, moment, intensity=3, period=5.0)
        verdicts.append(exceeded)

    assert verdicts == [False, False, False, True]


def test_intensity_zero_allows_none() -> None:
    """With intensity 0 the first restart is one too many."""
    assert add_restart((), 0.0, intensity=0, period=5.0) == ((0.0,), True)


def test_what_left_the_window_is_forgotten() -> None:
    """The moments kept are those that still count, so the list does not grow with a supervisor's age."""
    restarts: tuple[float, ...] = ()
    for moment in range(0, 1000, 3):
        restarts, exceeded = add_restart(restarts, float(moment), intensity=2, period=5.0)
        assert not exceeded

    assert restarts == (996.0, 999.0)
