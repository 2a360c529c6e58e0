"""Adapters, context variables and what else lives in interpreters, for the bridge's tests; importable there by name."""

from __future__ import annotations

import contextvars
import itertools
import logging
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.interpreter import adapter, trace_header

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST")
TENANT: contextvars.ContextVar[Any] = contextvars.ContextVar("TENANT", default="nobody")
NO_VARIABLE = "a mere text"


def leak_a_request() -> None:
    """Set a context variable, in whatever context this runs."""
    REQUEST.set("of another call")


def surroundings() -> tuple[str | None, Any, Mapping[str, str]]:
    """Return what travelled along."""
    return REQUEST.get(None), TENANT.get(), dict(trace_header())


def surroundings_changed() -> tuple[str | None, Any, Mapping[str, str]]:
    """Return what travelled along, and change it for whoever might find it later."""
    found = surroundings()
    REQUEST.set("left behind")
    TENANT.set("left behind")
    return found


class Log:
    """Where an adapter writes what happens to it."""

    file = Path(os.environ.get("ADAPTER_LOG", os.devnull))

    @classmethod
    def write(cls, line: str) -> None:
        """Add a line."""
        with cls.file.open("a") as file:
            file.write(f"{line}\n")


@adapter
class Counter:
    """One in each worker."""

    def set_up(self) -> None:
        """Begin."""
        self.count = 0
        Log.write("set up")

    def tear_down(self) -> None:
        """End."""
        Log.write(f"torn down at {self.count}")

    def add(self, n: int, *, times: int = 1) -> int:
        """Count."""
        self.count += n * times
        return self.count

    def fail(self) -> None:
        """Raise."""
        raise LookupError("in a method")

    def _private(self) -> None:
        """Be nobody's affair."""


@adapter(scope="session", set_up="open", tear_down="close")
class Desk:
    """One for each session, with methods of other names."""

    def open(self) -> None:
        """Begin."""
        self.papers: list[str] = []

    def close(self) -> None:
        """End."""
        Log.write(f"closed with {','.join(self.papers)}")

    def put(self, paper: str) -> list[str]:
        """Keep *paper*."""
        self.papers.append(paper)
        return self.papers


@adapter
class Bare:
    """Neither set-up nor tear-down."""

    def hello(self) -> str:
        """Answer."""
        return "hello"


class TooMany(Exception):
    """Wants more than it keeps."""

    def __init__(self, wanted: int, there: int) -> None:
        super().__init__("too many")
        self.wanted, self.there = wanted, there


@adapter
class Reluctant:
    """Its first set-up fails."""

    tries = 0

    def set_up(self) -> None:
        """Fail once."""
        Reluctant.tries += 1
        if Reluctant.tries == 1:
            raise TooMany(2, 1)

    def tried(self) -> int:
        """Return how often."""
        return Reluctant.tries


@adapter
class Sour:
    """Its tear-down fails."""

    def hello(self) -> str:
        """Answer."""
        return "hello"

    def tear_down(self) -> None:
        """Fail."""
        raise RuntimeError("spoilt")


class Unregistered:
    """No adapter."""

    def hello(self) -> str:
        """Answer."""
        return "hello"


def log(count: int, text: str = "record %d") -> int:
    """Log *count* records, at the level INFO."""
    for n in range(count):
        logging.getLogger("app.part").info(text, n)
    return count


def log_without_rate(count: int, gate: str) -> None:
    """Log *count* records as if a second passed between two, then say so into *gate*, a named pipe, and return."""
    (forwarder,) = logging.root.handlers
    times = itertools.count(int(vars(forwarder)["_clock"]()) + 1)
    vars(forwarder)["_clock"] = lambda: float(next(times))
    log(count)
    Path(gate).write_text("all are logged")


def log_levels() -> None:
    """Log one record of each level, a strange one, and one with a traceback."""
    logger = logging.getLogger("app")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, 35):
        logger.log(level, "at %s", level)
    try:
        raise LookupError("as asked")
    except LookupError:
        logger.exception("it failed")


def log_badly() -> None:
    """Log a record whose text cannot be made."""
    logging.getLogger("app").info("%d records", "many")


def log_at_length(size: int) -> None:
    """Log a record whose every character takes six bytes in a frame."""
    logging.getLogger("app").error("\0" * size, exc_info=ValueError("\0" * size))


def log_after(path: str) -> None:
    """Have another thread log as soon as *path*, a named pipe, is written to: after this call."""

    def later() -> None:
        Path(path).read_text()
        log(1)
        Path(path).write_text("logged")

    threading.Thread(target=later, daemon=True).start()


def loggers_handlers() -> tuple[bool, int]:
    """Return whether ``logging`` has been imported, and how many handlers the root logger has."""
    module = sys.modules.get("logging")
    return module is not None, len(module.root.handlers) if module else 0
