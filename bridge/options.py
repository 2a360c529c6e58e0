"""What an interpreter process may be given: which Python, its paths, environment, limits and start deadline. Pure.

Whether that Python can be used is not checked here (`probe`): that takes a process.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

import attrs

from bridge.ladder import Graces
from bridge.wire.numbers import LANES

__all__ = [
    "CODECS",
    "LEAST_FILES",
    "LEAST_MEMORY",
    "LIMITS",
    "LOG_LEVELS",
    "SHORTEST_SECRET",
    "InterpreterOptions",
]

CODECS: Final = ("pickle", "json")
#: The levels of the standard library's logging.
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
#: What can be limited, by the names of the module `resource` in small letters. Address space is ``memory``.
LIMITS: Final = (
    "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
    "sigpending", "stack",
)  # fmt: skip
#: Open files below which no interpreter gets as far as its handshake.
LEAST_FILES: Final = 64
#: Bytes below which no interpreter gets as far as its handshake.
LEAST_MEMORY: Final = 128 * 1024 * 1024
#: And for each call beyond the first that it is to run at a time: a thread's stack, and what a connection takes.
LANE_MEMORY: Final = 10 * 1024 * 1024
LANE_FILES: Final = 6
#: Seconds that a wait may stay awake: beyond that, to be woken is cheap beside it.
LONGEST_SPIN: Final = 0.01
#: Characters of the shortest secret that can be declared.
SHORTEST_SECRET: Final = 4

_Attribute: TypeAlias = "attrs.Attribute[Any]"


def _strings(_: Any, attribute: _Attribute, value: Any) -> None:
    if not all(isinstance(item, str) and "\0" not in item for item in value):
        raise TypeError(f"{attribute.name}={value!r}: expected strings only, without null characters")


def _environment(_: Any, attribute: _Attribute, value: Mapping[str, str]) -> None:
    _strings(_, attribute, (*value, *value.values()))
    if bad := [name for name in value if not name or "=" in name]:
        raise ValueError(f"env: {bad[0]!r} is no name of an environment variable; expected one without '='")


def _memory(_: Any, __: _Attribute, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"memory={value!r}: expected bytes as an int, or None for no limit")
    if value < LEAST_MEMORY:
        raise ValueError(
            f"memory={value}: expected at least {LEAST_MEMORY} bytes, with less no interpreter can start"
        )


def _limits(_: Any, __: _Attribute, value: Mapping[Any, Any]) -> None:
    for name, limit in value.items():
        if name == "as":
            raise ValueError("limits: 'as' is the option memory")
        if name not in LIMITS:
            raise ValueError(f"limits: {name!r} is no limit; expected one of {', '.join(LIMITS)}")
        least = LEAST_FILES if name == "nofile" else 0
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < least:
            raise ValueError(f"limits: {name!r} is {limit!r}, expected an int >= {least}")


def _native_threads(_: Any, __: _Attribute, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"native_threads={value!r}: expected an int >= 1")


def _threads(_: Any, __: _Attribute, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LANES:
        raise ValueError(
            f"threads={value!r}: expected how many calls it runs at a time, an int from 1 to {LANES};"
            " how many threads numeric libraries may start is native_threads"
        )


def _seconds(_: Any, attribute: _Attribute, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ValueError(f"{attribute.name}={value!r}: expected seconds > 0 (math.inf: no limit)")


def _spin(_: Any, __: _Attribute, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_SPIN:
        raise ValueError(f"spin={value!r}: expected seconds from 0 to {LONGEST_SPIN}")


def _log_level(_: Any, __: _Attribute, value: Any) -> None:
    if value is not None and value not in LOG_LEVELS:
        raise ValueError(f"log_level={value!r}: expected one of {LOG_LEVELS}, or None")


def _codec(_: Any, __: _Attribute, value: Any) -> None:
    if value not in CODECS:
        raise ValueError(f"codec={value!r}: expected one of {CODECS}")


def _on_silence(_: Any, __: _Attribute, value: Any) -> None:
    if value not in ("kill", "log"):
        raise ValueError(f"on_silence={value!r}: expected one of kill, log")


def _allowed(_: Any, __: _Attribute, value: tuple[Any, ...]) -> None:
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f"allowed: {name!r} is of type {type(name).__name__}, expected str")
        module, colon, attribute = name.partition(":")
        if not (colon and all(each.isidentifier() for each in (*module.split("."), *attribute.split(".")))):
            raise ValueError(f"allowed: {name!r}, expected module:name, such as 'shop.stock:count'")


def _path(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        raise TypeError(f"path={value!r}: expected a sequence of directories, not one str")
    return tuple(value)


def _several(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        raise TypeError("secrets, allowed: expected a sequence of str, not one str")
    return tuple(value)


def _secrets(_: Any, attribute: _Attribute, value: tuple[Any, ...]) -> None:
    # Says which one it is, not what it is.
    for index, secret in enumerate(value):
        if not isinstance(secret, str):
            raise TypeError(f"{attribute.name}[{index}] is of type {type(secret).__name__}, expected str")
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"{attribute.name}[{index}] has {len(secret)} characters, expected at least {SHORTEST_SECRET}:"
                " a shorter one would be found, and blackened, everywhere"
            )


def _read_only(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value))


@final
@attrs.frozen(kw_only=True)
class InterpreterOptions:
    """How to launch an interpreter process.

    Args:
        python: Its executable; a bare name is looked up on PATH. Default: the one that runs the service.
        path: Directories put before the child's ``sys.path``.
        env: Environment variables, added to the service's or replacing them.
        cwd: Its working directory; None: the service's.
        memory: The most address space it may have, in bytes (RLIMIT_AS); None: no limit.
        limits: Other soft resource limits, set before anything of yours runs in it: {"cpu": seconds, "nofile": open files,
            "core": bytes, ...}, see ``LIMITS``. None is set above the hard limit of the service.
        threads: How many calls it runs at a time, each in a thread of its own: for those that wait, not for those that
            compute, since they share the GIL; calls of one session, too. Such a call is interrupted at its next line of
            Python, not in the midst of a sleep; a kill, and a crash, takes all that run in it, also those that were begun
            while it was being ended for another's sake; what ``report`` or ``logging`` says in a thread that a call has
            started is not told.
        native_threads: How many threads numeric libraries may start (OMP_NUM_THREADS and its like).
        start_timeout: Seconds from the launch until its handshake; math.inf: no limit.
        ping_interval: Seconds between two pings; math.inf: none, and no worker is found silent.
        silence_grace: Seconds without an answer after which a process that is stopped, or gone without an exit, is
            killed. One that runs is not: it may hold the GIL until its call's deadline.
        on_silence: "kill", or "log": then such a process is only told of (``InterpreterSilent``, the status) and kept.
        spin: Seconds that the caller of a call, and the interpreter after it, stay awake before they sleep, as long as calls
            follow upon each other that take no longer than that (adaptive spinning, see `bridge.wire.spinning`). With 0.0002
            a small call takes from a third to two thirds of the time where the two ends have a processor each, and half as
            much again where they have to share one. 0: none of that; at most 0.01.
        graces: How a call is ended that overran its deadline, or was cancelled.
        secrets: Texts that no error, marker, log record, report or line of output out of it shows. An exception that holds one is described only.
        log_level: From which level on the records of its ``logging`` become ``LogRecord`` events while a call runs; None:
            none do. They are taken from its root logger, which then has a handler: ``logging.basicConfig`` does nothing.
        codec: "pickle"; or "json", for an interpreter that is not trusted, or does not trust its service: calls, results and
            errors are plain values (`bridge.wire.plain`), and neither side unpickles anything.
        allowed: With "json": which functions, methods of adapters and context variables it takes, each ``module:name``.

    Raises:
        TypeError: If an option is unknown, or of the wrong type.
        ValueError: If a value is out of its range, or *codec* and *allowed* do not fit.
    """

    python: str = attrs.field(default=sys.executable, validator=attrs.validators.instance_of(str))
    path: tuple[str, ...] = attrs.field(default=(), converter=_path, validator=_strings)
    env: Mapping[str, str] = attrs.field(
        factory=dict, converter=_read_only, validator=_environment, hash=False
    )
    cwd: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.instance_of(str))
    )
    memory: int | None = attrs.field(default=None, validator=_memory)
    limits: Mapping[str, int] = attrs.field(factory=dict, converter=_read_only, validator=_limits, hash=False)
    threads: int = attrs.field(default=1, validator=_threads)
    native_threads: int = attrs.field(default=1, validator=_native_threads)
    start_timeout: float = attrs.field(default=30.0, validator=_seconds)
    ping_interval: float = attrs.field(default=5.0, validator=_seconds)
    silence_grace: float = attrs.field(default=10.0, validator=_seconds)
    on_silence: str = attrs.field(default="kill", validator=_on_silence)
    spin: float = attrs.field(default=0.0, validator=_spin)
    graces: Graces = attrs.field(factory=Graces, validator=attrs.validators.instance_of(Graces))
    secrets: tuple[str, ...] = attrs.field(default=(), converter=_several, validator=_secrets, repr=False)
    log_level: str | None = attrs.field(default=None, validator=_log_level)
    codec: str = attrs.field(default="pickle", validator=_codec)
    allowed: tuple[str, ...] = attrs.field(default=(), converter=_several, validator=_allowed)

    def __attrs_post_init__(self) -> None:
        more = self.threads - 1
        if self.memory is not None and self.memory < LEAST_MEMORY + more * LANE_MEMORY:
            raise ValueError(
                f"memory={self.memory}: expected at least {LEAST_MEMORY + more * LANE_MEMORY} bytes with threads="
                f"{self.threads}, of which each needs a stack"
            )
        if self.limits.get("nofile", LEAST_FILES + more * LANE_FILES) < LEAST_FILES + more * LANE_FILES:
            raise ValueError(
                f"limits: 'nofile' is {self.limits['nofile']}, expected at least {LEAST_FILES + more * LANE_FILES} with"
                f" threads={self.threads}, of which each needs a connection"
            )
        if (self.codec == "json") != bool(self.allowed):
            raise ValueError(
                f"codec={self.codec!r}, allowed={self.allowed!r}: an interpreter with codec='json' runs what allowed lists,"
                " each module:name; one with pickle runs whatever it is sent, and takes no list"
            )

    @property
    def has_start_deadline(self) -> bool:
        """Whether a missing handshake ends the start."""
        return self.start_timeout < math.inf
