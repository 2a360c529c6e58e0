"""One call in a data channel: taken up, looked at without waiting, and brought to its end, whatever that is.

Whose thread drives it does not matter, as long as it is one at a time: its caller's, which waits, or an I/O thread that
has many such calls. Which call may be in the channel is `channel`'s affair.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Protocol, final

import attrs
import zmq

from bridge.certificate import Certificate, Verdict
from bridge.enforcement import CANCELLED, OVERRAN, Enforcement
from bridge.errors import CallCancelled, CallDeadline, ProtocolError, WorkerDied
from bridge.outcome import cancelled_of, decode_plain_result, error_of
from bridge.protocol import Conversation
from bridge.reports import Progress, Reporter, log_record_of, progress_of
from bridge.wire import exchange
from bridge.wire.board import Words
from bridge.wire.codec import PICKLE
from bridge.wire.frames import HEADER_SIZE, Fault, Kind, WireError, opening_of, usual
from bridge.wire.spinning import AdaptiveSpin
from supervision.clock import Clock
from supervision.events import Event

__all__ = ["Incarnation", "Socket", "Turn", "Wires", "receive"]

Socket = zmq.Socket[bytes]
_Answer = tuple[Kind, list[memoryview]]

#: As a number: a member of an enumeration takes five times as long.
_POLLIN: Final = int(zmq.POLLIN)

#: Messages that one look takes at the most: who reports without end must not keep its thread.
_AT_ONCE: Final = 100
#: Seconds for an answer that was handed to ZeroMQ before its sender died to come out at this end.
_LAST_ANSWER: Final = 0.25
#: Seconds for a death to be confirmed; after that the caller gets what is known.
_CONFIRMATION: Final = 5.0
#: Seconds of the longest single poll; a longer wait polls again.
_LONGEST_POLL: Final = 3600


class Incarnation(Reporter, Protocol):
    """What a call needs of the interpreter that runs it."""

    def kill(self, why: str, verdict: Verdict = ..., call_id: int = ...) -> None:
        """Kill the whole group, because of a call, if one is given; never blocks."""

    def account(self, timeout: float) -> Certificate:
        """Return the certificate, or what is known after *timeout* seconds."""

    def tell(self, event: Event) -> None:
        """Pass *event* on to whoever listens; in the calling thread."""


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
@attrs.define(eq=False)
class Wires:
    """What all calls of one channel share."""

    owner: Incarnation
    socket: Socket
    pidfd: int
    board: Words
    clock: Clock
    enforcement: Enforcement  #: ends those that must end
    codec: str
    spins: float  #: seconds that a caller stays awake where answers come soon
    conversation: Conversation  #: replaced by the hub's thread at open, and by close
    bare: exchange.Bare = attrs.field(init=False)
    opening: bytes = attrs.field(init=False)  #: how a result begins
    spin: AdaptiveSpin = attrs.field(init=False)
    #: What a call waits for: a message, or the interpreter's death.
    watched: list[Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.bare = exchange.Bare(self.socket)
        self.spin = AdaptiveSpin(self.bare.get, self.spins)
        self.opening = opening_of(Kind.RESULT, self.owner.incarnation)
        self.watched = [(self.socket, _POLLIN), (self.pidfd, _POLLIN)]


@final
class Turn:
    """One call.

    Args:
        wires: Of its channel.
        label: What it is called.
        timeout: Seconds from *since* until its answer must be here; math.inf: no limit.
        on_progress: Called with each report, in the thread that looks; what it raises leaves ``look`` or ``end``.
    """

    # Here, and not in __init__, which runs for each call: what few calls change.
    _answer: _Answer | None = None
    _broken: ProtocolError | None = None
    id = 0  #: of the call; 0 until it is about to be sent
    since = 0.0  #: when that was
    over = False  #: whether its answer was taken: nobody may end it any more
    clean = False  #: whether nothing of it is, or will be, left in the channel
    lends = False  #: whether it has the channel
    late = False  #: whether who looked has found that its deadline has come: ``end`` waits no more

    def __init__(
        self, wires: Wires, label: str, timeout: float, on_progress: Callable[[Progress], None] | None
    ) -> None:
        self._wires = wires
        self._timeout = timeout
        self._on_progress = on_progress
        self.label = label

    @property
    def due(self) -> float:
        """When its answer must be here, on the clock."""
        return self.since + self._timeout

    @property
    def is_answered(self) -> bool:
        """Whether ``look`` has found the answer, and ``end`` will not wait for anything."""
        return self._answer is not None and not self._wires.enforcement.is_active

    def look(self) -> bool:
        """Take what has come; never blocks. Returns whether ``end`` will not wait for the interpreter to say more."""
        try:
            for _ in range(_AT_ONCE):
                try:
                    first = self._wires.bare.recv(exchange.NOBLOCK)
                except zmq.Again:
                    return False
                self._answer = self._read(first)
                if self._answer is not None:
                    return True
        except ProtocolError as error:
            self._broken = error
            return True
        return False

    def end(self) -> tuple[Exception | None, Any]:
        """Wait for the answer, or see to its end, and return what its caller is to be told: an error, or the result.

        The result of a trusted interpreter is still in its frames. Blocks.

        Raises:
            ProtocolError, WorkerDied, CallDeadline, CallCancelled: It has no answer.
        """
        try:
            return self._end()
        except ProtocolError as broken:
            owner = self._wires.owner
            owner.kill(str(broken), Verdict.PROTOCOL, self.id)
            # Waited for while this is still the running call: that belongs into the account.
            broken.certificate = owner.account(_CONFIRMATION)
            if self._wires.board.started < self.id:
                # It had spoken out of turn before: not this call's fault, and nothing of it was run.
                raise WorkerDied(broken.certificate, started=False) from broken
            raise

    def _end(self) -> tuple[Exception | None, Any]:
        wires = self._wires
        if self._broken is not None:
            raise self._broken
        kind, body = self._answer or self._await_answer()
        error = None if kind is Kind.RESULT else self._error(kind, body)
        result: Any = body
        if wires.codec != PICKLE:
            if error is None:
                # In here: what cannot be read is a fault of the peer.
                result = decode_plain_result(body)
            elif kind is Kind.CANCELLED and not wires.enforcement.is_active:
                raise ProtocolError(Fault.UNEXPECTED, "CANCELLED, and nobody has cancelled the call")
        # Before the look: who wants to end this call does the reverse (see Enforcement.begin).
        self.over = True
        if not wires.enforcement.is_active or self._lives_on():
            self.clean = True
        elif kind is Kind.CANCELLED:
            error = CallCancelled(self.label, True, wires.owner.account(_CONFIRMATION))
        return error, result

    def _await_answer(self) -> _Answer:
        spin = self._wires.spin
        answer = self._take() if spin.wait(self._is_coming, 0.0 if self.late else self._timeout) else None
        answer = answer or self._sleep_until_answered()
        spin.came()
        return answer

    def _is_coming(self) -> bool:
        """Whether the answer is on its way: a look at memory, a twentieth of one at the socket."""
        return self._wires.board.finished >= self.id

    def _sleep_until_answered(self) -> _Answer:
        wires, since, timeout = self._wires, self.since, self._timeout
        socket, watched, now = wires.socket, wires.watched, wires.clock.now
        left = 0.0 if self.late else max(0.0, since + timeout - now())
        while True:
            # A list of at most two, the socket and the pidfd.
            ready = zmq.zmq_poll(
                watched, math.ceil(left * 1000) if left < _LONGEST_POLL else _LONGEST_POLL * 1000
            )
            if not ready:
                # What poll waited counts, also on a virtual clock, which stands still meanwhile.
                if left < _LONGEST_POLL:
                    raise self._overrun()
            elif ready[0][0] is socket or ready[-1][0] is socket:
                answer = self._take()
                if answer is not None:
                    return answer
                # Here, too: one that reports without end never leaves the poll empty.
                if now() - since >= timeout:
                    raise self._overrun()
            else:
                return self._last_answer()
            left = max(0.0, since + timeout - now())

    def _take(self) -> _Answer | None:
        """Take one message, if there is one; return it if it is the answer."""
        try:
            first = self._wires.bare.recv(exchange.NOBLOCK)
        except zmq.Again:
            return None
        return self._read(first)

    def _read(self, first: bytes) -> _Answer | None:
        """Take the rest of a message, and return it if it is the answer.

        Raises:
            ProtocolError: If it is not well formed, or may not come.
        """
        wires = self._wires
        if usual(first, wires.opening) == self.id:
            return Kind.RESULT, [memoryview(first)[HEADER_SIZE:]]
        try:
            message = exchange.read(wires.bare, first)
        except WireError as error:
            raise ProtocolError(error.fault, error.detail) from None
        return (message[0].kind, message[1]) if self._is_answer(message) else None

    def _is_answer(self, message: exchange.Message) -> bool:
        """Return whether *message* is the answer; what comes before it is passed on here."""
        header, body = message
        wires = self._wires
        wires.conversation.check_answer(header, self.id)
        if header.kind is Kind.RESULT:
            return True
        owner = wires.owner
        if header.kind is Kind.PROGRESS:
            if self._on_progress is not None:
                self._on_progress(progress_of(owner, body))
        elif header.kind is Kind.LOG:
            owner.tell(log_record_of(owner, self.id, body))
        else:
            return True
        return False

    def _last_answer(self) -> _Answer:
        """Return the answer of an interpreter that died after giving it.

        Raises:
            WorkerDied, CallCancelled: If there is none.
        """
        # What the board calls finished was handed to the child's ZeroMQ, and may still be on its way through ours.
        patience = _LAST_ANSWER if self._wires.board.finished >= self.id else 0.0
        while self._wires.socket.poll(math.ceil(patience * 1000)):
            answer = self._take()
            if answer is not None:
                return answer
        raise self._death(overran=False)

    def _overrun(self) -> Exception:
        """End the call, whose deadline has passed; return what its caller is told. An answer is nobody's any more."""
        wires = self._wires
        self._on_progress = None
        wires.enforcement.begin(self.id, OVERRAN, lambda: True)
        reached = -math.inf
        while (pause := wires.enforcement.advance(self.id, reached)) is not None:
            ready = zmq.zmq_poll(wires.watched, math.ceil(pause.seconds * 1000))
            if not ready:
                reached = pause.until
                continue
            if ready[0][0] is not wires.socket and ready[-1][0] is not wires.socket:
                break
            if self._take() is not None:
                self.over = True
                if not self._lives_on():
                    break
                self.clean = True
                return CallDeadline(self._timeout, None)
        return self._death(overran=True)

    def _lives_on(self) -> bool:
        """Take note that a call that was to end has been answered; return whether its interpreter may live on."""
        cause, doomed = self._wires.enforcement.finish(self.id)
        if cause is not None and doomed:
            # It was told to end already: those that it had started may be gone, and its own end may have begun.
            self._wires.owner.kill(cause.why, cause.verdict, self.id)
        return not doomed

    def _death(self, *, overran: bool) -> Exception:
        """Return what the caller is told of an interpreter that died under its call, which *overran* or did not."""
        cause, _ = self._wires.enforcement.finish(self.id)
        certificate = self._wires.owner.account(_CONFIRMATION)
        started = self._wires.board.started >= self.id
        if overran and certificate.verdict is Verdict.DEADLINE:
            return CallDeadline(self._timeout, certificate)
        if cause is CANCELLED and certificate.sent_by_us == cause.why:
            return CallCancelled(self.label, started, certificate)
        # It died by itself, perhaps in the moment of its deadline; that is the better account.
        return WorkerDied(certificate, started)

    def _error(self, kind: Kind, body: list[memoryview]) -> Exception:
        """Return what an answer that is no result tells."""
        if kind is Kind.CANCELLED:
            return cancelled_of(self.label, body)
        return error_of(self.label, body, self._wires.codec == PICKLE)
