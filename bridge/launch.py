"""What an interpreter has before anybody talks to it: a number in the run, two sockets, an identity, a process.

All of it, or nothing of it is left. How the process comes to life is the launcher's (`launchers`); its handshake, life
and end are in `interpreter_process`.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import final

import attrs

from bridge.channel import Socket
from bridge.connection import Connection
from bridge.errors import LaunchFailed
from bridge.events import PlacementNoticed
from bridge.hub import Hub
from bridge.launchers.launcher import Identity, LaunchSpec, Placement
from bridge.launchers.notices import Notice
from bridge.main_guard import refuse_unguarded_main
from bridge.options import InterpreterOptions
from bridge.protocol import Line
from supervision.events import Event

__all__ = ["Launched", "launch"]


@final
@attrs.frozen(kw_only=True)
class Launched:
    """A process that runs and has not been heard of yet."""

    number: int  #: its entry in the run directory
    identity: Identity
    placement: Placement
    sockets: Mapping[Line, Socket]  #: bound, the calling thread's for now
    connections: Mapping[Line, Connection]
    since: float  #: when it was launched, on the hub's clock
    codec: str  #: how calls are written to it
    refused: Sequence[Exception]  #: what the listener raised at a notice; the hub's thread's


def launch(
    hub: Hub, options: InterpreterOptions, *, worker: str, incarnation: int, listener: Callable[[Event], None]
) -> Launched:
    """Have the hub's launcher launch one; see ``Interpreter.launch``. Blocks for that: of a process, the exec.

    Raises:
        InterpreterUnusable, LaunchFailed, HubClosed: Nothing of it is left.
    """
    refuse_unguarded_main(worker)
    hub.launcher.check(options)
    try:
        number = hub.admit()
    except OSError as error:
        raise LaunchFailed(worker, f"no file descriptors are left for it: {error.strerror}") from error
    refused: list[Exception] = []

    def tell(event: PlacementNoticed) -> None:
        try:
            listener(event)
        except Exception as error:  # as with every event: it is this interpreter's end, and nobody else's
            refused.append(error)
            hub.blame(number, error)

    def sink(notice: Notice) -> None:
        # On the hub's thread, as everything else that is told; not waited for.
        event = PlacementNoticed(worker=worker, incarnation=incarnation, notice=notice)
        hub.run_there(lambda: tell(event), 0)

    nonce = secrets.token_hex(16)
    with contextlib.ExitStack() as undo:
        undo.callback(hub.run.remove_entry, number)
        sockets: dict[Line, Socket] = {}
        connections: dict[Line, Connection] = {}
        for line, letter in ((Line.DATA, "d"), (Line.CONTROL, "c")):
            try:
                sockets[line], connections[line] = hub.bind(
                    hub.run.socket(number, letter), functools.partial(Connection, line)
                )
            except OSError as error:
                raise LaunchFailed(worker, f"its sockets cannot be made: {error}") from error
            undo.callback(sockets[line].close, linger=0)
            undo.callback(connections[line].close)
        identity = Identity(
            worker=worker,
            incarnation=incarnation,
            nonce=nonce,
            mark=hub.run.mark(number),
            data=f"ipc://{hub.run.socket(number, 'd')}",
            control=f"ipc://{hub.run.socket(number, 'c')}",
            library=str(hub.run.library),
        )
        since = hub.clock.now()
        (placement,) = hub.launcher.launch([LaunchSpec(options=options, identity=identity, sink=sink)])
        undo.pop_all()
    return Launched(
        number=number,
        identity=identity,
        placement=placement,
        sockets=sockets,
        connections=connections,
        since=since,
        codec=options.codec,
        refused=refused,
    )
