"""Who hears events, and what becomes of a listener that breaks."""

from __future__ import annotations

import warnings

import attrs
import pytest
from scripted import Boom, Journal, Probe, boom, crash, do, spec

from supervision import Event, Restart, Tree
from supervision import events as vocabulary
from supervision.sinks import EventBus


@attrs.frozen(kw_only=True)
class Happened(Event):
    """An event of these tests."""

    number: int


def test_every_subscriber_gets_every_event_in_order() -> None:
    """From its subscription until its end, in the order in which they happened."""
    bus, first, second = EventBus(), Journal(), Journal()
    end = bus.subscribe(first)
    bus.emit(Happened(number=1))
    bus.subscribe(second)
    bus.emit(Happened(number=2))
    end()
    end()
    bus.emit(Happened(number=3))

    assert [event.number for event in first.notes] == [1, 2]
    assert [event.number for event in second.notes] == [2, 3]


def test_two_subscriptions_of_one_sink_are_two() -> None:
    """Each gets the events, and each ends by itself."""
    bus, journal = EventBus(), Journal()
    end, _ = bus.subscribe(journal), bus.subscribe(journal)

    end()
    end()
    bus.emit(Happened(number=1))

    assert len(journal.notes) == 1


def test_a_broken_sink_is_detached_and_reported_once() -> None:
    """The others still get that event and the next; no second report comes."""
    bus, before, after = EventBus(), Journal(), Journal()
    for sink in (before, boom, after):
        bus.subscribe(sink)

    with pytest.warns(RuntimeWarning, match=r"raised Boom.*was detached"):
        bus.emit(Happened(number=1))
    bus.emit(Happened(number=2))  # a second report would be an error here

    assert [event.number for event in before.notes] == [event.number for event in after.notes] == [1, 2]


def test_the_report_comes_after_all_sinks_were_told() -> None:
    """Where warnings are errors, the report raises; the others have the event all the same."""
    bus, journal = EventBus(), Journal()
    bus.subscribe(boom)
    bus.subscribe(journal)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="Boom"):
            bus.emit(Happened(number=1))

    assert len(journal.notes) == 1


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
def test_a_sink_that_raises_does_not_keep_an_actor_from_ending(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Whatever a sink does in the middle of an actor's end, "down" is told."""
    monkeypatch.setattr("threading.excepthook", lambda _: None)  # the thread's own end is not the matter here
    ref = tree.start_child(spec("a", restart=Restart.TEMPORARY))
    assert ref is not None

    def sink(event: Event) -> None:
        if isinstance(event, vocabulary.ActorStopped) and event.actor == ref.name:
            raise error

    tree.events.subscribe(sink)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        assert "Boom" in str(crash(ref))


def test_without_a_subscriber_no_event_is_built(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting, restarting and ending actors costs one check of ``active`` each; the twin builds them."""
    built = Journal()
    for kind in (vocabulary.ActorStarted, vocabulary.ActorStopped):
        init = kind.__init__

        def noting(self: Event, _init: object = init, **given: object) -> None:
            built(type(self).__name__)
            _init(self, **given)  # type: ignore[operator]

        monkeypatch.setattr(kind, "__init__", noting)

    def start_and_stop(id: str) -> None:
        ref = tree.start_child(spec(id, restart=Restart.TEMPORARY))
        assert ref is not None
        do(ref)
        ref.stop()

    start_and_stop("silent")
    assert not tree.events.active
    assert built.notes == []

    end = tree.events.subscribe(Journal())
    start_and_stop("heard")
    end()
    assert built.notes == ["ActorStarted", "ActorStopped"]


def test_events_say_what_happened_in_one_line(tree: Tree, events: Journal) -> None:
    """Each is one line that names its actor; a crash ranks higher than a proper end."""
    ref = tree.start_child(spec("a", Probe))
    assert ref is not None
    crash(ref)
    tree.start_child(spec("b"))  # the barrier: the root has dealt with the crash

    started, stopped, *restart, last = events.notes
    assert started.describe() == f"{tree.name}/a started"
    assert stopped.describe() == f"{tree.name}/a ended: crashed(Boom)"
    assert stopped.severity() == "WARNING"
    assert restart[-1].describe() == f"{tree.name} restarted a (restart 1)"
    assert last.describe() == f"{tree.name}/b started"
    assert all("\n" not in event.describe() for event in events.notes)
