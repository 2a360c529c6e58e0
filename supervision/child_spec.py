"""Child specs and supervisor flags: everything that is known of a child before it runs, checked in the caller.

Durations are float seconds (OTP's are milliseconds). Which children share a fate is in ``strategy``.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, final

import attrs

__all__ = [
    "BRUTAL_KILL",
    "AutoShutdown",
    "BrutalKill",
    "ChildSpec",
    "ChildType",
    "Restart",
    "Strategy",
    "SupFlags",
]


@final
class Restart(enum.Enum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"  #: always
    TRANSIENT = "transient"  #: only if its exit reason is not normal, shutdown or shutdown(detail)
    TEMPORARY = "temporary"  #: never; its spec is forgotten when it ends


@final
class ChildType(enum.Enum):
    """Whether a child has children of its own."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


@final
class Strategy(enum.Enum):
    """Who shares the fate of a child that ended."""

    ONE_FOR_ONE = "one_for_one"  #: itself alone
    REST_FOR_ONE = "rest_for_one"  #: itself and those that were started after it


@final
class AutoShutdown(enum.Enum):
    """Whether the supervisor ends by itself when a significant child does."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"


@final
class BrutalKill(enum.Enum):
    """The type of ``BRUTAL_KILL``, so that type checkers can tell it from a number."""

    BRUTAL_KILL = "brutal_kill"


BRUTAL_KILL: Final = BrutalKill.BRUTAL_KILL


def _identifier(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value:
        raise ValueError(
            f"{field.name} {value!r}: expected a non-empty str without '/', the separator of paths"
        )


def _shutdown(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is BRUTAL_KILL:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value < 0:
        raise ValueError(f"shutdown {value!r}: expected seconds >= 0, math.inf or BRUTAL_KILL")


def _positive(_: object, field: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{field.name} {value!r}: expected seconds > 0 (math.inf is allowed)")


def _as_tuple(given: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(given)


def _frozen(given: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(given))


@final
@attrs.frozen(kw_only=True)
class ChildSpec:
    """Everything a supervisor knows about a child before it runs.

    Args:
        id: Its name among its siblings; its full name is the supervisor's, a slash, and this.
        start: What runs: an ``Actor`` class, or a plain ``pykka.ThreadingActor`` class, unchanged.
        args: Given to the actor's ``init`` (a plain pykka class: to its constructor).
        kwargs: Likewise, by name.
        restart: When it is started again.
        significant: Whether its own end counts towards its supervisor's ``auto_shutdown``.
        type: Whether it supervises others.
        shutdown: Seconds that it gets to end after it was asked to; then its thread is abandoned and counts as
            killed. 0 asks and does not wait, ``math.inf`` waits for ever, ``BRUTAL_KILL`` does not ask.
            Default: 5 s for workers, ``math.inf`` for supervisors (OTP's).
        start_timeout: Seconds for ``init`` to return; then the start fails. OTP has no such limit for children;
            here no wait is without one. Default: 30 s for workers, ``math.inf`` for supervisors, whose children
            have their own.

    Raises:
        ValueError: A value is out of range, or a permanent child is significant.
        TypeError: *start* is not callable, or an enumeration is given as something else.
    """

    id: str = attrs.field(validator=_identifier)
    start: Callable[..., Any] = attrs.field(validator=attrs.validators.is_callable())
    args: tuple[Any, ...] = attrs.field(default=(), converter=_as_tuple)
    kwargs: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen)
    restart: Restart = attrs.field(default=Restart.PERMANENT, validator=attrs.validators.instance_of(Restart))
    significant: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))
    type: ChildType = attrs.field(default=ChildType.WORKER, validator=attrs.validators.instance_of(ChildType))
    shutdown: float | BrutalKill = attrs.field(validator=_shutdown)
    start_timeout: float = attrs.field(validator=_positive)

    @shutdown.default
    def _default_shutdown(self) -> float | BrutalKill:
        return math.inf if self.type is ChildType.SUPERVISOR else 5.0

    @start_timeout.default
    def _default_start_timeout(self) -> float:
        return math.inf if self.type is ChildType.SUPERVISOR else 30.0

    def __attrs_post_init__(self) -> None:
        if self.significant and self.restart is Restart.PERMANENT:
            raise ValueError(
                f"child {self.id!r}: a permanent child never ends by itself, so it cannot be significant; "
                "use Restart.TRANSIENT or Restart.TEMPORARY"
            )


@final
@attrs.frozen(kw_only=True)
class SupFlags:
    """How a supervisor treats its children; the defaults are OTP's.

    Args:
        strategy: Who shares the fate of a child that ended.
        intensity: How many restarts within *period* are allowed; one more, and the supervisor gives up. 0 allows none.
        period: The window, in seconds; a restart exactly this old still counts.
        auto_shutdown: Whether the end of a significant child ends the supervisor.

    Raises:
        ValueError: A number is out of range.
        TypeError: An enumeration is given as something else.
    """

    strategy: Strategy = attrs.field(
        default=Strategy.ONE_FOR_ONE, validator=attrs.validators.instance_of(Strategy)
    )
    intensity: int = attrs.field(default=1)
    period: float = attrs.field(default=5.0, validator=_positive)
    auto_shutdown: AutoShutdown = attrs.field(
        default=AutoShutdown.NEVER, validator=attrs.validators.instance_of(AutoShutdown)
    )

    @intensity.validator
    def _whole_and_not_negative(self, _: attrs.Attribute[int], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"intensity {value!r}: expected a whole number >= 0")
