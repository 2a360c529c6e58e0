"""Child specs and flags: each bad value and each bad combination, refused in the caller with a text that teaches."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from supervision import BRUTAL_KILL, Actor, AutoShutdown, ChildSpec, ChildType, Restart, Strategy, SupFlags
from supervision.errors import InvalidSpec


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
    ("given", "expected"),
    [
        ({"id": ""}, "non-empty str"),
        ({"id": "a/b"}, "without '/'"),
        ({"id": 7}, "id 7: expected"),
        ({"id": None}, "id None"),
        ({"start": "Worker"}, "start 'Worker': expected an Actor class"),
        ({"start": dict}, "expected an Actor class"),
        ({"args": 5}, "args 5: expected a list or tuple"),
        ({"args": "abc"}, "args 'abc': expected a list or tuple"),
        ({"kwargs": {1: 2}}, "expected a mapping of argument names"),
        ({"kwargs": 5}, "kwargs 5: expected a mapping"),
        ({"restart": "always"}, "restart 'always': expected one of 'permanent', 'transient', 'temporary'"),
        ({"restart": None}, "restart None"),
        ({"significant": 1}, "significant 1: expected True or False"),
        ({"type": "actor"}, "type 'actor': expected one of 'worker', 'supervisor'"),
        ({"shutdown": -1}, "expected seconds >= 0, math.inf or BRUTAL_KILL"),
        ({"shutdown": math.nan}, "shutdown nan"),
        ({"shutdown": True}, "shutdown True"),
        ({"shutdown": "soon"}, "shutdown 'soon'"),
        ({"shutdown": None}, "shutdown None"),
        ({"start_timeout": 0}, "expected seconds > 0"),
        ({"start_timeout": -1.0}, "start_timeout -1.0"),
        ({"start_timeout": math.nan}, "start_timeout nan"),
        ({"start_timeout": True}, "start_timeout True"),
        ({"start_timeout": "5"}, "start_timeout '5'"),
        ({"significant": True}, "Restart.TRANSIENT or TEMPORARY"),
        ({"significant": True, "restart": Restart.PERMANENT}, "child 'a', or"),
        ({"significant": True, "restart": "permanent"}, "a permanent child never ends by itself"),
    ],
    ids=str,
)
def test_a_bad_spec_is_refused_in_the_caller(given: dict[str, Any], expected: str) -> None:
    """Each bad value is named with what was expected."""
    with pytest.raises(InvalidSpec) as raised:
        made(**given)

    assert expected in str(raised.value)
    assert raised.value.field in given
    assert raised.value.given is given[raised.value.field]


def test_what_is_no_option_is_refused_as_python_does() -> None:
    """An unknown key."""
    with pytest.raises(TypeError, match="max_restarts"):
        made(max_restarts=3)


def test_otps_names_are_taken_for_the_members() -> None:
    """Whoever knows Erlang writes 'transient'; what is kept is the member."""
    for restart in Restart:
        assert made(restart=restart.value).restart is restart
    for type_ in ChildType:
        assert made(type=type_.value).type is type_
    assert made(shutdown="brutal_kill").shutdown is BRUTAL_KILL
    assert made(shutdown="infinity").shutdown == math.inf


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
def test_a_child_that_can_end_may_be_significant(restart: Restart) -> None:
    """The twin: only a permanent child cannot be significant."""
    assert made(restart=restart, significant=True).significant


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"strategy": "all"}, "strategy 'all': expected one of 'one_for_one', 'one_for_all', 'rest_for_one'"),
        ({"strategy": None}, "strategy None"),
        ({"intensity": -1}, "intensity -1: expected a whole number >= 0"),
        ({"intensity": 1.0}, "intensity 1.0"),
        ({"intensity": True}, "intensity True"),
        ({"intensity": None}, "intensity None"),
        ({"period": 0}, "period 0: expected seconds > 0"),
        ({"period": -5.0}, "period -5.0"),
        ({"period": math.nan}, "period nan"),
        ({"period": False}, "period False"),
        ({"period": "5"}, "period '5'"),
        ({"auto_shutdown": True}, "auto_shutdown True: expected one of 'never', 'any_significant'"),
    ],
    ids=str,
)
def test_bad_flags_are_refused_in_the_caller(given: dict[str, Any], expected: str) -> None:
    """Each bad flag is named with what was expected."""
    with pytest.raises(InvalidSpec) as raised:
        SupFlags(**given)

    assert expected in str(raised.value)


def test_an_unknown_flag_is_refused() -> None:
    """Also one that another supervisor knows."""
    with pytest.raises(TypeError, match="max_seconds"):
        SupFlags(max_seconds=5)  # type: ignore[call-arg]


def test_flags_take_otps_names() -> None:
    """What is kept is the member."""
    for strategy in Strategy:
        assert SupFlags(strategy=strategy.value).strategy is strategy
    for auto in AutoShutdown:
        assert SupFlags(auto_shutdown=auto.value).auto_shutdown is auto


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
