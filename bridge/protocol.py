"""Which message may come when: the host's side of one channel as a state machine. Pure.

It opens no socket and knows no time; whether the bytes are well formed was checked before (`wire.frames`).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

import attrs

from bridge.errors import ProtocolError
from bridge.wire.frames import CAPABILITIES, VERSION, Fault, Header, Kind

__all__ = ["ALLOWED", "Conversation", "Hello", "Line", "State"]


@final
class Line(enum.Enum):
    """The two channels of an interpreter."""

    DATA = "data"
    CONTROL = "control"


@final
class State(enum.Enum):
    """How far a channel is."""

    AWAITING_HELLO = "awaiting hello"
    OPEN = "open"
    CLOSED = "closed"


#: What the child may send; everything else is `Fault.UNEXPECTED`.
ALLOWED: Final[Mapping[tuple[Line, State], frozenset[Kind]]] = MappingProxyType(
    {
        (Line.DATA, State.AWAITING_HELLO): frozenset({Kind.HELLO}),
        (Line.DATA, State.OPEN): frozenset(
            {Kind.RESULT, Kind.ERROR, Kind.PROGRESS, Kind.LOG, Kind.CANCELLED}
        ),
        (Line.DATA, State.CLOSED): frozenset(),
        (Line.CONTROL, State.AWAITING_HELLO): frozenset({Kind.HELLO}),
        (Line.CONTROL, State.OPEN): frozenset({Kind.PONG, Kind.CANCELLED, Kind.GOODBYE}),
        (Line.CONTROL, State.CLOSED): frozenset(),
    }
)


#: Of the fields of a hello that are no text.
_TYPES: Final[Mapping[str, type]] = MappingProxyType(
    {"incarnation": int, "pid": int, "protocol": int, "capabilities": list}
)


@final
@attrs.frozen(kw_only=True)
class Hello:
    """Who the peer says it is."""

    worker: str
    incarnation: int
    nonce: str = attrs.field(repr=False)
    pid: int
    protocol: int
    python: str
    pyzmq: str
    capabilities: tuple[str, ...] = ()  #: those that we know

    @classmethod
    def parse(cls, data: bytes) -> Hello:
        """Return the hello in *data*, the JSON of a HELLO message.

        Raises:
            ProtocolError: If it is not one.
        """
        try:
            fields = json.loads(data)
            values = {field.name: fields[field.name] for field in attrs.fields(cls)}
            told = values["capabilities"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ProtocolError(Fault.GARBAGE, f"a hello that cannot be read ({error!r})") from None
        for name, value in values.items():
            expected = _TYPES.get(name, str)
            if type(value) is not expected:
                raise ProtocolError(
                    Fault.GARBAGE, f"a hello with {name}={value!r}, expected {expected.__name__}"
                )
        values["capabilities"] = tuple(name for name in CAPABILITIES if name in told)
        return cls(**values)


@final
@attrs.frozen(kw_only=True)
class Conversation:
    """One channel of one incarnation, as the host sees it."""

    line: Line
    incarnation: int
    nonce: str = attrs.field(repr=False)  #: what the process that we started was told to say
    pid: int
    state: State = State.AWAITING_HELLO
    _allowed: frozenset[Kind] = attrs.field(init=False, repr=False)

    @_allowed.default
    def _allowed_now(self) -> frozenset[Kind]:
        return ALLOWED[self.line, self.state]

    def greet(self, header: Header, hello: Hello) -> Conversation:
        """Return the conversation after the peer's hello: open.

        Raises:
            ProtocolError: If a hello may not come now, or is not from the process that we started.
        """
        self.check(header)
        if hello.protocol != VERSION:
            raise ProtocolError(Fault.VERSION, f"a hello of protocol {hello.protocol}, expected {VERSION}")
        if hello.incarnation != self.incarnation:
            raise ProtocolError(
                Fault.WRONG_ID, f"a hello of incarnation {hello.incarnation}, expected {self.incarnation}"
            )
        if hello.nonce != self.nonce or hello.pid != self.pid:
            raise ProtocolError(
                Fault.WRONG_NONCE,
                f"a hello from pid {hello.pid}, which is not the process {self.pid} that we started",
            )
        return attrs.evolve(self, state=State.OPEN)

    def check(self, header: Header) -> None:
        """Accept a message that may come now.

        Raises:
            ProtocolError: If it is of another incarnation, or its kind may not come now.
        """
        if header.incarnation != self.incarnation:
            raise ProtocolError(
                Fault.WRONG_ID,
                f"{header.kind.name} of incarnation {header.incarnation}, expected {self.incarnation}",
            )
        if header.kind not in self._allowed:
            names = ", ".join(sorted(kind.name for kind in self._allowed)) or "nothing"
            raise ProtocolError(
                Fault.UNEXPECTED,
                f"{header.kind.name} on the {self.line.value} channel ({self.state.value}), expected {names}",
            )

    def check_answer(self, header: Header, call_id: int) -> None:
        """Accept a message that belongs to the call *call_id*, the last one sent.

        Raises:
            ProtocolError: If it is not acceptable, or names a call that is over, or one that was never sent.
        """
        self.check(header)
        if header.call_id < call_id:
            raise ProtocolError(
                Fault.DUPLICATE,
                f"{header.kind.name} for call {header.call_id}, which was answered; the running one is {call_id}",
            )
        if header.call_id > call_id:
            raise ProtocolError(
                Fault.WRONG_ID,
                f"{header.kind.name} for call {header.call_id}, but the last one sent is {call_id}",
            )

    def closed(self) -> Conversation:
        """Return the conversation after its end: nothing may come any more."""
        return attrs.evolve(self, state=State.CLOSED)
