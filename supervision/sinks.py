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
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether anybody listens; look before building an event on a hot path."""
        return bool(self._subscriptions)

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """Call *sink* with every event from now on, in the thread in which it happens; it must not block.

        Args:
            sink: Called with each event. One that raises is detached, and a RuntimeWarning says so once.

        Returns:
            A function that ends the subscription; calling it twice is fine.
        """
        own = _Subscription(sink)
        with self._lock:
            self._subscriptions = (*self._subscriptions, own)

        def unsubscribe() -> None:
            self._detach(own)

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Hand *event* to every sink, in the order of subscription. Never raises, unless warnings are made errors."""
        broken = ""
        for subscription in self._subscriptions:
            try:
                subscription.sink(event)
            except Exception as error:
                # A broken observer must not take down what it observes, nor keep the event from the others.
                if self._detach(subscription):
                    broken += f"event sink {subscription.sink!r} raised {error!r} and was detached. "
        if broken:
            warnings.warn(broken.rstrip(), RuntimeWarning, stacklevel=2)

    def _detach(self, subscription: _Subscription) -> bool:
        with self._lock:
            kept = tuple(other for other in self._subscriptions if other is not subscription)
            found = len(kept) != len(self._subscriptions)
            self._subscriptions = kept
        return found


@final
class _Subscription:
    """One subscription of a sink, which may have several."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
