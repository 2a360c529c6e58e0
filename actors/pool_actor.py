"""The pool actor: brings the set of workers to its target, and keeps it there.

It never starts a process itself, nor sees a call: it asks the workers' supervisor for children, hears of their ends by
monitors, and opens and closes the desk. When it is restarted it adopts the workers that run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from actors.desk import Desk
from actors.errors import PoolCannotStart, PoolGaveUp
from actors.events import PoolEnded, StartsHeldBack, WorkerReplaced
from actors.start_gate import SETTLED_AFTER, GateDecision, StartGate, may_start
from bridge.certificate import Certificate
from supervision import Actor, ChildSpec, Continue, Down, ExitReason, Ref, Stop, shutdown
from supervision.errors import NoProcess
from supervision.events import Event
from supervision.exit_reason import Crashed, Shutdown
from supervision.supervisor import start_child, which_children

__all__ = ["RETIRE", "PoolActor"]

_PROBE: Final = "probe"
_SETTLED: Final = "settled"
_RECONCILE: Final = "reconcile"
_STARTED: Final = "started"
_CROWDED: Final = "crowded"
_RETIRE_IDLE: Final = "retire idle"

#: Sent to a worker that nobody needs any more: it ends.
RETIRE: Final = "retire"

#: Seconds before a worker is tried again that found no bridge.
NO_BRIDGE_DELAY: Final = 0.2
#: Seconds after which a probe is looked at again that has proved nothing yet.
LOOK_AGAIN: Final = 1.0


@final
class PoolActor(Actor):
    """Last child of a pool's supervisor: transient and significant, so that its giving up ends the pool."""

    trap_exit = True

    def init(
        self,
        desk: Desk,
        worker_spec: Callable[[str], ChildSpec],
        max_starting: int | None = None,
        overflow_ttl: float = math.inf,
        start_interval: float = 0.0,
    ) -> Continue:
        """Open the desk; workers are started after the supervisor was answered.

        Args:
            desk: The pool's.
            worker_spec: Makes the spec of the worker with an id.
            max_starting: How many may be starting at the same time; None: all.
            start_interval: Seconds from one batch of starts to the next; 0: no pause.
            overflow_ttl: Seconds for which a worker beyond the target may be free before it ends; ``math.inf``: for ever.
        """
        self._desk = desk
        self._pause = start_interval
        self._may_start_at = -math.inf  #: when the pause after the last batch of starts is over
        self._workers = f"{self.ref.name.rpartition('/')[0]}/workers"  # the sibling that supervises them
        self._worker_spec = worker_spec
        self._at_once = desk.target if max_starting is None else max_starting
        self._overflow_ttl = overflow_ttl
        self._retiring = False  #: whether the timer runs that looks for overflow workers nobody needs
        self._gate = StartGate()
        self._running: dict[Ref, str] = {}
        self._ends: dict[str, Certificate] = {}  #: of workers that have no successor yet, by id
        self._probing = False  #: whether a probe's timer runs
        self._probes: set[Ref] = set()  #: those that run
        #: Fewer than there were, after a restart: that forgives failed starts of which there are none yet.
        self._answers_seen = 0
        ref = self.ref
        desk.open(self.clock, started=lambda: ref.send(_STARTED), crowded=lambda: ref.send(_CROWDED))
        return Continue()

    def handle_continue(self, term: Any) -> Stop | None:
        """Adopt what runs, then start what is missing."""
        for child in which_children(self._supervisor()):
            if child.ref is not None:
                self._watch(child.id, child.ref)
        return self._reconcile()

    def handle_info(self, message: Any) -> Stop | None:
        match message:
            case Down(_, ref, _) if ref in self._running:
                return self._replace(self._running.pop(ref), ref)
            case "probe":
                self._probe()
            case "settled":
                return self._settled()
            case "reconcile":
                return self._reconcile()
            case "started" if self._gate.decide() is GateDecision.START:
                self._start_missing()  # there may be room for another one
            case "crowded" if self._gate.decide() is GateDecision.START:
                self._start_missing()
            case "retire idle":
                self._retire_idle()
        return None

    def terminate(self, reason: ExitReason) -> None:
        """Close the desk, unless this actor crashed: then its successor takes the desk over, open as it is."""
        self._desk.trouble(reason)
        if isinstance(reason, Shutdown) and isinstance(reason.detail, PoolGaveUp):
            self._desk.gave_up(reason.detail)
        elif not isinstance(reason, Crashed):
            self._desk.close("stopping")

    def status(self) -> Mapping[str, object]:
        status = self._desk.status()
        return {
            "state": status.state,
            "workers": f"{status.ready}/{status.target}",
            "requests": status.requests,
            "waiting": status.waiting,
            "deaths": status.deaths,
        }

    def _replace(self, id: str, ref: Ref) -> Stop | None:
        end = self._desk.end_of(ref.incarnation)
        if end is None:
            # It never had a process: the bridge is down, and its restart will take this actor along.
            self.send_after(NO_BRIDGE_DELAY, _RECONCILE)
            return None
        self._gate = self._gate.after(end, answered=self._was_answered(), probe=ref in self._probes)
        self._probes.discard(ref)
        if not self._is_overflow(id):
            self._ends[id] = end.certificate
        return self._reconcile()

    def _reconcile(self) -> Stop | None:
        """Start what is missing, as far as the gate allows."""
        match self._gate.decide():
            case GateDecision.GIVE_UP:
                gave_up = PoolGaveUp(self._desk.pool, self._gate.failures)
                self._emit(PoolEnded(pool=self._desk.pool, certificates=gave_up.certificates))
                return Stop(shutdown(gave_up))
            case GateDecision.PROBE:
                self._wait_for_probe()
            case GateDecision.START:
                self._start_missing()
        return None

    def _start_missing(self) -> None:
        if self.clock.now() < self._may_start_at:
            return  # and a message comes when that is over
        missing = [*self._missing(), *self._overflow_missing()] if self._desk.wanted else []
        room = may_start(len(missing), starting=self._desk.starting(), at_once=self._at_once)
        for id in missing[:room]:
            self._start(id)
        if self._pause and room:
            self._may_start_at = self.clock.now() + self._pause
            self.send_after(self._pause, _RECONCILE)

    def _missing(self) -> list[str]:
        taken = set(self._running.values())
        return [id for id in map(str, range(1, self._desk.target + 1)) if id not in taken]

    def _overflow_missing(self) -> list[str]:
        taken = set(self._running.values())
        first = self._desk.target + 1
        ids = [str(number) for number in range(first, first + self._desk.max_overflow)]
        running = sum(id in taken for id in ids)
        free = [id for id in ids if id not in taken]
        return free[: max(0, self._desk.overflow_wanted() - running)] if free else []

    def _is_overflow(self, id: str) -> bool:
        return int(id) > self._desk.target

    def _retire_idle(self) -> None:
        """End the overflow workers that nobody has needed; those that got a call meanwhile are not among them."""
        self._retiring = False
        unneeded = set(self._desk.retire_idle(self._overflow_ttl))
        for ref in self._running:
            if ref.incarnation in unneeded:
                ref.send(RETIRE)
        self._look_for_idle()

    def _look_for_idle(self) -> None:
        """While there are overflow workers, look twice in their time whether they are needed."""
        if (
            not self._retiring
            and self._overflow_ttl < math.inf
            and any(map(self._is_overflow, self._running.values()))
        ):
            self._retiring = True
            self.send_after(self._overflow_ttl / 2, _RETIRE_IDLE)

    def _start(self, id: str) -> Ref:
        ref = start_child(self._supervisor(), self._worker_spec(id))
        assert ref is not None  # a worker's init does not ignore
        self._watch(id, ref)
        certificate = self._ends.pop(id, None)
        if certificate is not None:
            self._emit(WorkerReplaced(pool=self._desk.pool, worker=ref.name, certificate=certificate))
        return ref

    def _probe(self) -> None:
        """The gate is open: start one worker, and look after a while whether it stayed."""
        self._probing = False
        for id in self._missing()[:1]:
            self._probes.add(self._start(id))
        self.send_after(SETTLED_AFTER, _SETTLED)

    def _settled(self) -> Stop | None:
        """A worker that answered, or has been up for long enough, has proved that workers can start."""
        if self._gate.is_open:
            if self._was_answered() or self._desk.has_ready(SETTLED_AFTER):
                self._gate = StartGate()
            elif self._probes:
                self.send_after(LOOK_AGAIN, _SETTLED)  # its start takes long
        return self._reconcile()

    def _was_answered(self) -> bool:
        """Return whether a worker has answered a call since this was last asked."""
        seen, self._answers_seen = self._answers_seen, self._desk.answers()
        return self._answers_seen != seen

    def _wait_for_probe(self) -> None:
        last = self._gate.failures[-1]
        self._desk.hold_back(PoolCannotStart(self._desk.pool, last))
        if not self._probing and not self._probes:
            self._probing = True
            delay = self._gate.delay()
            self.send_after(delay, _PROBE)
            self._emit(
                StartsHeldBack(
                    pool=self._desk.pool,
                    failures=len(self._gate.failures),
                    delay=delay,
                    certificate=last,
                )
            )

    def _watch(self, id: str, ref: Ref) -> None:
        self._running[ref] = id
        ref.monitor(self.ref)
        if self._is_overflow(id):
            self._look_for_idle()

    def _supervisor(self) -> Ref:
        ref = self.context.registry.whereis(self._workers)
        if ref is None:
            raise NoProcess(self._workers)
        return ref

    def _emit(self, event: Event) -> None:
        if self.context.events.active:
            self.context.events.emit(event)
