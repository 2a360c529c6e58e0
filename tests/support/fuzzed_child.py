"""A real interpreter that gets wrong messages from a host that knows its nonce: what it may do, and what it must not."""

from __future__ import annotations

import os
import random

import zmq
from bridge_house import PATIENCE, House, Life
from fuzzing import Script, message, spoilt

from bridge.certificate import Verdict
from bridge.interpreter.hearing import NOT_UNDERSTOOD, Hearing
from bridge.protocol import Line
from bridge.wire import exchange
from bridge.wire.frames import Kind, WireError

__all__ = ["FuzzedChild"]

_MEMORY = 512 * 1024 * 1024  # what a damaged pickle may ask for


class FuzzedChild:
    """One interpreter after the other; a next one when the last has ended, as it must, of what it was told."""

    def __init__(self, house: House, rng: random.Random) -> None:
        self.ends = 0
        self.answers = 0
        self._house = house
        self._rng = rng
        self._life: Life | None = None
        self._ears: dict[Line, Hearing] = {}

    def once(self) -> None:
        """Say one thing to it, and look what it does: an answer, or an end with its cause, in time.

        Raises:
            AssertionError: If it does anything else.
        """
        life = self._life = self._life or self._begin()
        rng, incarnation = self._rng, life.interpreter.incarnation
        line = Line.DATA if rng.random() < 0.7 else Line.CONTROL
        kind = (Kind.CALL if line is Line.DATA else Kind.PING) if rng.random() < 0.8 else None
        frames = message(rng, incarnation, kind, last=life.interpreter._placement.board.lanes[0].started + 1)
        if rng.random() < 0.4:
            frames = spoilt(rng, frames)
        elif kind is Kind.CALL and rng.random() < 0.5:
            # A right header on a pickle that is none any more.
            size = len(frames[0])
            frames[0] = frames[0][:36] + rng.randbytes(size - 36)
        before = life.interpreter._placement.board.lanes[0].started
        accepted, refused = self._accepted(line, frames)
        self._send(life, line, frames)
        if refused:
            # It may have answered what it took before that.
            self._ended(life, None if accepted else before)
        elif accepted == [Kind.CALL]:
            self._answered(life)
        elif set(accepted) <= {Kind.PING, Kind.CANCEL}:
            assert life.interpreter.ping(PATIENCE) > 0
            self.answers += 1
        else:
            # It was asked to stop, or refused.
            assert life.death().exit_code in (0, 1)
            self._bury(life)

    def _begin(self) -> Life:
        life = self._house.ready(memory=_MEMORY)
        incarnation = life.interpreter.incarnation
        self._ears = {
            Line.DATA: Hearing(incarnation, {Kind.CALL}),
            Line.CONTROL: Hearing(incarnation, {Kind.PING, Kind.STOP, Kind.CANCEL, Kind.REFUSED}),
        }
        return life

    def _accepted(self, line: Line, frames: list[bytes]) -> tuple[list[Kind], bool]:
        """Return what the child's rules take of the frames, one message after the other, and whether they refuse one."""
        script, kinds = Script(), []
        script.waiting.append(list(frames))
        try:
            while script.has_more:
                kinds.append(self._ears[line].take(script)[0].kind)
        except WireError:
            return kinds, True
        return kinds, False

    def _send(self, life: Life, line: Line, frames: list[bytes]) -> None:
        interpreter = life.interpreter
        if line is Line.DATA:
            interpreter.channel.socket.send_multipart(frames, zmq.NOBLOCK)
        else:
            control = interpreter._control.socket
            assert self._house.hub.run_there(lambda: _say(control, frames), PATIENCE)

    def _answered(self, life: Life) -> None:
        socket = life.interpreter.channel.socket
        poller = zmq.Poller()
        pidfd = os.pidfd_open(life.interpreter.pid)
        poller.register(socket, zmq.POLLIN)
        poller.register(pidfd, zmq.POLLIN)
        ready = dict(poller.poll(int(PATIENCE * 1000)))
        os.close(pidfd)
        assert ready, "neither an answer nor an end"
        if socket in ready:
            assert exchange.receive(socket)[0].kind in {Kind.RESULT, Kind.ERROR}
            self.answers += 1
        else:
            # A pickle that asked for more memory than it may have.
            assert life.death().verdict is Verdict.OUT_OF_MEMORY
            self._bury(life)

    def _ended(self, life: Life, begun: int | None) -> None:
        certificate = life.death()
        if begun is not None:
            assert life.interpreter._placement.board.lanes[0].started == begun, (
                "what was not understood was begun"
            )
        assert certificate.exit_code == NOT_UNDERSTOOD, certificate.as_text()
        assert any("the service broke the protocol" in text for text in certificate.last_output)
        self._bury(life)

    def _bury(self, life: Life) -> None:
        assert life.interpreter.bury(PATIENCE)
        self.ends += 1
        self._life = None


def _say(socket: zmq.Socket[bytes], frames: list[bytes]) -> None:
    socket.send_multipart(frames, zmq.NOBLOCK)
