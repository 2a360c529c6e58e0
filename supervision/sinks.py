"""Who hears a tree's events: the bus that hands each event to every subscriber.

What the events are is in each package's ``events``; sinks that write logs are in ``observer``.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import final

from supervision.events import Event

__all__ = ["EventBus", "Sink"]

Sink = Callable[[Event], None]


@final
class EventBus:
    """One tree's stream of events. With no subscriber an event costs one check of ``active``."""

    def __init__(self) -> None:
        #: Replaced as a whole under the lock, so that emit() reads it without one.
        self._sinks: tuple[Sink, ...] = ()
        self._lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether anybody listens; look before building an event on a hot path."""
        return bool(self._sinks)

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """Call *sink* with every event from now on, in the thread in which it happens; it must not block.

        Args:
            sink: Called with each event. One that raises is detached, and a RuntimeWarning says so once.

        Returns:
            A function that ends the subscription; calling it twice is fine.
        """
        with self._lock:
            self._sinks = (*self._sinks, sink)

        def unsubscribe() -> None:
            self._detach(sink)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand *event* to every sink, in the order of subscription. Never raises."""
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:
                # A broken observer must not take down what it observes.
                if self._detach(sink):
                    warnings.warn(
                        f"event sink {sink!r} raised {error!r} and was detached", RuntimeWarning, stacklevel=2
                    )

    def _detach(self, sink: Sink) -> bool:
        with self._lock:
            kept = tuple(other for other in self._sinks if other is not sink)
            found = len(kept) != len(self._sinks)
            self._sinks = kept
        return found
