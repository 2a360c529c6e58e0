"""Events as log lines through loguru; the only import of it."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from supervision.events import Event
from supervision.sinks import EventBus

__all__ = ["log_events"]


def log_events(events: EventBus, *, level: str = "INFO") -> Callable[[], None]:
    """Write every event of at least *level* to loguru's logger, with the event's class name bound as ``event``.

    Where the lines go is the service's business: it configures loguru's own handlers.

    Args:
        events: The tree's bus.
        level: TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL.

    Returns:
        A function that ends it.

    Raises:
        ValueError: *level* is none of these.
    """
    least = logger.level(level).no

    def sink(event: Event) -> None:
        severity = event.severity()
        if logger.level(severity).no >= least:
            logger.bind(event=type(event).__name__).log(severity, "{}", event.describe())

    return events.subscribe(sink)
