"""Events as log lines, once asked for."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
from loguru import logger
from scripted import Journal

from supervision import Event
from supervision.observer.loguru_sink import log_events
from supervision.sinks import EventBus


@attrs.frozen(kw_only=True)
class Noted(Event):
    """An event of a chosen rank, whose text looks like a format."""

    rank: str

    def describe(self) -> str:
        return f"noted {{as}} {self.rank}"

    def severity(self) -> str:
        return self.rank


@pytest.fixture
def lines() -> Iterator[Journal]:
    """What loguru writes, as (level, text, event class)."""
    journal = Journal()
    own = logger.add(
        lambda message: journal(
            (
                message.record["level"].name,
                message.record["message"],
                message.record["extra"].get("event"),
            )
        ),
        level=0,
    )
    yield journal
    logger.remove(own)


def emit_all(bus: EventBus) -> None:
    """Emit one event of each rank."""
    for rank in ("DEBUG", "INFO", "WARNING", "ERROR"):
        bus.emit(Noted(rank=rank))


def test_nothing_is_logged_until_asked(lines: Journal) -> None:
    """A bus with no log subscribed writes no line."""
    emit_all(EventBus())

    assert lines.notes == []


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("TRACE", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("WARNING", ["WARNING", "ERROR"]),
        ("CRITICAL", []),
    ],
)
def test_events_of_at_least_the_level_are_lines(lines: Journal, level: str, expected: list[str]) -> None:
    """Each is logged at its own severity, its text taken as it is, with the event's class bound."""
    bus = EventBus()
    log_events(bus, level=level)

    emit_all(bus)

    assert lines.notes == [(rank, f"noted {{as}} {rank}", "Noted") for rank in expected]


def test_the_default_level_is_info(lines: Journal) -> None:
    """Actors that start and end properly are DEBUG, and silent by default."""
    bus = EventBus()
    log_events(bus)

    emit_all(bus)

    assert [level for level, _, _ in lines.notes] == ["INFO", "WARNING", "ERROR"]


def test_unsubscribing_ends_the_lines(lines: Journal) -> None:
    """After the returned function was called nothing is written, and the bus has nobody to build events for."""
    bus = EventBus()
    end = log_events(bus)
    bus.emit(Noted(rank="INFO"))

    end()
    emit_all(bus)

    assert len(lines.notes) == 1
    assert not bus.active


def test_an_unknown_level_is_refused_when_asked() -> None:
    """At the subscription, not at the first event."""
    bus = EventBus()

    with pytest.raises(ValueError, match="chatty"):
        log_events(bus, level="chatty")

    assert not bus.active
