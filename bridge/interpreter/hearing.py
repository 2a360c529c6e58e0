"""What the child takes from its host: messages of its own incarnation, of a kind that may come, each call once.

A host that says anything else is not understood, so nothing of it is run: the interpreter ends, and says why.
"""

from __future__ import annotations

import os
from collections.abc import Set
from typing import Final, NoReturn

from bridge.wire import exchange
from bridge.wire.frames import HEADER_SIZE, Fault, Kind, WireError, opening_of, usual

__all__ = ["NOT_UNDERSTOOD", "Hearing", "end"]

#: Exit code of an interpreter whose host broke the protocol (EX_PROTOCOL of sysexits.h).
NOT_UNDERSTOOD: Final = 76


class Hearing:
    """One channel as the child hears it: *kinds* of messages for *incarnation*."""

    def __init__(self, incarnation: int, kinds: Set[Kind]) -> None:
        self._incarnation = incarnation
        self._kinds = kinds
        self._last_call = 0
        self._opening = opening_of(Kind.CALL, incarnation)

    def take_call(self, socket: exchange.MessageSocket) -> tuple[int, list[memoryview]]:
        """Take a call that is already there, and return its number and its body; does not wait.

        Raises:
            WireError: As ``take``, of which this is the short way for nearly all calls.
            zmq.Again: If there is none.
        """
        first = socket.recv(exchange.NOBLOCK)
        call_id = usual(first, self._opening)
        if call_id is None or call_id <= self._last_call:
            header, body = self._checked(exchange.read(socket, first))
            return header.call_id, body
        self._last_call = call_id
        return call_id, [memoryview(first)[HEADER_SIZE:]]

    def take(self, socket: exchange.MessageSocket) -> exchange.Message:
        """Take one message that is already there; does not wait.

        Raises:
            WireError: If it is not well formed, or may not come.
            zmq.Again: If there is none.
        """
        return self._checked(exchange.receive(socket))

    def _checked(self, message: exchange.Message) -> exchange.Message:
        header = message[0]
        if header.incarnation != self._incarnation:
            raise WireError(
                Fault.WRONG_ID,
                f"{header.kind.name} for incarnation {header.incarnation}, this is {self._incarnation}",
            )
        if header.kind not in self._kinds:
            names = ", ".join(sorted(kind.name for kind in self._kinds))
            raise WireError(Fault.UNEXPECTED, f"{header.kind.name}, expected {names}")
        if header.kind is Kind.CALL:
            if header.call_id <= self._last_call:
                raise WireError(
                    Fault.DUPLICATE, f"CALL {header.call_id}, but {self._last_call} was the last one"
                )
            self._last_call = header.call_id
        return message


def end(error: WireError) -> NoReturn:
    """End this interpreter, whichever thread runs this, after a message that it does not understand."""
    os.write(2, f"the service broke the protocol ({error}); nothing of that was run\n".encode())
    os._exit(NOT_UNDERSTOOD)
