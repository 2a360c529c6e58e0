"""A pool's options: validated once, where they are given. Their defaults come from the machine at hand."""

from __future__ import annotations

import enum
import math
import os
from typing import Any, Final, TypeVar, final

import attrs

from actors.machine import usable_cpus
from actors.ticket import WhenFull
from actors.unbridged import Unbridged
from bridge.launchers.launcher import Launcher
from bridge.options import InterpreterOptions

__all__ = ["PoolOptions", "check_seconds", "choice"]

E = TypeVar("E", bound=enum.Enum)

#: What to do instead, option by option; each error ends with it.
_REMEDIES: Final = {
    "workers": "leave it out for as many as there are processors that this process may use",
    "name": "it names the pool in its tree, in errors and in logs",
    "affinity": "True binds a session to one worker, False leaves it a name",
    "session_ttl": "3600 is an hour",
    "max_queue": "0 lets nobody wait",
    "when_full": "raise refuses a call, block lets it wait, shed refuses the newest of the lowest priority",
    "max_overflow": "0 starts none",
    "overflow_ttl": "30 is the default",
    "threads": "1 runs one call after the other",
    "start_interval": "0 starts the next as soon as max_starting allows",
    "max_starting": "leave it out for all at the same time",
    "timeout": "it counts from the call on",
}


def _whole(least: int) -> Any:
    def check(_: object, field: attrs.Attribute[int], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(
                f"{field.name} {value!r}: expected a whole number >= {least}{_remedy(field.name)}"
            )

    return check


def _seconds(_: object, field: attrs.Attribute[float], value: object) -> None:
    check_seconds(field.name, value)


def check_seconds(name: str, value: object) -> None:
    """Do nothing if *value* is a number of seconds above 0.

    Raises:
        ValueError: It is not; also None, "3" and nan.
    """
    # Not `int | float`, which is made anew each time: this runs for each call. A nan is not above 0 either.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"{name} {value!r}: expected seconds > 0 (math.inf: no limit){_remedy(name)}")


def _pause(_: object, field: attrs.Attribute[float], value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:  # type: ignore[operator]  # it is a number there
        raise ValueError(
            f"{field.name} {value!r}: expected seconds >= 0, and not math.inf{_remedy(field.name)}"
        )


def _remedy(name: str) -> str:
    return f"; {_REMEDIES[name]}" if name in _REMEDIES else ""


def _flag(_: object, field: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{field.name} {value!r}: expected True or False{_remedy(field.name)}")


def choice(kind: type[E], name: str, value: object) -> E:
    """Return the member of *kind* that *value* is, or names.

    Raises:
        ValueError: It is none; the text says which there are, for the option *name*.
    """
    if isinstance(value, kind):
        return value
    for each in kind:
        if each.value == value:
            return each
    names = ", ".join(str(each.value) for each in kind)
    raise ValueError(f"{name} {value!r}: expected one of {names}{_remedy(name)}")


def _when_full(value: object) -> WhenFull:
    return choice(WhenFull, "when_full", value)


def _name(_: object, field: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value:
        raise ValueError(f"{field.name} {value!r}: expected a non-empty str without '/'{_remedy(field.name)}")


def _interpreter(_: object, field: attrs.Attribute[InterpreterOptions], value: object) -> None:
    if not isinstance(value, InterpreterOptions):
        python = repr(os.fspath(value)) if isinstance(value, str | os.PathLike) else "'python3.12'"
        raise TypeError(
            f"{field.name}={value!r}: expected InterpreterOptions; "
            f"write {field.name}=InterpreterOptions(python={python})"
        )


def _launcher(_: object, field: attrs.Attribute[Launcher | Unbridged | None], value: object) -> None:
    if value is None or isinstance(value, Unbridged):
        return
    missing = [name for name in ("check", "launch", "adopt") if not callable(getattr(value, name, None))]
    if missing:
        raise TypeError(
            f"{field.name}={value!r}: expected a bridge.launchers.launcher.Launcher, this has no {missing[0]}();"
            " give an instance, or None for processes of this machine"
        )


@final
@attrs.frozen(kw_only=True)
class PoolOptions:
    """What a pool may be given; see ``Pool``, whose keywords these are. ``configuration`` reads them from elsewhere.

    Raises:
        ValueError, TypeError: An option is out of range, of the wrong type, or unknown: what was given, what is
            expected, what to do.
    """

    workers: int = attrs.field(factory=usable_cpus, validator=_whole(1))
    name: str = attrs.field(default="pool", validator=_name)
    interpreter: InterpreterOptions = attrs.field(factory=InterpreterOptions, validator=_interpreter)
    affinity: bool = attrs.field(default=True, validator=_flag)
    session_ttl: float = attrs.field(default=3600.0, validator=_seconds)
    max_queue: int = attrs.field(default=10_000, validator=_whole(0))
    when_full: WhenFull = attrs.field(default=WhenFull.RAISE, converter=_when_full)
    max_overflow: int = attrs.field(default=0, validator=_whole(0))
    overflow_ttl: float = attrs.field(default=30.0, validator=_seconds)
    lazy: bool = attrs.field(default=False, validator=_flag)
    max_starting: int = attrs.field(validator=_whole(1))
    threads: int = attrs.field(validator=_whole(1))
    start_interval: float = attrs.field(default=0.0, validator=_pause)
    health_interval: float = attrs.field(default=math.inf, validator=_seconds)
    health_timeout: float = attrs.field(default=5.0, validator=_seconds)
    launcher: Launcher | Unbridged | None = attrs.field(default=None, validator=_launcher)

    @threads.default
    def _as_the_interpreter_says(self) -> int:
        return getattr(self.interpreter, "threads", 1)  # it has not been checked yet

    def __attrs_post_init__(self) -> None:
        if self.threads == self.interpreter.threads:
            return
        if self.interpreter.threads != 1:
            raise ValueError(
                f"threads {self.threads}: expected {self.interpreter.threads}, as interpreter says; give it once"
            )
        object.__setattr__(self, "interpreter", attrs.evolve(self.interpreter, threads=self.threads))

    @max_starting.default
    def _as_many_as_there_are(self) -> int:
        return self.workers
