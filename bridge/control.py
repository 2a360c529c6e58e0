"""The control channel: pings, what became of a cancelled call, and the request to end, also while a call runs.

What comes in on it is read by `interpreter_process`, on the hub's thread, by the rules of `handshake`; calls go over the
other channel (`channel`).
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Final, final

from bridge.cancel import CancelOutcome, CancelWait
from bridge.channel import Socket, send
from bridge.errors import NoPong, ProtocolError
from bridge.hub import Hub
from bridge.launchers.launcher import Identity
from bridge.wire.frames import Fault, Header, Kind

__all__ = ["ControlChannel"]


_OUTCOMES: Final = {
    outcome.value.encode(): outcome for outcome in CancelOutcome if outcome is not CancelOutcome.KILLED
}


@final
class ControlChannel:
    """The host's end of one incarnation's control channel. Its socket is the hub's thread's, also when others ask."""

    def __init__(self, hub: Hub, socket: Socket, identity: Identity) -> None:
        self.socket = socket
        self._hub = hub
        self._identity = identity
        self._pings: dict[int, threading.Event] = {}
        self._ping_ids = itertools.count(1)
        self._waits: list[CancelWait] = []  # replaced, never changed: any thread adds and removes
        self._waits_lock = threading.Lock()
        self._is_dead = False  # written before those who wait are told

    def ask_to_stop(self) -> bool:
        """Ask for the end after the running call; return whether it could be asked. On the hub's thread."""
        return self._say(Kind.STOP, 0)

    def ping(self, timeout: float) -> float:
        """Return the seconds of a round trip to the child's side thread, which answers while a call runs. Blocks.

        Args:
            timeout: Seconds; math.inf waits until the answer is here or the interpreter is dead.

        Raises:
            NoPong: If there is no answer within *timeout* seconds, or none will come any more.
        """
        number = next(self._ping_ids)
        self._pings[number] = answered = threading.Event()
        since = self._hub.clock.now()
        try:
            # One that finds no room is not answered, and its time runs out.
            self._hub.run_there(lambda: self._say(Kind.PING, number), timeout)
            left = max(0.0, timeout - (self._hub.clock.now() - since))
            # The death is looked at last, and told the other way round: it is not missed.
            if self._is_dead or not answered.wait(min(left, threading.TIMEOUT_MAX)) or self._is_dead:
                raise NoPong(self._identity.worker, min(timeout, self._hub.clock.now() - since))
            return self._hub.clock.now() - since
        finally:
            del self._pings[number]

    def feel(self) -> bool:
        """Send a ping whose answer nobody waits for; return whether there was room for it. On the hub's thread."""
        return self._say(Kind.PING, 0)

    def ask_about(self, call_id: int) -> None:
        """Ask what becomes of the call *call_id*, which is cancelled. Never blocks, from any thread.

        One that cannot be asked tells it by itself when the call ends: the word is on the board.
        """
        self._hub.run_there(lambda: self._say(Kind.CANCEL, call_id), 0)

    @contextlib.contextmanager
    def waiting(self, call_id: int) -> Iterator[CancelWait]:
        """Give something to wait on: it is opened when the interpreter tells what became of the call, or is dead."""
        wait = CancelWait(call_id)
        with self._waits_lock:
            self._waits = [*self._waits, wait]
        if self._is_dead:
            wait.open(None)
        try:
            yield wait
        finally:
            with self._waits_lock:
                self._waits = [each for each in self._waits if each is not wait]

    def heard(self, header: Header, body: list[memoryview]) -> None:
        """Take an accepted message. On the hub's thread.

        Raises:
            ProtocolError: If it cannot be read.
        """
        if header.kind is Kind.PONG:
            if (answered := self._pings.get(header.call_id)) is not None:
                answered.set()
        elif header.kind is Kind.CANCELLED:
            outcome = _OUTCOMES.get(bytes(body[0]))
            if outcome is None:
                raise ProtocolError(Fault.GARBAGE, f"a CANCELLED that says {bytes(body[0][:40])!r}")
            for wait in self._waits:
                if wait.call_id == header.call_id:
                    wait.open(outcome)

    def ended(self) -> None:
        """The interpreter is dead: whoever waits is to look at that. From any thread."""
        self._is_dead = True
        for answered in [*self._pings.values()]:
            answered.set()
        for wait in self._waits:
            wait.open(None)

    def close(self) -> None:
        """Close the socket, which is in the hub's poll no more. On the hub's thread. Idempotent."""
        self.socket.close(linger=0)

    def _say(self, kind: Kind, number: int) -> bool:
        """Return whether there was a peer and room; if not, nothing was sent."""
        return not self.socket.closed and send(self.socket, kind, self._identity.incarnation, number)
