"""The data channel: one call at a time, in its caller's own thread, with no thread between.

Which caller may use it is not decided here (the pool's desk leases it out); how an interpreter is launched and ends is
in `interpreter_process`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol, final

import zmq

from bridge.certificate import CallRecord, Certificate, Verdict
from bridge.enforcement import CANCELLED, OVERRAN, Enforcement
from bridge.errors import (
    CallCancelled,
    CallDeadline,
    ChannelUnavailable,
    ProtocolError,
    WorkerDied,
)
from bridge.outcome import cancelled_of, decode_plain_result, decode_result, error_of
from bridge.payload import EncodedCall
from bridge.protocol import Conversation, State
from bridge.reports import Progress, Reporter, log_record_of, progress_of
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.codec import PICKLE
from bridge.wire.frames import Fault, Header, Kind, WireError
from supervision.arguments import checked_timeout
from supervision.clock import Clock
from supervision.events import Event

__all__ = ["DataChannel", "Incarnation", "Progress", "Socket", "receive", "send"]

Socket = zmq.Socket[bytes]

#: As a number: a member of an enumeration takes five times as long.
_POLLIN: Final = int(zmq.POLLIN)

#: Seconds for an answer that was handed to ZeroMQ before its sender died to come out at this end.
_LAST_ANSWER: Final = 0.25
#: Seconds for a death to be confirmed; after that the caller gets what is known.
_CONFIRMATION: Final = 5.0
#: Seconds of the longest single poll; a longer wait polls again.
_LONGEST_POLL: Final = 3600


class Incarnation(Reporter, Protocol):
    """What a channel needs of the interpreter that it belongs to."""

    def kill(self, why: str, verdict: Verdict = ...) -> None:
        """Kill the whole group; never blocks."""

    def account(self, timeout: float) -> Certificate:
        """Return the certificate, or what is known after *timeout* seconds."""

    def tell(self, event: Event) -> None:
        """Pass *event* on to whoever listens; in the calling thread."""


def send(socket: exchange.MessageSocket, kind: Kind, incarnation: int, call_id: int, body: Any = ()) -> bool:
    """Queue one message; never blocks. Returns whether there was a peer and room."""
    try:
        exchange.send(socket, kind, incarnation, call_id, body)
    except zmq.Again:
        return False
    return True


def receive(socket: exchange.MessageSocket) -> exchange.Message | None:
    """Take one message, or None if there is none; never blocks.

    Raises:
        ProtocolError: If it is not well formed.
    """
    try:
        return exchange.receive(socket)
    except zmq.Again:
        return None
    except WireError as error:
        raise ProtocolError(error.fault, error.detail) from None


@final
class DataChannel:
    """The host's end of one incarnation's data channel.

    Until ``open`` only the hub's thread touches the socket, from then on only the thread that is inside ``call``.
    """

    def __init__(
        self,
        owner: Incarnation,
        socket: Socket,
        conversation: Conversation,
        pidfd: int,
        board: Board,
        clock: Clock,
        enforcement: Enforcement,
        codec: str = PICKLE,
    ) -> None:
        self._codec = codec
        self.socket = socket
        self._bare = exchange.Bare(socket)
        self.enforcement = enforcement  #: ends its calls that must end
        self._owner = owner
        self._clean = True  # written by the thread inside ``call``
        self._conversation = conversation  # replaced by the hub's thread at open, and by close
        self._board = board
        self._clock = clock
        self._lease = threading.Lock()  # held by the thread inside ``call``, and for ever after close
        self._watched: list[Any] = [(socket, _POLLIN), (pidfd, _POLLIN)]
        self._last_id = 0  # written under the lease, as is the next
        self._running: tuple[int, str, float] | None = None  # id, label, when it was sent

    @property
    def clean(self) -> bool:
        """Whether it can take the next call: no call is in it, and nothing of an earlier one is left."""
        # A thread that was interrupted as soon as it had the lease has it for ever.
        return self._clean and not self._lease.locked()

    def open(self, conversation: Conversation) -> None:
        """Hand the socket over: the handshake is complete. On the hub's thread."""
        self._conversation = conversation

    def running(self) -> CallRecord | None:
        """Return the call that is in the interpreter; None also once its answer is on its way. From any thread."""
        running = self._running
        if running is None or self._board.finished >= running[0]:
            return None
        begun = self._board.started >= running[0]
        return CallRecord(running[0], running[1], self._clock.now() - running[2], begun)

    def runs(self, call_id: int) -> bool:
        """Return whether the call *call_id* has been sent and its answer has not been taken. From any thread."""
        running = self._running
        return running is not None and running[0] == call_id

    def call(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> Any:
        """Run *request* in the interpreter and return what it returned. Blocks the calling thread.

        When it leaves in any way but with the call's answer, ``clean`` is False, and the interpreter must be killed:
        the answer may still come.

        Args:
            request: From ``encode_call``.
            timeout: Seconds from now until the answer is here, at least 0; after that the call is ended, which takes at most as long
                as the graces of the interpreter's options, and is without a result. math.inf: no limit.
            on_progress: Called in this thread with each report of the call; what it raises leaves this method.

        Raises:
            CallDeadline: The call overran and was ended; its ``certificate`` says whether the interpreter is dead, too.
            CallCancelled: Somebody else cancelled it; likewise.
            WorkerDied: The interpreter died before it answered; ``started`` says whether the call had begun.
            ChannelUnavailable: Another call holds the channel, or it is not open, or the call is encoded with another
                codec than the interpreter's; nothing was sent.
            ProtocolError: The interpreter broke the protocol while it ran the call, and was killed for it.
            TypeError, ValueError: The timeout is no number of seconds; nothing was sent.
            NotPicklable: The arguments, or the result, could not be rebuilt on the other side.
            FunctionRefused: It is not on the list of an interpreter that runs without pickle.
            AdapterSetUpFailed: The method was not called.
            RemoteError: The function raised, or returned, something that cannot be brought here.
            Exception: Whatever else the function raised, with the worker's traceback as its cause.
        """
        checked_timeout(timeout)
        if not self._lease.acquire(blocking=False):
            raise self._unavailable("another call holds it")
        result: Any = None
        call_id = 0
        try:
            if request.codec != self._codec:
                raise self._unavailable(
                    f"its codec is {self._codec}, and the call is encoded with {request.codec}"
                )
            if self._conversation.state is not State.OPEN:
                raise self._unavailable(f"it is {self._conversation.state.value}")
            self._clean = False
            self._last_id = call_id = self._last_id + 1
            now = self._clock.now()
            self._running = (call_id, request.label, now)
            # Without a peer there is no room either: then the interpreter is dying, and the poll tells.
            send(self._bare, Kind.CALL, self._owner.incarnation, call_id, request.frames)
            header, body = self._await_answer(call_id, request.label, now, timeout, on_progress)
            error = self._error(request.label, header, body)
            if self._codec != PICKLE:
                if error is None:
                    # In here: what cannot be read is a fault of the peer.
                    result = decode_plain_result(body)
                elif header.kind is Kind.CANCELLED and not self.enforcement.is_active:
                    raise ProtocolError(Fault.UNEXPECTED, "CANCELLED, and nobody has cancelled the call")
            # Before the look: who wants to end this call does the reverse (see Enforcement.begin).
            self._running = None
            if not self.enforcement.is_active or self._lives_on(call_id):
                self._clean = True
            elif header.kind is Kind.CANCELLED:
                error = CallCancelled(request.label, True, self._owner.account(_CONFIRMATION))
        except ProtocolError as broken:
            self._owner.kill(str(broken), Verdict.PROTOCOL)
            # Waited for while this is still the running call: that belongs into the account.
            broken.certificate = self._owner.account(_CONFIRMATION)
            if call_id and self._board.started < call_id:
                # It had spoken out of turn before: not this call's fault, and nothing of it was run.
                raise WorkerDied(broken.certificate, started=False) from broken
            raise
        finally:
            self._running = None
            self._lease.release()
        if error is not None:
            raise error
        return decode_result(request.label, body) if self._codec == PICKLE else result

    def close(self, timeout: float) -> bool:
        """Close the socket once no call holds it; blocks at most *timeout* seconds. Idempotent.

        Returns:
            Whether it is closed.
        """
        if self._conversation.state is State.CLOSED:
            return True
        if not self._clock.acquire(self._lease, timeout):
            return False
        self._conversation = self._conversation.closed()
        self.socket.close(linger=0)
        self._lease.release()
        return True

    def _unavailable(self, reason: str) -> Exception:
        """Return why no call can run: of a dead interpreter its death, which is what the caller can act on."""
        certificate = self._owner.account(0.0) if self._conversation.state is State.CLOSED else None
        if certificate is not None:
            return WorkerDied(certificate, started=False)
        return ChannelUnavailable(self._owner.worker, reason)

    def _await_answer(
        self,
        call_id: int,
        label: str,
        since: float,
        timeout: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> exchange.Message:
        left = timeout
        while True:
            # A list of at most two, the socket and the pidfd.
            ready = zmq.zmq_poll(
                self._watched, math.ceil(left * 1000) if left < _LONGEST_POLL else _LONGEST_POLL * 1000
            )
            if not ready:
                # What poll waited counts, also on a virtual clock, which stands still meanwhile.
                if left < _LONGEST_POLL:
                    raise self._overrun(call_id, label, timeout)
            elif ready[0][0] is self.socket or ready[-1][0] is self.socket:
                answer = self._take(call_id, on_progress)
                if answer is not None:
                    return answer
                # Here, too: one that reports without end never leaves the poll empty.
                if self._clock.now() - since >= timeout:
                    raise self._overrun(call_id, label, timeout)
            else:
                return self._last_answer(call_id, label, on_progress)
            left = max(0.0, since + timeout - self._clock.now())

    def _take(self, call_id: int, on_progress: Callable[[Progress], None] | None) -> exchange.Message | None:
        """Take one message; return it if it is the answer."""
        message = receive(self._bare)
        if message is None:
            return None
        self._conversation.check_answer(message[0], call_id)
        if message[0].kind is Kind.PROGRESS:
            if on_progress is not None:
                on_progress(progress_of(self._owner, message[1]))
            return None
        if message[0].kind is Kind.LOG:
            self._owner.tell(log_record_of(self._owner, call_id, message[1]))
            return None
        return message

    def _last_answer(
        self, call_id: int, label: str, on_progress: Callable[[Progress], None] | None
    ) -> exchange.Message:
        """Return the answer of an interpreter that died after giving it.

        Raises:
            WorkerDied, CallCancelled: If there is none.
        """
        # What the board calls finished was handed to the child's ZeroMQ, and may still be on its way through ours.
        patience = _LAST_ANSWER if self._board.finished >= call_id else 0.0
        while self.socket.poll(math.ceil(patience * 1000)):
            answer = self._take(call_id, on_progress)
            if answer is not None:
                return answer
        raise self._death(call_id, label, math.inf, overran=False)

    def _overrun(self, call_id: int, label: str, timeout: float) -> Exception:
        """End the call, whose deadline has passed; return what its caller is told. An answer is nobody's any more."""
        self.enforcement.begin(call_id, OVERRAN, lambda: True)
        reached = -math.inf
        while (pause := self.enforcement.advance(call_id, reached)) is not None:
            ready = zmq.zmq_poll(self._watched, math.ceil(pause.seconds * 1000))
            if not ready:
                reached = pause.until
                continue
            if ready[0][0] is not self.socket and ready[-1][0] is not self.socket:
                break
            if self._take(call_id, None) is not None:
                self._running = None
                if not self._lives_on(call_id):
                    break
                self._clean = True
                return CallDeadline(timeout, None)
        return self._death(call_id, label, timeout, overran=True)

    def _lives_on(self, call_id: int) -> bool:
        """Take note that a call that was to end has been answered; return whether its interpreter may live on."""
        cause, doomed = self.enforcement.finish(call_id)
        if cause is not None and doomed:
            # It was told to end already: those that it had started may be gone, and its own end may have begun.
            self._owner.kill(cause.why, cause.verdict)
        return not doomed

    def _death(self, call_id: int, label: str, timeout: float, *, overran: bool) -> Exception:
        """Return what the caller is told of an interpreter that died under its call, which *overran* or did not."""
        cause, _ = self.enforcement.finish(call_id)
        certificate = self._owner.account(_CONFIRMATION)
        started = self._board.started >= call_id
        if overran and certificate.verdict is Verdict.DEADLINE:
            return CallDeadline(timeout, certificate)
        if cause is CANCELLED and certificate.sent_by_us == cause.why:
            return CallCancelled(label, started, certificate)
        # It died by itself, perhaps in the moment of its deadline; that is the better account.
        return WorkerDied(certificate, started)

    def _error(self, label: str, header: Header, body: list[memoryview]) -> Exception | None:
        """Return what an answer that is no result tells."""
        if header.kind is Kind.RESULT:
            return None
        if header.kind is Kind.CANCELLED:
            return cancelled_of(label, body)
        return error_of(label, body, self._codec == PICKLE)
