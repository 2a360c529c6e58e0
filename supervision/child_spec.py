"""Child specs and supervisor flags: everything that is known of a child before it runs, checked in the caller.

Durations are float seconds (OTP's are milliseconds). Which children share a fate is in ``strategy``.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar, final

import attrs

from supervision.backoff import Backoff
from supervision.errors import InvalidSpec

__all__ = [
    "BRUTAL_KILL",
    "AutoShutdown",
    "BrutalKill",
    "ChildSpec",
    "ChildType",
    "Restart",
    "Strategy",
    "SupFlags",
    "check_childspecs",
    "check_together",
]

E = TypeVar("E", bound=enum.Enum)


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
    ONE_FOR_ALL = "one_for_all"  #: every child
    REST_FOR_ONE = "rest_for_one"  #: itself and those that were started after it
    #: itself alone; all children are made from one spec, and are asked to stop all at the same time
    SIMPLE_ONE_FOR_ONE = "simple_one_for_one"


@final
class AutoShutdown(enum.Enum):
    """Whether the supervisor ends by itself when a significant child did, and was not restarted."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"  #: with the first of them
    ALL_SIGNIFICANT = "all_significant"  #: with the last of them


@final
class BrutalKill(enum.Enum):
    """The type of ``BRUTAL_KILL``, so that type checkers can tell it from a number."""

    BRUTAL_KILL = "brutal_kill"


BRUTAL_KILL: Final = BrutalKill.BRUTAL_KILL


def _member(kind: type[E], given: E | str) -> E:
    """Take a member of *kind* or its OTP name; what is neither is left for the validator to refuse."""
    try:
        return kind(given)
    except ValueError:
        return given  # type: ignore[return-value]


def _restart(given: Restart | str) -> Restart:
    return _member(Restart, given)


def _type(given: ChildType | str) -> ChildType:
    return _member(ChildType, given)


def _strategy(given: Strategy | str) -> Strategy:
    return _member(Strategy, given)


def _auto_shutdown(given: AutoShutdown | str) -> AutoShutdown:
    return _member(AutoShutdown, given)


def _seconds_or_brutal(given: float | BrutalKill | str) -> float | BrutalKill:
    if isinstance(given, str):
        return {"brutal_kill": BRUTAL_KILL, "infinity": math.inf}.get(given, given)  # type: ignore[return-value]
    return given


def _one_of(kind: type[E]) -> Callable[[object, attrs.Attribute[E], object], None]:
    def check(_: object, field: attrs.Attribute[E], value: object) -> None:
        if not isinstance(value, kind):
            names = ", ".join(repr(member.value) for member in kind)
            raise InvalidSpec(field.name, value, f"one of {names}")

    return check


