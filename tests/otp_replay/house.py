"""What the real actors of one scenario share: who they are, when they end, and whether any of them is at work."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, final

from supervision._pykka import Inbox
from supervision.child_spec import SupFlags
from supervision.clock import open_gate
from supervision.ref import Ref, cell_of
from supervision.registry import Registry
from tests.otp_replay.journal import Instance, Journal
from tests.otp_replay.patient_clock import PatientClock
from tests.otp_replay.terms import text_of

__all__ = ["Gate", "House", "StampingRegistry"]


@final
class Gate:
    """Where a gated init blocks; open unless it was shut for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut = False
        self._reached = threading.Event()
        self._open = threading.Event()

    def shut(self) -> None:
        """Let the next one block."""
        self._reached.clear()
        self._open.clear()
        self._shut = True

    def pass_through(self) -> None:
        """Block here, if this is the one for whom it was shut."""
        with self._lock:
            first, self._shut = self._shut, False
        if first:
            self._reached.set()
            self._open.wait()

    def is_reached(self) -> bool:
        """Return whether somebody blocks here."""
        return self._reached.is_set()

    def open(self) -> None:
        """Let who blocks go on, and block nobody."""
        self._shut = False
        self._open.set()


@final
class House:
    """One scenario's actors. Each writes only of itself; the dicts' single accesses are atomic."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.clock = PatientClock(self.is_calm)
        self.gate = Gate()
        self.live: dict[Ref, None] = {}  #: who was registered and has not been seen down
        self.instances: dict[Ref, Instance] = {}  #: whose init was entered
        self.flags: dict[Ref, SupFlags] = {}  #: of supervisors
        self.anonymous: set[Ref] = set()  #: supervisors whose children's ids are not told
        self.latest: dict[str, Ref] = {}  #: by path: the last that started
        self.deaf: set[Ref] = set()  #: who lingers for ever: it will not end by itself, nor answer
        self.closing = False
        self._leave: dict[Ref, threading.Lock] = {}  #: opened at the end of each
        self._at_work: Counter[Ref] = Counter()

    # For the actors

    def adopt(self, ref: Ref, path: str, flags: SupFlags) -> None:
        """Note that the supervisor *ref*, which is none of ours, runs; of its start nothing is noted."""
        self.instances[ref] = self.journal.begin(path, silently=True)
        self.flags[ref] = flags
        self.latest[path] = ref
        self.anonymous.add(ref)

    def enter(self, ref: Ref, path: str) -> Instance:
        """Note that the init of *ref* was entered."""
        self._at_work[ref] += 1  # until its init is over
        instance = self.journal.begin(path)
        self.instances[ref] = instance
        return instance

    def is_up(self, ref: Ref) -> None:
        """Note that the start of *ref* answered that it runs."""
        instance = self.instances[ref]
        self.journal.note("ready", instance)
        self.latest[instance.path] = ref
        self._at_work[ref] -= 1

    @contextlib.contextmanager
    def work(self, ref: Ref) -> Iterator[None]:
        """Know that *ref* handles something meanwhile."""
        self._at_work[ref] += 1
        try:
            yield
        finally:
            self._at_work[ref] -= 1

    def last_work(self, ref: Ref) -> None:
        """Know that *ref* is at work until it has ended."""
        self._at_work[ref] += 1

    def linger(self, ref: Ref, seconds: float) -> None:
        """Let *ref* wait in its terminate for so long, or until it is killed, or the scenario is over."""
        if seconds == math.inf:
            self.deaf.add(ref)
        if not self.closing:
            self.clock.acquire(self._leave[ref], seconds)

    # For the registry, which is told of every start before it begins and of every end before anybody else is

    def begun(self, ref: Ref) -> None:
        """Note that *ref* is about to start."""
        self._leave[ref] = threading.Lock()
        self._leave[ref].acquire()
        self.live[ref] = None

    def ended(self, ref: Ref) -> None:
        """Note that *ref* has ended."""
        instance, reason = self.instances.get(ref), cell_of(ref).reason
        if instance is not None:
            self.journal.end(instance, text_of(reason))
        self.release(ref)

    def release(self, ref: Ref) -> None:
        """Let the thread of *ref* go on, if it lingers."""
        leave = self._leave.get(ref)
        if leave is not None:
            open_gate(leave)

    # For the clock

    def is_calm(self) -> bool:
        """Return whether every actor is idle, or waits for time to pass."""
        return all(self._is_idle(ref) for ref in tuple(self.live))

    def _is_idle(self, ref: Ref) -> bool:
        if not ref.is_alive():
            return True
        cell = cell_of(ref)
        thread = cell.thread
        if thread is not None and self.clock.waits(thread.ident):
            return True
        inbox = cell.inbox
        assert isinstance(inbox, Inbox)
        begun = ref in self.instances
        return begun and not (self._at_work[ref] or cell.closing or cell.signals or inbox.waiting())


@final
class StampingRegistry:
    """A tree's registry that tells the house of starts and ends, as the recorder's process tracing did."""

    def __init__(self, registry: Registry, house: House) -> None:
        self._registry = registry
        self._house = house

    def register(self, name: str, ref: Ref) -> None:
        """See ``Registry``."""
        self._registry.register(name, ref)
        self._house.begun(ref)

    def unregister(self, name: str, ref: Ref) -> None:
        """See ``Registry``; at its end an actor is taken out when the reason is known, and before anybody is told."""
        if cell_of(ref).reason is not None:
            self._house.ended(ref)
        self._registry.unregister(name, ref)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the registry's."""
        return getattr(self._registry, name)
