"""What happened in a scenario, in order: the events of the corpus, and which attempt of a path each belongs to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import final

import attrs

__all__ = ["Instance", "Journal"]


@final
@attrs.frozen
class Instance:
    """The *number*-th start attempt of *path* in a scenario; stands for a process."""

    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.path}#{self.number}"


@final
class Journal:
    """The events since they were last taken. Any thread may note; of an instance that has ended nothing is noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: Counter[str] = Counter()
        self._ready: set[Instance] = set()
        self._ended: set[Instance] = set()
        self._events: list[str] = []
        self._total = 0

    def begin(self, path: str, *, silently: bool = False) -> Instance:
        """Note that the init callback of *path* was entered, and return which attempt it is.

        Args:
            path: Whose.
            silently: Whether nothing is noted until its end: of a supervisor whose init callback is not the recorder's.
        """
        with self._lock:
            self._attempts[path] += 1
            instance = Instance(path, self._attempts[path])
            if silently:
                self._ready.add(instance)
            else:
                self._add(f"init {instance}")
        return instance

    def note(self, kind: str, instance: Instance, reason: str | None = None) -> None:
        """Note that *kind* happened to *instance*."""
        with self._lock:
            if instance in self._ended:
                return  # a thread that was killed goes on; a process does not
            if kind == "ready":
                self._ready.add(instance)
            self._add(f"{kind} {instance}" if reason is None else f"{kind} {instance} {reason}")

    def end(self, instance: Instance, reason: str) -> None:
        """Note the end of *instance*; a start that failed or was ignored has none."""
        with self._lock:
            if instance in self._ready and instance not in self._ended:
                self._add(f"exit {instance} {reason}")
            self._ended.add(instance)

    def take(self) -> Sequence[str]:
        """Return the events since this was last called."""
        with self._lock:
            events, self._events = self._events, []
        return events

    def total(self) -> int:
        """Return how many events there were, taken or not."""
        return self._total

    def _add(self, event: str) -> None:
        self._events.append(event)
        self._total += 1
