"""Why we signalled an interpreter, and, once, how it ended: what several threads may each be first to say.

What a death is called is `certificate`'s rule; who is told is the interpreter's business.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from typing import final

import attrs

from bridge.certificate import (
    CallRecord,
    Cause,
    Certificate,
    ExitStatus,
    Phase,
    Verdict,
    is_crash,
    ours,
    verdict_of,
)
from bridge.evidence import Evidence
from bridge.launchers.launcher import Identity, Placement
from bridge.memory_group import KernelKills
from bridge.suspects import Suspects
from supervision.clock import Clock

__all__ = ["Inquest", "Scene"]


@final
@attrs.frozen(kw_only=True)
class Scene:
    """What the interpreter was doing."""

    ready: bool  #: whether its handshake was complete
    calls: tuple[CallRecord, ...]  #: that were in it
    last_output: tuple[str, ...]
    detail: str


@final
class Inquest:
    """One incarnation's death, from the first suspicion to the certificate."""

    def __init__(self, identity: Identity, placement: Placement, kernel: KernelKills, clock: Clock) -> None:
        group = placement.group
        self.evidence = Evidence(group, placement.stacks, kernel)
        self._identity = identity
        self._group = group
        self._board = placement.board
        self._clock = clock
        self.running: Callable[[], Sequence[CallRecord]] = lambda: ()  #: set once there are channels
        self._born = clock.now()
        self._lock = threading.Lock()  # guards the next six
        self._cause: Cause | None = None
        self._struck = Suspects()  # the calls that ran when a kill was decided
        #: Why its stacks were asked for, and the calls: a crash after that is as of this, the kill was to follow at once.
        self._examined: tuple[Cause, Suspects] | None = None
        self._stopping = False  # whether it was asked to end
        self._interrupt: tuple[int, Cause] | None = None  # the last call that SIGINT was sent to, and why
        self._certificate: Certificate | None = None
        self._dead = threading.Event()  # set once there is a certificate

    @property
    def certificate(self) -> Certificate | None:
        """The certificate, once there is one."""
        return self._certificate

    def wait(self, timeout: float) -> bool:
        """Wait for the certificate, at most *timeout* seconds."""
        return self._dead.wait(min(timeout, threading.TIMEOUT_MAX))

    def charge(self, why: str, verdict: Verdict, call_id: int = 0) -> bool:
        """Say why it is about to be signalled. The first cause stays, but a kill replaces a mere request to stop.

        Blocks only for a verdict that wants stacks, and if it is the first, until these are written: at most 1 s.

        Args:
            why: For the certificate.
            verdict: Likewise.
            call_id: The call that is the cause; 0: none, or the only one that runs.

        Returns:
            Whether there is anything left to signal.
        """
        running = Suspects.of(self.running(), call_id)
        if verdict.wants_stacks and self._cause is None:
            with self._lock:
                if not self._group.is_dead():
                    self._examined = (Cause(why, verdict), running)
            # Not under the lock. If it dies of something else meanwhile, that was its end; a crash counts as of this.
            self.evidence.take_stacks()
        with self._lock:
            # Looked at here, since nobody may have heard yet of a death that others caused: it must not become ours.
            if self._certificate is not None or self._group.is_dead():
                return False
            if self._cause is None or self._cause.verdict is Verdict.STOPPED:
                self._cause = Cause(why, verdict)
                if verdict is Verdict.STOPPED:
                    self._stopping = True
                else:
                    # It may end in the moment that it still has, by the signal even; it is what the kill was about.
                    self._struck = running
                    self.evidence.sample()
            return True

    def interrupted(self, call_id: int, why: str, verdict: Verdict) -> None:
        """Say why SIGINT is about to be sent, for a call; it ends only a process that has put its default back."""
        with self._lock:
            self._interrupt = (call_id, Cause(why, verdict))

    def conclude(self, scene: Scene) -> Certificate | None:
        """Kill what the dead process left of its group and write the certificate; None if it was written before."""
        with self._lock:
            if self._certificate is not None:
                return None
            status = self._group.status() or ExitStatus()
            # Its own zombie keeps the group's number until the burial.
            self._group.signal(signal.SIGKILL)
            self._certificate = self._write(status, scene)
        self._dead.set()
        return self._certificate

    def so_far(self, scene: Scene) -> Certificate:
        """Return the certificate, or one of what is known: a process in the kernel's hands may die late."""
        with self._lock:
            return self._certificate or self._write(
                ExitStatus(), attrs.evolve(scene, detail="its death is not confirmed yet")
            )

    def _write(self, status: ExitStatus, scene: Scene) -> Certificate:
        """Return the certificate. Under the lock."""
        cause, struck = self._cause, self._struck
        examined = self._examined if is_crash(status) else None
        if examined is not None:
            cause, struck = cause or examined[0], struck if struck.calls else examined[1]
        suspects = struck.seen_again(scene.calls)
        if cause is None and status.signal == "SIGINT" and self._interrupt is not None:
            call_id, interrupt = self._interrupt
            cause = interrupt if any(call.id == call_id for call in suspects.calls) else None
        if any(call.begun for call in suspects.calls):
            phase = Phase.RUNNING
        elif not scene.ready:
            phase = Phase.STARTING
        else:
            phase = Phase.STOPPING if self._stopping else Phase.IDLE
        memory = self.evidence.out_of_memory(
            status, ours=ours(phase, cause) is not None, said=self._board.out_of_memory
        )
        verdict = verdict_of(
            status, phase=phase, cause=cause, out_of_memory=memory, examined=examined is not None
        )
        return Certificate(
            worker=self._identity.worker,
            incarnation=self._identity.incarnation,
            pid=self._group.pid,
            verdict=verdict,
            phase=phase,
            exit_code=status.code,
            signal=status.signal,
            sent_by_us=cause.why if cause is not None and verdict.is_ours else None,
            uptime=self._clock.now() - self._born,
            call=suspects.call,
            others=suspects.others,
            out_of_memory=memory,
            peak_memory=self.evidence.peak(),
            last_output=scene.last_output,
            stacks=self.evidence.stacks(),
            detail=scene.detail,
        )