def _boolean(_: object, field: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidSpec(field.name, value, "True or False")


def _identifier(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value:
        raise InvalidSpec(field.name, value, "a non-empty str without '/', the separator of paths")


def _callable(_: object, field: attrs.Attribute[Any], value: object) -> None:
    # A class that is no actor has none of pykka's hooks; this module does not know pykka.
    if not callable(value) or (isinstance(value, type) and not hasattr(value, "on_start")):
        raise InvalidSpec(field.name, value, "an Actor class, a pykka.ThreadingActor class, or a function")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shutdown(_: object, field: attrs.Attribute[Any], value: Any) -> None:
    # A NaN is not >= 0 either.
    if value is not BRUTAL_KILL and not (_is_number(value) and value >= 0):
        raise InvalidSpec(field.name, value, "seconds >= 0, math.inf or BRUTAL_KILL")


def _positive(_: object, field: attrs.Attribute[float], value: Any) -> None:
    if not (_is_number(value) and value > 0):
        raise InvalidSpec(field.name, value, "seconds > 0 (math.inf is allowed)")


def _count(_: object, field: attrs.Attribute[int], value: Any) -> None:
    if not (_is_number(value) and isinstance(value, int) and value >= 0):
        raise InvalidSpec(field.name, value, "a whole number >= 0")


def _as_tuple(given: Iterable[Any]) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidSpec("args", given, "a list or tuple of arguments")
    return tuple(given)


def _frozen(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InvalidSpec("kwargs", given, "a mapping of argument names, str, to values")
    return MappingProxyType(dict(given))


@final
@attrs.frozen(kw_only=True)
class ChildSpec:
    """Everything a supervisor knows about a child before it runs.

    Args:
        id: Its name among its siblings; its full name is the supervisor's, a slash, and this.
        start: What runs: an ``Actor`` class, a plain ``pykka.ThreadingActor`` class, unchanged, or a function, in a thread
            of its own (see ``task``): its return is the end ``normal``.
        args: Given to the actor's ``init`` (a plain pykka class: to its constructor; a function: to it).
        kwargs: Likewise, by name.
        restart: When it is started again; a ``Restart`` or its name.
        significant: Whether its own end counts towards its supervisor's ``auto_shutdown``.
        type: Whether it supervises others; a ``ChildType`` or its name.
        shutdown: Seconds that it gets to end after it was asked to; then its thread is abandoned and counts as
            killed. 0 asks and does not wait, ``math.inf`` waits for ever, ``BRUTAL_KILL`` does not ask;
            OTP's
            names "infinity" and "brutal_kill" are taken too. Default: 5 s for workers, ``math.inf`` for supervisors (OTP's).
        start_timeout: Seconds for ``init`` to return, or for ``ready`` after ``AwaitReady``; then the start fails. OTP has no such limit for children;
            here no wait is without one. Default: 30 s for workers, ``math.inf`` for supervisors, whose children
            have their own.
        backoff: How long its restarts wait; by default they do not, as in OTP.

    Raises:
        InvalidSpec: A value is not what it may be, or a permanent child is significant.
        TypeError: A key is unknown.
    """

    id: str = attrs.field(validator=_identifier)
    start: Callable[..., Any] = attrs.field(validator=_callable)
    args: tuple[Any, ...] = attrs.field(default=(), converter=_as_tuple)
    kwargs: Mapping[str, Any] = attrs.field(factory=dict, converter=_frozen)
    restart: Restart = attrs.field(default=Restart.PERMANENT, converter=_restart, validator=_one_of(Restart))
    significant: bool = attrs.field(default=False, validator=_boolean)
    type: ChildType = attrs.field(default=ChildType.WORKER, converter=_type, validator=_one_of(ChildType))
    shutdown: float | BrutalKill = attrs.field(converter=_seconds_or_brutal, validator=_shutdown)
    start_timeout: float = attrs.field(validator=_positive)
    backoff: Backoff | None = attrs.field(default=None)

    @shutdown.default
    def _default_shutdown(self) -> float | BrutalKill:
        return math.inf if self.type is ChildType.SUPERVISOR else 5.0

    @start_timeout.default
    def _default_start_timeout(self) -> float:
        return math.inf if self.type is ChildType.SUPERVISOR else 30.0

    @backoff.validator
    def _is_backoff(self, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, Backoff | None):
            raise InvalidSpec(field.name, value, "a Backoff, or None for restarts at once")

    def __attrs_post_init__(self) -> None:
        if self.significant and self.restart is Restart.PERMANENT:
            raise InvalidSpec(
                "significant", self.significant,
                f"False for child {self.id!r}, or Restart.TRANSIENT or TEMPORARY: a permanent child never ends by itself",
            )  # fmt: skip


@final
@attrs.frozen(kw_only=True)
class SupFlags:
    """How a supervisor treats its children; the defaults are OTP's.

    Args:
        strategy: Who shares the fate of a child that ended; a ``Strategy`` or its name.
        intensity: How many restarts within *period* are allowed; one more, and the supervisor gives up. 0 allows none.
        period: The window, in seconds; a restart exactly this old still counts.
        auto_shutdown: Whether the end of significant children ends the supervisor; an ``AutoShutdown`` or its name.

    Raises:
        InvalidSpec: A value is not what it may be.
        TypeError: A key is unknown.
    """

    strategy: Strategy = attrs.field(
        default=Strategy.ONE_FOR_ONE, converter=_strategy, validator=_one_of(Strategy)
    )
    intensity: int = attrs.field(default=1, validator=_count)
    period: float = attrs.field(default=5.0, validator=_positive)
    auto_shutdown: AutoShutdown = attrs.field(
        default=AutoShutdown.NEVER, converter=_auto_shutdown, validator=_one_of(AutoShutdown)
    )


def check_childspecs(
    specs: Iterable[ChildSpec | Mapping[str, Any]], auto_shutdown: AutoShutdown | str | None = None
) -> Sequence[ChildSpec]:
    """Check *specs* as a supervisor would, without starting anything; OTP's ``check_childspecs/1`` and ``/2``.

    Args:
        specs: Each a ``ChildSpec``, or a mapping of its keys.
        auto_shutdown: The flag they are meant for; None does not look whether significant children fit it.

    Returns:
        The specs, as ``ChildSpec``.

    Raises:
        InvalidSpec: One is not valid, two have one id, or one is significant under ``AutoShutdown.NEVER``.
        TypeError: A key is unknown or missing.
    """
    checked = [_as_spec(spec) for spec in specs]
    flag = None if auto_shutdown is None else SupFlags(auto_shutdown=auto_shutdown).auto_shutdown
    seen: set[str] = set()
    for spec in checked:
        if spec.id in seen:
            raise InvalidSpec("id", spec.id, "an id that no other child has")
        seen.add(spec.id)
        if flag is not None:
            check_together(spec, flag)
    return checked


def _as_spec(given: ChildSpec | Mapping[str, Any]) -> ChildSpec:
    if isinstance(given, ChildSpec):
        return given
    if not isinstance(given, Mapping):
        raise InvalidSpec("spec", given, "a ChildSpec, or a mapping of its keys")
    return ChildSpec(**given)


def check_together(spec: ChildSpec, auto_shutdown: AutoShutdown) -> None:
    """Refuse a significant child under ``AutoShutdown.NEVER``, where its significance would mean nothing (OTP's rule).

    Raises:
        InvalidSpec: It is one.
    """
    if spec.significant and auto_shutdown is AutoShutdown.NEVER:
        raise InvalidSpec(
            "auto_shutdown", auto_shutdown.value,
            f"'any_significant' or 'all_significant', for child {spec.id!r} is significant",
        )  # fmt: skip
