"""One incarnation of one interpreter process, seen from the service: handshake, kill, death, burial.

Not here: who restarts it (`actors`), how it is launched (`launch`), called (`channel`), its death's name (`certificate`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final, final

from bridge.cancel import CancelOutcome, cancel
from bridge.certificate import CallRecord, Certificate, Verdict
from bridge.connection import Connections
from bridge.control import ControlChannel
from bridge.errors import HubClosed, LaunchFailed, ProtocolError
from bridge.events import InterpreterDied, InterpreterReady, InterpreterSilent, OutputLine
from bridge.handshake import Handshake
from bridge.hub import Hub
from bridge.inquest import Inquest, Scene
from bridge.lanes import Lanes
from bridge.launch import Launched, launch
from bridge.options import InterpreterOptions
from bridge.output import Output, OutputText
from bridge.process_group import wait_readable
from bridge.pulse import Pulse
from bridge.signals import Signals
from bridge.start_deadline import StartDeadline
from supervision.events import Event

__all__ = ["Interpreter"]

#: Seconds for the hub's thread to write a certificate, which waits for nothing.
_CONCLUSION: Final = 1.0


@final
class Interpreter:
    """A process of its own, its channels, its output and its end. Made by ``launch``."""

    @classmethod
    def launch(
        cls,
        hub: Hub,
        options: InterpreterOptions,
        *,
        worker: str,
        incarnation: int,
        listener: Callable[[Event], None],
    ) -> Interpreter:
        """Start a process. Blocks for the exec (and, of a foreign Python, for its first probe), not for the handshake.

        Args:
            hub: Watches it.
            options: Which Python, and what it is given.
            worker: Its name, in everything that is said about it.
            incarnation: Unique among those of this name.
            listener: Told of ``InterpreterReady``, ``InterpreterDied``, each ``OutputLine`` and what its launcher says of it
                (``PlacementNoticed``), on the hub's thread; must not block. What it raises ends this interpreter. Also of each
                ``LogRecord``, in the thread of the call that made it, which what it raises then leaves.

        Raises:
            InterpreterUnusable: The Python cannot be a worker; nothing was started.
            LaunchFailed: The process could not be started; nothing of it is left.
            HubClosed: The hub does not run.
        """
        launched = launch(hub, options, worker=worker, incarnation=incarnation, listener=listener)
        self = cls(hub, launched, listener, options)
        try:
            hub.run.add_entry(launched.number, worker=worker, incarnation=incarnation, pid=self.pid)
        except OSError as error:
            self._abandon()
            raise LaunchFailed(worker, f"its entry cannot be written: {error}") from error
        if not hub.enter(launched.number, self, self._attach):
            self._abandon()
            raise HubClosed(hub.name)
        if options.has_start_deadline:
            self._start_deadline.arm(launched.since)
        return self

    def __init__(
        self, hub: Hub, launched: Launched, listener: Callable[[Event], None], options: InterpreterOptions
    ) -> None:
        placement, identity = launched.placement, launched.identity
        self._hub, self._number, self._identity = hub, launched.number, identity
        self.worker = identity.worker  #: the name of the worker that it serves
        self.incarnation = identity.incarnation  #: which life of the worker this is
        self.silence = ""  #: why it is held to be silent, though it is kept (``on_silence``); written on the hub's thread
        self._listener, self._refused = listener, launched.refused
        self._placement = placement
        self._group = placement.group
        self._control = ControlChannel(hub, launched.control, identity)
        self._connections = Connections(hub, self, launched.connections)
        self._output = Output(hub, self, placement.outputs, self._print, options.secrets)
        self._handshake = Handshake(
            incarnation=self.incarnation, nonce=identity.nonce, pid=self.pid,
            control=launched.control, data=launched.data,
        )  # fmt: skip
        self._inquest = Inquest(identity, placement, hub.kernel_kills, hub.clock)
        self._signals = Signals(self._group, self._inquest, placement.board, self._control, hub.clock)
        self._lanes = Lanes(
            self, hub, launched, self._handshake,
            target=self._signals, options=options, greeted=self._maybe_ready,
        )  # fmt: skip
        #: Where its calls run, one at a time in each; the first one is there in every case.
        self.channels, self.channel = self._lanes.channels, self._lanes.channels[0]
        self._inquest.running = self._lanes.running
        self._start_deadline = StartDeadline(
            hub.clock, options.start_timeout, lambda why: self.kill(why, Verdict.START_TIMEOUT)
        )
        self._pulse = Pulse(
            hub.clock,
            options,
            self.pid,
            post=lambda action: hub.run_there(action, 0, self),
            ping=self._control.feel,
            dead=lambda why: self.kill(why, Verdict.SILENT),
            silent=self._note_silence,
        )
        self._ready = False  # written on the hub's thread
        self._detail = ""  # what a handler raised; written on the hub's thread
        self._burial = threading.Lock()
        self._buried = False

    @property
    def pid(self) -> int:
        """Its process id; also that of its session and its group."""
        return self._group.pid

    def kill(self, why: str, verdict: Verdict = Verdict.KILLED_BY_US, call_id: int = 0) -> None:
        """Send SIGKILL to the whole group, from any thread, because of the call *call_id*, if given; the first cause stays.

        Blocks only for a verdict that wants stacks: until these are written. Does nothing once it is dead.
        """
        self._signals.kill(why, verdict, call_id)

    def stop(self, why: str, timeout: float) -> Certificate | None:
        """Ask it to end after the running call; then send SIGTERM, then SIGKILL, all within *timeout*. Blocks.

        One that has not shaken hands yet cannot be asked, and nobody's call is in it: it is killed at once, and that
        is its stop.

        Args:
            why: For the certificate.
            timeout: Seconds for all of it. 0 asks and does not wait; math.inf waits for ever and does not kill.

        Returns:
            How it ended; None if it has not.
        """
        # There, since the handshake is that thread's: it is either complete, or will never be.
        self._signals.stop(why, timeout, lambda wait: self._there(self._ask_to_stop, wait))
        return self._inquest.certificate

    def certificate(self, timeout: float) -> Certificate | None:
        """Wait until its death is known, at most *timeout* seconds; None if it lives. Blocks the calling thread."""
        if not self._inquest.wait(timeout) and not self._buried and self._group.is_dead():
            # The hub's thread has not come to it yet, or is gone: then here.
            self._there(self._conclude, _CONCLUSION)
        return self._inquest.certificate

    def account(self, timeout: float) -> Certificate:
        """Return the certificate, or what is known after *timeout* seconds."""
        return self.certificate(timeout) or self._inquest.so_far(self._scene())

    def bury(self, timeout: float) -> bool:
        """Kill its group, see that every process of it is dead, reap it, and close everything. Blocks. Idempotent.

        Args:
            timeout: Seconds for all of it.

        Returns:
            Whether all of that is done. If not (a process in the kernel's hands, a call whose caller is still inside),
            call it again.
        """
        deadline = self._hub.clock.now() + timeout

        def left() -> float:
            return max(0.0, deadline - self._hub.clock.now())

        if not self._hub.clock.acquire(self._burial, timeout):
            return False
        try:
            if self._buried:
                return True
            if not self._group.bury(self._hub.clock, left()):
                return False
            if not self._inquest.wait(min(left(), _CONCLUSION)):
                self._there(self._conclude, _CONCLUSION)
            # First out of the hub's poll, then closed: a closed socket in it would end the hub.
            if not self._there(self._detach, max(1.0, left())) or not self._lanes.close(left()):
                return False
            self._release()
            return True
        finally:
            self._burial.release()

    def ping(self, timeout: float) -> float:
        """Return the seconds of a round trip to the child's side thread, which answers while a call runs. Blocks.

        Raises:
            NoPong: If there is no answer within *timeout* seconds.
        """
        return self._control.ping(timeout)

    def cancel(self, call_id: int) -> CancelOutcome:
        """End the call *call_id*, as ``channel.running()`` names it, from another thread than its caller's.

        Blocks at most for the sum of the options' graces, and the moment that a kill takes. Returns what was achieved.
        The caller gets CallCancelled, unless the call had ended of itself.
        """
        return cancel(call_id, self._lanes.of(call_id), self._control.waiting(call_id), self._hub.clock)

    def running(self) -> tuple[CallRecord, ...]:
        """Return the calls that are in it, the longest first. From any thread."""
        return self._lanes.running()

    def tell(self, event: Event) -> None:
        """Pass *event* on to the listener; in the calling thread."""
        self._listener(event)

    def _there(self, action: Callable[[], None], timeout: float) -> bool:
        """Run *action* on the hub's thread, on this interpreter's behalf; return whether it has run in time."""
        return self._hub.run_there(action, timeout, self)

    # On the hub's thread.

    def _ask_to_stop(self) -> None:
        if self._ready:
            self._connections.unwatch()  # an orderly end closes them
            if not self._control.ask_to_stop():
                self._signals.terminate("it could not be asked to stop", Verdict.KILLED_BY_US)
        else:
            # First: a hello that has come already must not make it ready, and its kill a death, any more.
            self._unwatch_sockets()
            self._group.signal(signal.SIGKILL)

    def io_failed(self, error: Exception) -> None:
        """One of its handlers raised: it cannot be served any more, and is killed."""
        verdict = Verdict.PROTOCOL if isinstance(error, ProtocolError) else Verdict.KILLED_BY_US
        self._detail = self._detail or f"{type(error).__name__}: {error}"
        self.kill(self._detail, verdict)
        # The output is read on: its last lines tell the most, and a full pipe would hold up what still writes.
        self._unwatch_sockets()

    def hub_failed(self, error: BaseException) -> None:
        """The hub's thread ends; so does this, told by itself."""
        if wait_readable(self._group.pidfd, 1.0):
            self._conclude()

    def _attach(self) -> None:
        self._hub.watch(self._group.pidfd, self, self._on_exit)
        self._output.watch()
        self._hub.watch(self._control.socket, self, self._on_control)
        self._lanes.watch()
        self._connections.watch()
        for error in self._refused:
            raise error

    def _detach(self) -> None:
        self._unwatch_sockets()
        self._hub.unwatch(self._group.pidfd)
        self._connections.close()
        self._control.close()
        self._output.close()

    def _unwatch_sockets(self) -> None:
        self._hub.unwatch(self._control.socket)
        self._lanes.unwatch()
        self._connections.unwatch()

    def _on_control(self) -> None:
        while (message := self._handshake.take(self._control.socket)) is not None:
            self._pulse.heard()
            if self._ready:
                self._control.heard(*message)
            else:
                self._maybe_ready()

    def _maybe_ready(self) -> None:
        hello = self._handshake.hello
        if hello is None or not self._handshake.complete:
            return
        self._start_deadline.meet()
        self._hub.run.hide_sockets(self._number)
        self._lanes.open()
        self._ready = True
        self._inquest.evidence.settled()
        self._pulse.start()
        self._listener(
            InterpreterReady(
                worker=self.worker,
                incarnation=self.incarnation,
                pid=self.pid,
                python=hello.python,
                pyzmq=hello.pyzmq,
            )
        )

    def _on_exit(self) -> None:
        self._hub.unwatch(self._group.pidfd)
        self._conclude()

    def _conclude(self) -> None:
        """Have the certificate written, once, and tell; on the hub's thread unless that is gone."""
        lines = self._output.drain()
        certificate = self._inquest.conclude(self._scene())
        self._start_deadline.meet()
        self._pulse.stop()
        if certificate is not None:
            self._control.ended()
        try:
            self._output.tell(lines)
        finally:  # also to one who refuses its last words
            if certificate is not None:
                self._listener(InterpreterDied(certificate=certificate))

    def _scene(self) -> Scene:
        return Scene(
            ready=self._ready,
            calls=self._lanes.running(),
            last_output=self._output.tail.lines(),
            detail=self._detail,
        )

    def _note_silence(self, why: str) -> None:
        self.silence = why
        self._listener(
            InterpreterSilent(worker=self.worker, incarnation=self.incarnation, pid=self.pid, why=why)
        )

    def _print(self, line: OutputText) -> None:
        self._listener(OutputLine(worker=self.worker, incarnation=self.incarnation, **line._asdict()))

    def _abandon(self) -> None:
        """Undo a launch that cannot be completed; nobody else knows of it yet."""
        if not self._group.bury(self._hub.clock, 5.0):
            self._hub.keep(self._number, self)
            return
        self._detach()
        self._lanes.close(0.0)
        self._release()

    def _release(self) -> None:
        self._placement.close()
        self._hub.run.remove_entry(self._number)
        self._hub.leave(self._number)
        self._buried = True
