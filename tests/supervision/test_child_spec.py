"""Child specs and flags: each bad value and each bad combination, refused in the caller with a text that teaches."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from supervision import BRUTAL_KILL, Actor, AutoShutdown, ChildSpec, ChildType, Restart, Strategy, SupFlags


def made(**given: Any) -> ChildSpec:
    """Return a spec of what is given and the least besides."""
    return ChildSpec(**{"id": "a", "start": Actor, **given})


def test_the_defaults_are_otps() -> None:
    """Permanent, not significant, a worker with 5 s; a supervisor gets infinity."""
    worker, supervisor = made(), made(type=ChildType.SUPERVISOR)

    assert (worker.restart, worker.significant, worker.type) == (Restart.PERMANENT, False, ChildType.WORKER)
    assert (worker.shutdown, worker.start_timeout) == (5.0, 30.0)
    assert (supervisor.shutdown, supervisor.start_timeout) == (math.inf, math.inf)
    assert SupFlags() == SupFlags(
        strategy=Strategy.ONE_FOR_ONE, intensity=1, period=5.0, auto_shutdown=AutoShutdown.NEVER
    )


@pytest.mark.parametrize("shutdown", [0, 0.5, 3, math.inf, BRUTAL_KILL])
def test_every_shutdown_of_otp_is_taken(shutdown: Any) -> None:
    """Seconds from 0 (asks, does not wait), infinity, brutal kill."""
    assert made(shutdown=shutdown).shutdown == shutdown


@pytest.mark.parametrize(
    ("given", "error", "expected"),
    [
        ({"id": ""}, ValueError, "non-empty str"),
        ({"id": "a/b"}, ValueError, "without '/'"),
        ({"id": 7}, ValueError, "id 7: expected"),
        ({"id": None}, ValueError, "id None"),
        ({"start": "Worker"}, TypeError, "callable"),
        ({"restart": "permanent"}, TypeError, "Restart"),
        ({"significant": 1}, TypeError, "bool"),
        ({"type": "worker"}, TypeError, "ChildType"),
        ({"shutdown": -1}, ValueError, "expected seconds >= 0, math.inf or BRUTAL_KILL"),
        ({"shutdown": math.nan}, ValueError, "shutdown nan"),
        ({"shutdown": True}, ValueError, "shutdown True"),
        ({"shutdown": "brutal_kill"}, ValueError, "BRUTAL_KILL"),
        ({"shutdown": None}, ValueError, "shutdown None"),
        ({"start_timeout": 0}, ValueError, "expected seconds > 0"),
        ({"start_timeout": -1.0}, ValueError, "start_timeout -1.0"),
        ({"start_timeout": math.nan}, ValueError, "start_timeout nan"),
        ({"start_timeout": True}, ValueError, "start_timeout True"),
        ({"start_timeout": "5"}, ValueError, "start_timeout '5'"),
        ({"args": 5}, TypeError, "iterable"),
        ({"max_restarts": 3}, TypeError, "max_restarts"),
        ({"significant": True}, ValueError, "use Restart.TRANSIENT or Restart.TEMPORARY"),
        ({"significant": True, "restart": Restart.PERMANENT}, ValueError, "child 'a': a permanent child"),
    ],
    ids=str,
)
def test_a_bad_spec_is_refused_in_the_caller(
    given: dict[str, Any], error: type[Exception], expected: str
) -> None:
    """Each bad value is named with what was expected; an unknown option raises."""
    with pytest.raises(error) as raised:
        made(**given)

    assert expected in str(raised.value)


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
def test_a_child_that_can_end_may_be_significant(restart: Restart) -> None:
    """The twin: only a permanent child cannot be significant."""
    assert made(restart=restart, significant=True).significant


@pytest.mark.parametrize(
    ("given", "error", "expected"),
    [
        ({"strategy": "one_for_one"}, TypeError, "Strategy"),
        ({"intensity": -1}, ValueError, "intensity -1: expected a whole number >= 0"),
        ({"intensity": 1.0}, ValueError, "intensity 1.0"),
        ({"intensity": True}, ValueError, "intensity True"),
        ({"intensity": None}, ValueError, "intensity None"),
        ({"period": 0}, ValueError, "period 0: expected seconds > 0"),
        ({"period": -5.0}, ValueError, "period -5.0"),
        ({"period": math.nan}, ValueError, "period nan"),
        ({"period": False}, ValueError, "period False"),
        ({"period": "5"}, ValueError, "period '5'"),
        ({"auto_shutdown": True}, TypeError, "AutoShutdown"),
        ({"max_seconds": 5}, TypeError, "max_seconds"),
    ],
    ids=str,
)
def test_bad_flags_are_refused_in_the_caller(
    given: dict[str, Any], error: type[Exception], expected: str
) -> None:
    """Each bad flag is named with what was expected; an unknown one raises."""
    with pytest.raises(error) as raised:
        SupFlags(**given)

    assert expected in str(raised.value)


def test_good_flags_at_their_limits() -> None:
    """The twin: intensity 0 and an endless period are legal."""
    assert SupFlags(intensity=0, period=math.inf).intensity == 0


def test_a_spec_is_frozen_with_what_it_holds() -> None:
    """What was checked stays: neither the fields, nor the arguments that were given, can change it later."""
    given: dict[str, Any] = {"depth": 1}
    args = [1, 2]
    spec = made(args=args, kwargs=given)
    given["depth"] = 2
    args.append(3)

    assert spec.args == (1, 2)
    assert dict(spec.kwargs) == {"depth": 1}
    with pytest.raises(TypeError):
        spec.kwargs["depth"] = 3  # type: ignore[index]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        spec.id = "b"  # type: ignore[misc]
