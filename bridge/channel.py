"""The data channel: one call at a time, in its caller's own thread, with no thread between.

What one call does in it is in `turn`. Which caller may use it is not decided here (the pool's desk leases it out); how an
interpreter is launched and ends is in `interpreter_process`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, final

import zmq

from bridge.certificate import CallRecord, Verdict
from bridge.enforcement import Enforcement
from bridge.errors import ChannelUnavailable, WorkerDied
from bridge.outcome import decode_result
from bridge.payload import EncodedCall
from bridge.protocol import Conversation, State
from bridge.reports import Progress
from bridge.turn import Incarnation, Socket, Turn, Wires, receive
from bridge.wire import exchange
from bridge.wire.board import Board
from bridge.wire.codec import PICKLE
from bridge.wire.frames import Kind
from supervision.arguments import checked_timeout
from supervision.clock import Clock

__all__ = ["DataChannel", "Incarnation", "Progress", "Socket", "receive", "send"]


def send(socket: exchange.MessageSocket, kind: Kind, incarnation: int, call_id: int, body: Any = ()) -> bool:
    """Queue one message; never blocks. Returns whether there was a peer and room."""
    try:
        exchange.send(socket, kind, incarnation, call_id, body)
    except zmq.Again:
        return False
    return True


@final
class DataChannel:
    """The host's end of one incarnation's data channel.

    Until ``open`` only the hub's thread touches the socket, from then on only the thread that has a call in it.
    """

    def __init__(
        self,
        owner: Incarnation,
        socket: Socket,
        conversation: Conversation,
        pidfd: int,
        board: Board,
        lane: int,
        clock: Clock,
        enforcement: Enforcement,
        codec: str = PICKLE,
        spin: float = 0.0,
    ) -> None:
        self.wires = Wires(
            owner, socket, pidfd, board.lanes[lane], clock, enforcement, codec, spin, conversation
        )
        self._step = len(board.lanes)  # between two numbers of its calls: see ``wire.numbers``
        self._clean = True  # written by the thread that has the call
        self._lease = threading.Lock()  # held as long as a call is in it, and for ever after close
        self._last_id = lane + 1 - self._step  # written under the lease, as is the next
        self._turn: Turn | None = None

    @property
    def socket(self) -> Socket:
        """The host's end."""
        return self.wires.socket

    @property
    def watched(self) -> list[Any]:
        """What a call in it waits for: a message, or the interpreter's death."""
        return self.wires.watched

    @property
    def enforcement(self) -> Enforcement:
        """Ends its calls that must end."""
        return self.wires.enforcement

    @property
    def clean(self) -> bool:
        """Whether it can take the next call: no call is in it, and nothing of an earlier one is left."""
        # A thread that was interrupted as soon as it had the lease has it for ever.
        return self._clean and not self._lease.locked()

    def open(self, conversation: Conversation) -> None:
        """Hand the socket over: the handshake is complete. On the hub's thread."""
        self.wires.conversation = conversation

    def running(self) -> CallRecord | None:
        """Return the call that is in the interpreter; None also once its answer is on its way. From any thread."""
        turn, board = self._turn, self.wires.board
        if turn is None or turn.over or board.finished >= turn.id:
            return None
        begun = board.started >= turn.id
        return CallRecord(turn.id, turn.label, self.wires.clock.now() - turn.since, begun)

    def runs(self, call_id: int) -> bool:
        """Return whether the call *call_id* has been sent and its answer has not been taken. From any thread."""
        turn = self._turn
        return turn is not None and turn.id == call_id and not turn.over

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
        turn = Turn(self.wires, request.label, timeout, on_progress)
        try:
            try:
                self._begin(turn, request, timeout)
                error, result = turn.end()
            finally:
                self._leave(turn)
        finally:
            # Once more if an interrupt struck in the first: a channel that nobody leaves can never be closed.
            if turn.lends:
                self._leave(turn)
        return self._told(turn, error, result)

    def begin(
        self, request: EncodedCall, *, timeout: float, on_progress: Callable[[Progress], None] | None = None
    ) -> Turn:
        """Send *request* and return at once, for a thread that has many calls: ``complete`` is due, whatever happens.

        Args:
            request: As of ``call``.
            timeout: Likewise.
            on_progress: Called in the thread that looks.

        Raises:
            ChannelUnavailable, WorkerDied, TypeError, ValueError: As ``call``; nothing was sent.
        """
        turn = Turn(self.wires, request.label, timeout, on_progress)
        try:
            self._begin(turn, request, timeout)
        except BaseException:
            self._leave(turn)
            raise
        return turn

    def complete(self, turn: Turn) -> Any:
        """Return, or raise, what came of a call that was begun: as ``call`` does. Blocks, unless ``turn.look`` says not."""
        try:
            error, result = turn.end()
        finally:
            self._leave(turn)
        return self._told(turn, error, result)

    def give_up(self, why: str) -> None:
        """Kill the interpreter, whose call nobody looks after any more. Never blocks."""
        self.wires.owner.kill(why, Verdict.KILLED_BY_US, self._last_id)

    def close(self, timeout: float) -> bool:
        """Close the socket once no call holds it; blocks at most *timeout* seconds. Idempotent.

        Returns:
            Whether it is closed.
        """
        if self.wires.conversation.state is State.CLOSED:
            return True
        if not self.wires.clock.acquire(self._lease, timeout):
            return False
        self.wires.conversation = self.wires.conversation.closed()
        self.socket.close(linger=0)
        self._lease.release()
        return True

    def _begin(self, turn: Turn, request: EncodedCall, timeout: float) -> None:
        checked_timeout(timeout)
        turn.lends = self._lease.acquire(blocking=False)
        if not turn.lends:
            raise self._unavailable("another call holds it")
        wires = self.wires
        if request.codec != wires.codec:
            raise self._unavailable(
                f"its codec is {wires.codec}, and the call is encoded with {request.codec}"
            )
        if wires.conversation.state is not State.OPEN:
            raise self._unavailable(f"it is {wires.conversation.state.value}")
        self._clean = False
        self._last_id = turn.id = self._last_id + self._step
        turn.since = wires.clock.now()
        self._turn = turn
        # Without a peer there is no room either: then the interpreter is dying, and the poll tells.
        send(wires.bare, Kind.CALL, wires.owner.incarnation, turn.id, request.frames)

    def _leave(self, turn: Turn) -> None:
        """Let the next call in, if this one left nothing."""
        if turn.lends:
            if turn.id:
                self._clean = turn.clean
            # One that was left in the midst is in the interpreter all the same, until that is dead.
            if self._clean:
                self._turn = None
            turn.lends = bool(self._lease.release())  # type: ignore[func-returns-value]  # both, or neither

    def _told(self, turn: Turn, error: Exception | None, result: Any) -> Any:
        if error is not None:
            raise error
        return decode_result(turn.label, result) if self.wires.codec == PICKLE else result

    def _unavailable(self, reason: str) -> Exception:
        """Return why no call can run: of a dead interpreter its death, which is what the caller can act on."""
        certificate = self.wires.owner.account(0.0) if self.wires.conversation.state is State.CLOSED else None
        if certificate is not None:
            return WorkerDied(certificate, started=False)
        return ChannelUnavailable(self.wires.owner.worker, reason)
